/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/random.h"
#include "engine/io/safetensors.h"
#include "tests/unit/scratch.h"

#include <math.h>

Suite *safetensors_suite(void);

/* One tensor: T("a", "F32", "[2]", "[0,8]") */
#define T(name, type, shape, place)                                                                                \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" place "}"
#define A8 T("a", "F32", "[2]", "[0,8]")

/* A header, the bytes of data after it, and what the message must say. */
typedef struct Case {
    const char *header;
    size_t data;
    const char *words;
} Case;

static const Case malformed[] = {
    /* the header as a text */
    {"", 8, "does not start with '{'"},
    {" {}", 0, "does not start with '{' at byte 8"},
    {"[]", 0, "does not start with '{'"},
    {"\xef\xbb\xbf{}", 0, "does not start with '{'"},
    {"null", 0, "does not start with '{'"},
    {"{", 0, "its header, from byte 8 on, is not JSON: line 1"},
    {"{}x", 0, "is not JSON: line 1, column 3: end of file expected"},
    {"{}{}", 0, "end of file expected"},
    {"{" A8 ",}", 8, "is not JSON"},
    {"{'a':1}", 0, "is not JSON"},
    {"{\"a\xff\":1}", 0, "unable to decode byte 0xff"},
    {"{\"\\ud800\":1}", 0, "is not JSON"},
    {"{\"a\\u0000b\":1}", 0, "is not JSON"},
    {"{" A8 "," A8 "}", 8, "duplicate object key"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
     "duplicate object key"},
    {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "duplicate object key"},
    /* metadata */
    {"{\"__metadata__\":null}", 0, "has null as its __metadata__"},
    {"{\"__metadata__\":[]}", 0, "has an array as its __metadata__"},
    {"{\"__metadata__\":\"pt\"}", 0, "has a string as its __metadata__"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "has an integer in its __metadata__ under 'k'"},
    {"{\"__metadata__\":{\"k\":{}}}", 0, "has an object in its __metadata__ under 'k'"},
    /* the description of a tensor */
    {"{\"\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "a tensor without a name"},
    {"{\"a\":1}", 0, "tensor 'a' is described by an integer"},
    {"{\"a\":null}", 0, "tensor 'a' is described by null"},
    {"{\"a\":[]}", 0, "tensor 'a' is described by an array"},
    {"{\"a\":{}}", 0, "tensor 'a' has no 'dtype'"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "tensor 'a' has no 'shape'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "tensor 'a' has no 'data_offsets'"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"strides\":[1]}}", 8, "has keys besides"},
    {"{" T("a", "f32", "[2]", "[0,8]") "}", 8, "unknown dtype 'f32'"},
    {"{" T("a", "F33", "[2]", "[0,8]") "}", 8, "unknown dtype 'F33'"},
    {"{" T("a", "", "[2]", "[0,8]") "}", 8, "unknown dtype ''"},
    {"{" T("a", "F4", "[16]", "[0,8]") "}", 8, "unknown dtype 'F4'"},
    {"{\"a\":{\"dtype\":32,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "has an integer as its dtype"},
    {"{\"a\":{\"dtype\":null,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "has null as its dtype"},
    {"{" T("a", "F32", "2", "[0,8]") "}", 8, "has an integer as its shape"},
    {"{" T("a", "F32", "null", "[0,8]") "}", 8, "has null as its shape"},
    {"{" T("a", "F32", "{}", "[0,8]") "}", 8, "has an object as its shape"},
    {"{" T("a", "F32", "[\"2\"]", "[0,8]") "}", 8, "has a string in its shape"},
    {"{" T("a", "F32", "[2.0]", "[0,8]") "}", 8, "has a real number in its shape"},
    {"{" T("a", "F32", "[1e1]", "[0,40]") "}", 40, "has a real number in its shape"},
    {"{" T("a", "F32", "[true]", "[0,4]") "}", 4, "has true in its shape"},
    {"{" T("a", "F32", "[[2]]", "[0,8]") "}", 8, "has an array in its shape"},
    {"{" T("a", "F32", "[-2]", "[0,8]") "}", 8, "the negative number -2 in its shape"},
    {"{" T("a", "F32", "[-1,-2]", "[0,8]") "}", 8, "the negative number -1 in its shape"},
    {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") "}", 8, "has 9 dimensions; at most 8"},
    {"{" T("a", "F32", "[99999999999999999999]", "[0,8]") "}", 8, "too big integer"},
    /* sizes */
    {"{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "its size overflows 64 bits"},
    {"{" T("a", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, "its size overflows 64 bits"},
    {"{" T("a", "F64", "[9223372036854775807]", "[0,8]") "}", 8, "its size overflows 64 bits"},
    {"{" T("a", "F32", "[3]", "[0,8]") "}", 8, "claims bytes 0 to 8, which is not the 12 bytes of F32[3]"},
    {"{" T("a", "F32", "[]", "[0,8]") "}", 8, "which is not the 4 bytes of F32[]"},
    {"{" T("a", "F32", "[0]", "[0,8]") "}", 8, "which is not the 0 bytes of F32[0]"},
    {"{" T("a", "F16", "[2]", "[0,8]") "}", 8, "which is not the 4 bytes of F16[2]"},
    /* places */
    {"{" T("a", "F32", "[2]", "8") "}", 8, "data_offsets that are not an array of two integers"},
    {"{" T("a", "F32", "[2]", "[0]") "}", 8, "data_offsets that are not an array of two integers"},
    {"{" T("a", "F32", "[2]", "[0,8,8]") "}", 8, "data_offsets that are not an array of two integers"},
    {"{" T("a", "F32", "[2]", "[0,\"8\"]") "}", 8, "has a string in its data_offsets"},
    {"{" T("a", "F32", "[2]", "[0,8.0]") "}", 8, "has a real number in its data_offsets"},
    {"{" T("a", "F32", "[2]", "[-8,0]") "}", 8, "the negative number -8 in its data_offsets"},
    {"{" T("a", "F32", "[2]", "[8,0]") "}", 8, "claims bytes 8 to 0, which is backwards"},
    {"{" T("a", "F32", "[2]", "[0,8]") "}", 7, "claims bytes 0 to 8, but the file's data ends at 7"},
    {"{" T("a", "F32", "[16384]", "[0,65536]") "}", 40000,
     "claims bytes 0 to 65,536, but the file's data ends at 40,000"},
    {"{" T("a", "F32", "[2]", "[0,9223372036854775807]") "}", 8, "but the file's data ends at 8"},
    {"{" T("a", "F32", "[2]", "[4,12]") "}", 12,
     "starts at byte 4, but the data before it ends at 0: there is a hole"},
    {"{" A8 "," T("b", "F32", "[1]", "[12,16]") "}", 16,
     "tensor 'b' starts at byte 12, but the data before it ends at 8"},
    {"{" A8 "," T("b", "F32", "[2]", "[4,12]") "}", 12,
     "tensor 'b' starts at byte 4 inside tensor 'a', which ends at 8"},
    {"{" A8 "," T("b", "F32", "[2]", "[0,8]") "}", 8,
     "tensor 'b' starts at byte 0 inside tensor 'a', which ends at 8"},
    {"{" A8 "," T("b", "F32", "[0]", "[4,4]") "}", 8, "tensor 'b' starts at byte 4 inside tensor 'a'"},
    {"{" A8 "}", 9, "its tensors end at byte 8 of the data, but the file's data ends at 9"},
    {"{}", 1, "its tensors end at byte 0 of the data, but the file's data ends at 1"},
    {"{\"a\\nb\":1}", 0, "tensor 'a?b' is described by"},
};

/* The file of a header and so many bytes of data (0, 1, 2, ...). */
static size_t build(const char *header, size_t data, uint64_t claimed, char **out)
{
    size_t length = strlen(header), size = 8 + length + data;
    *out = malloc(size ? size : 1);
    for (int i = 0; i < 8; i++) (*out)[i] = (char)(claimed >> (8 * i));
    memcpy(*out + 8, header, length);
    for (size_t i = 0; i < data; i++) (*out)[8 + length + i] = (char)i;
    return size;
}

START_TEST(malformed_files_are_refused)
{
    const Case *at = &malformed[_i];
    char *bytes;
    Safetensors *file = NULL;
    size_t before = memory_in_use();
    size_t size = build(at->header, at->data, strlen(at->header), &bytes);
    const char *path = scratch_path("x.safetensors");
    scratch_write(path, bytes, size);
    ASSERT_FAILS(safetensors_open(path, &file), STATUS_FORMAT, at->words);
    ck_assert_ptr_null(file);
    ck_assert_ptr_nonnull(strstr(status_message(), "x.safetensors: "));
    ck_assert_ptr_nonnull(strstr(status_message(), "nothing was loaded."));
    ck_assert_uint_eq(memory_in_use(), before);
    free(bytes);
}
END_TEST

START_TEST(malformed_lengths_are_refused)
{
    static const struct {
        uint64_t claimed;
        size_t size;
        const char *words;
    } cases[] = {{0, 1, "has 1 bytes; a safetensors file has at least 8"},
                 {0, 7, "has 7 bytes; a safetensors file has at least 8"},
                 {0, 8, "does not start with '{'"},
                 {3, 10, "claims a header from byte 8 to 11, but the file ends at 10"},
                 {100000000, 10, "claims a header from byte 8 to 100,000,008, but the file ends at 10"},
                 {100000001, 10, "more than the format's limit of 100,000,000"},
                 {UINT64_MAX, 10, "more than the format's limit"},
                 {UINT64_MAX - 7, 10, "more than the format's limit"},
                 {UINT64_C(1) << 63, 10, "more than the format's limit"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *bytes;
        Safetensors *file;
        build("{}", 0, cases[i].claimed, &bytes);
        ASSERT_FAILS(safetensors_parse("x", bytes, cases[i].size, &file), STATUS_FORMAT, cases[i].words);
        free(bytes);
    }
    Safetensors *file;
    ASSERT_FAILS(safetensors_parse("x", "", 0, &file), STATUS_FORMAT, "has 0 bytes");
    ASSERT_FAILS(safetensors_open(scratch_path("none"), &file), STATUS_IO, "there is no such file");
    ASSERT_FAILS(safetensors_open(scratch_folder, &file), STATUS_IO, "it is a directory");
    scratch_write(scratch_path("empty"), "", 0);
    ASSERT_FAILS(safetensors_open(scratch_path("empty"), &file), STATUS_FORMAT, "is empty");
}
END_TEST

START_TEST(sound_files_are_read)
{
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"\xc3\xa9\"}," T("b", "U8", "[3]", "[8,11]") "," A8 "," T(
            "none", "F32", "[0,7]", "[8,8]") "," T("scalar", "U8", "[]", "[11,12]") "}   ";
    char *bytes;
    Safetensors *file;
    size_t size = build(header, 12, strlen(header), &bytes);
    ASSERT_OK(safetensors_parse("x", bytes, size, &file));
    static const char *const order[] = {"a", "none", "b", "scalar"};
    ck_assert_uint_eq(safetensors_count(file), 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(safetensors_entry(file, i)->name, order[i]);
        ck_assert_ptr_eq(safetensors_find(file, order[i]), safetensors_entry(file, i));
    }
    const SafetensorsEntry *b;
    ASSERT_OK(safetensors_get(file, "b", &b));
    ck_assert_int_eq(b->type, SAFETENSORS_U8);
    ck_assert_int_eq(b->count, 3);
    ck_assert_mem_eq(b->data, "\x08\x09\x0a", 3);
    ck_assert_int_eq(safetensors_find(file, "scalar")->ndim, 0);
    ck_assert_int_eq(safetensors_find(file, "scalar")->count, 1);
    ck_assert_uint_eq(safetensors_find(file, "none")->bytes, 0);
    ck_assert_uint_eq(safetensors_metadata_count(file), 2);
    ck_assert_str_eq(safetensors_metadata_find(file, "format"), "pt");
    ck_assert_ptr_null(safetensors_metadata_find(file, "none"));
    const char *key, *value;
    safetensors_metadata(file, 1, &key, &value);
    ck_assert_str_eq(key, "note");
    ck_assert_uint_eq(safetensors_data_bytes(file), 12);
    ASSERT_FAILS(safetensors_get(file, "scaler", &b), STATUS_INVALID,
                 "x: has no tensor 'scaler'; did you mean 'scalar'?");
    char text[SAFETENSORS_TEXT_SIZE];
    ck_assert_str_eq(safetensors_text(safetensors_find(file, "none"), text), "F32[0,7]");
    safetensors_close(file);
    safetensors_close(NULL);
    free(bytes);
}
END_TEST

START_TEST(elements_are_converted)
{
    static const char header[] = "{" T("f64", "F64", "[1]", "[0,8]") "," T("f16", "F16", "[6]", "[8,20]") "," T(
        "bf16", "BF16", "[1]",
        "[20,22]") "," T("i8", "I8", "[2]",
                         "[22,24]") "," T("i64", "I64", "[1]",
                                          "[24,32]") "," T("u64", "U64", "[1]",
                                                           "[32,40]") "," T("bool", "BOOL", "[2]",
                                                                            "[40,42]") "," T("f8", "F8_E4M3", "[1]",
                                                                                             "[42,43]") "}";
    char *bytes, *data;
    size_t size = build(header, 43, strlen(header), &bytes);
    data = bytes + 8 + strlen(header);
    static const uint16_t halves[6] = {0x3c00, 0xc000, 0x0001, 0x7c00, 0x7bff, 0x83ff};
    static const float singles[6] = {1, -2, 0x1p-24f, INFINITY, 65504, -0x1.ff8p-15f};
    double pi = 3.14159265358979;
    int64_t big = -5000000000;
    uint64_t huge = UINT64_MAX;
    memcpy(data, &pi, 8);
    memcpy(data + 8, halves, 12);
    memcpy(data + 20, &(uint16_t){0x3f80}, 2);
    memcpy(data + 22, "\xff\x7f", 2);
    memcpy(data + 24, &big, 8);
    memcpy(data + 32, &huge, 8);
    memcpy(data + 40, "\0\1", 2);
    Safetensors *file;
    ASSERT_OK(safetensors_parse("x", bytes, size, &file));
    float f[6];
    uint16_t h[6];
    int64_t l[2];
    int32_t i[2];
    uint8_t u[2];
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "f64"), DTYPE_F32, f));
    ck_assert(f[0] == (float)pi);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "f16"), DTYPE_F32, f));
    ck_assert_mem_eq(f, singles, sizeof f);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "bf16"), DTYPE_F32, f));
    ck_assert(f[0] == 1);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "bf16"), DTYPE_BF16, h));
    ck_assert_uint_eq(h[0], 0x3f80);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "f16"), DTYPE_BF16, h));
    ck_assert_uint_eq(h[1], 0xc000);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "i8"), DTYPE_I64, l));
    ck_assert(l[0] == -1 && l[1] == 127);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "i64"), DTYPE_I64, l));
    ck_assert(l[0] == big);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "bool"), DTYPE_U8, u));
    ck_assert(u[0] == 0 && u[1] == 1);
    ASSERT_OK(safetensors_load(file, safetensors_find(file, "bool"), DTYPE_I32, i));
    ck_assert(i[0] == 0 && i[1] == 1);
    ASSERT_FAILS(safetensors_load(file, safetensors_find(file, "i64"), DTYPE_I32, i), STATUS_INVALID,
                 "x: tensor 'i64' has a value at element 0 that does not fit i32");
    ASSERT_FAILS(safetensors_load(file, safetensors_find(file, "i8"), DTYPE_U8, u), STATUS_INVALID,
                 "does not fit u8");
    ASSERT_FAILS(safetensors_load(file, safetensors_find(file, "u64"), DTYPE_I64, l), STATUS_INVALID,
                 "does not fit i64");
    ASSERT_FAILS(safetensors_load(file, safetensors_find(file, "f64"), DTYPE_I64, l), STATUS_INVALID,
                 "x: tensor 'f64' is F64, which cannot be read as i64");
    ASSERT_FAILS(safetensors_load(file, safetensors_find(file, "f8"), DTYPE_F32, f), STATUS_INVALID,
                 "F8_E4M3, which cannot");
    ASSERT_FAILS(safetensors_load(file, safetensors_find(file, "i8"), DTYPE_F32, f), STATUS_INVALID,
                 "cannot be read as f32");
    safetensors_close(file);
    free(bytes);
}
END_TEST

static const float weights[6] = {0.5f, -1, 2, 3e-39f, 1e30f, -0.0f};
static const SafetensorsMetadata metadata[] = {{"format", "pt"}};

static const SafetensorsEntry sample[] = {
    {.name = "z.ids", .type = SAFETENSORS_I64, .ndim = 1, .shape = {1}, .data = &(int64_t){-2}},
    {.name = "b.weight", .type = SAFETENSORS_F32, .ndim = 2, .shape = {2, 3}, .data = weights},
    {.name = "none", .type = SAFETENSORS_F32, .ndim = 2, .shape = {0, 3}, .data = NULL},
    {.name = "a.bias", .type = SAFETENSORS_F32, .ndim = 0, .data = weights},
    {.name = "mask", .type = SAFETENSORS_U8, .ndim = 1, .shape = {3}, .data = "\1\0\1"},
    {.name = "half", .type = SAFETENSORS_BF16, .ndim = 1, .shape = {1}, .data = &(uint16_t){0x3f80}},
};
enum { SAMPLE_COUNT = sizeof sample / sizeof *sample };

START_TEST(written_files_are_the_formats_own)
{
    const char *path = scratch_path("w.safetensors"), *again = scratch_path("w2.safetensors");
    SafetensorsEntry reversed[SAMPLE_COUNT];
    for (int i = 0; i < SAMPLE_COUNT; i++) reversed[i] = sample[SAMPLE_COUNT - 1 - i];
    ASSERT_OK(safetensors_write(path, false, sample, SAMPLE_COUNT, metadata, 1));
    ASSERT_OK(safetensors_write(again, true, reversed, SAMPLE_COUNT, metadata, 1));
    Buffer a = {0}, b = {0};
    ASSERT_OK(file_read(path, 0, &a));
    ASSERT_OK(file_read(again, 0, &b));
    ck_assert_uint_eq(a.length, b.length);
    ck_assert_mem_eq(a.data, b.data, a.length);
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"}," T("z.ids", "I64", "[1]", "[0,8]") "," T(
        "a.bias", "F32", "[]",
        "[8,12]") "," T("b.weight", "F32", "[2,3]",
                        "[12,36]") "," T("none", "F32", "[0,3]",
                                         "[36,36]") "," T("half", "BF16", "[1]",
                                                          "[36,38]") "," T("mask", "U8", "[3]", "[38,41]") "}";
    size_t padded = (strlen(header) + 7) / 8 * 8;
    ck_assert_uint_eq((unsigned char)a.data[0] | (size_t)(unsigned char)a.data[1] << 8, padded);
    ck_assert_mem_eq(a.data + 8, header, strlen(header));
    ck_assert_uint_eq(strspn(a.data + 8 + strlen(header), " "), padded - strlen(header));
    ck_assert_uint_eq(a.length, 8 + padded + 41);
    buffer_free(&a);
    buffer_free(&b);
    Safetensors *file;
    ASSERT_OK(safetensors_open(path, &file));
    ck_assert_mem_eq(safetensors_find(file, "b.weight")->data, weights, sizeof weights);
    ck_assert_uint_eq((uintptr_t)safetensors_find(file, "b.weight")->data % 4, 0);
    safetensors_close(file);
    ASSERT_OK(safetensors_write(path, false, NULL, 0, NULL, 0));
    ASSERT_OK(safetensors_open(path, &file));
    ck_assert_uint_eq(safetensors_count(file), 0);
    safetensors_close(file);
}
END_TEST

/* --- the files that tests/parity/safetensors_numpy.py wrote --- */

/* In the order of that script, with the dtype to which Lathe reads each. */
static const struct {
    const char *name;
    SafetensorsType type;
    DType as;
} kinds[] = {
    {"bool", SAFETENSORS_BOOL, DTYPE_U8},  {"u8", SAFETENSORS_U8, DTYPE_U8},    {"i8", SAFETENSORS_I8, DTYPE_I32},
    {"i16", SAFETENSORS_I16, DTYPE_I32},   {"u16", SAFETENSORS_U16, DTYPE_I64}, {"f16", SAFETENSORS_F16, DTYPE_F32},
    {"bf16", SAFETENSORS_BF16, DTYPE_F32}, {"i32", SAFETENSORS_I32, DTYPE_I32}, {"u32", SAFETENSORS_U32, DTYPE_I64},
    {"f32", SAFETENSORS_F32, DTYPE_F32},   {"f64", SAFETENSORS_F64, DTYPE_F32}, {"i64", SAFETENSORS_I64, DTYPE_I64},
    {"u64", SAFETENSORS_U64, DTYPE_I64}};
enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

/* The value of element i of a tensor of the k-th type. */
static double expected_value(int k, int64_t i)
{
    int64_t v = (7 * i + 13 * k) % 101;
    if (kinds[k].type == SAFETENSORS_BOOL) return (double)(v % 2);
    if (kinds[k].as == DTYPE_F32) return (double)(v - 50) / 8;
    return (double)(kinds[k].name[0] == 'i' ? v - 50 : v);
}

static void assert_tensor(const Safetensors *file, int k, const char *suffix, int ndim, int64_t count)
{
    char name[32];
    const SafetensorsEntry *entry;
    union {
        float f32[15];
        int32_t i32[15];
        int64_t i64[15];
        uint8_t u8[15];
    } values;
    snprintf(name, sizeof name, "%s.%s", kinds[k].name, suffix);
    ASSERT_OK(safetensors_get(file, name, &entry));
    ck_assert_int_eq(entry->type, kinds[k].type);
    ck_assert_int_eq(entry->ndim, ndim);
    ck_assert_int_eq(entry->count, count);
    ASSERT_OK(safetensors_load(file, entry, kinds[k].as, &values));
    for (int64_t i = 0; i < count; i++) {
        double value = kinds[k].as == DTYPE_F32   ? (double)values.f32[i]
                       : kinds[k].as == DTYPE_I32 ? (double)values.i32[i]
                       : kinds[k].as == DTYPE_I64 ? (double)values.i64[i]
                                                  : (double)values.u8[i];
        ck_assert_msg(value == expected_value(k, i), "%s[%d] is %g", name, (int)i, value);
    }
}

START_TEST(files_of_numpy_are_read)
{
    static const char *const paths[] = {TEST_GOLDEN "/safetensors_canonical.safetensors",
                                        TEST_GOLDEN "/safetensors_odd.safetensors"};
    for (int i = 0; i < 2; i++) {
        Safetensors *file;
        ASSERT_OK(safetensors_open(paths[i], &file));
        ck_assert_uint_eq(safetensors_count(file), 3 * KIND_COUNT);
        for (int k = 0; k < KIND_COUNT; k++) {
            assert_tensor(file, k, "matrix", 2, 15);
            assert_tensor(file, k, "scalar", 0, 1);
            assert_tensor(file, k, "none", 2, 0);
        }
        ck_assert_str_eq(safetensors_metadata_find(file, "note"),
                         "made by numpy: \xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80 \"quoted\"");
        safetensors_close(file);
    }
}
END_TEST

/* What numpy wrote, read and written again by Lathe, is the same file: so numpy reads what Lathe writes. */
START_TEST(written_files_are_those_of_numpy)
{
    const char *golden = TEST_GOLDEN "/safetensors_canonical.safetensors", *path = scratch_path("again");
    Safetensors *file;
    Buffer theirs = {0}, ours = {0};
    ASSERT_OK(safetensors_open(TEST_GOLDEN "/safetensors_odd.safetensors", &file));
    SafetensorsMetadata texts[2];
    for (size_t i = 0; i < 2; i++) safetensors_metadata(file, i, &texts[i].key, &texts[i].value);
    ASSERT_OK(safetensors_write(path, false, safetensors_entry(file, 0), safetensors_count(file), texts, 2));
    safetensors_close(file);
    ASSERT_OK(file_read(golden, 0, &theirs));
    ASSERT_OK(file_read(path, 0, &ours));
    ck_assert_uint_eq(ours.length, theirs.length);
    ck_assert_mem_eq(ours.data, theirs.data, ours.length);
    buffer_free(&theirs);
    buffer_free(&ours);
}
END_TEST

static Status write_one(SafetensorsEntry entry)
{
    SafetensorsEntry both[2] = {sample[1], entry};
    return safetensors_write(scratch_path("w"), false, both, 2, NULL, 0);
}

START_TEST(unsound_tensors_are_not_written)
{
    SafetensorsEntry entry = sample[4];
    entry.name = "";
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "a tensor has no name");
    entry.name = "__metadata__";
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "no tensor may be named '__metadata__'");
    entry.name = "b.weight";
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "two tensors are named 'b.weight'");
    entry.name = "\xff";
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "is not UTF-8");
    entry.name = "n";
    entry.shape[0] = -1;
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "the type or shape of tensor 'n' is not sound");
    entry.shape[0] = INT64_MAX;
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "overflow");
    entry.ndim = 9;
    ASSERT_FAILS(write_one(entry), STATUS_INVALID, "is not sound");
    ck_assert(!file_exists(scratch_path("w")));
}
END_TEST

/* Seeded mutations of a sound file: whatever comes out is read or refused, and what is read can be looked at. */
START_TEST(mutated_files_never_crash)
{
    const char *path = scratch_path("w");
    ASSERT_OK(safetensors_write(path, false, sample, SAMPLE_COUNT, metadata, 1));
    Buffer sound = {0};
    ASSERT_OK(file_read(path, 0, &sound));
    Random random = random_stream(random_key((uint64_t)_i, "safetensors fuzz"));
    size_t before = memory_in_use(), taken = 0, refused = 0;
    for (int round = 0; round < 5000; round++) {
        size_t size = sound.length;
        char *bytes = malloc(size + 64);
        memcpy(bytes, sound.data, size);
        for (uint64_t change = 1 + random_below(&random, 4); change > 0 && size > 0; change--) {
            size_t at = random_below(&random, size), length = random_below(&random, 16);
            if (length > size - at) length = size - at;
            switch (random_below(&random, 5)) {
            case 0: bytes[at] ^= (char)(1 << random_below(&random, 8)); break;
            case 1: bytes[at] = "0123456789-[]{},:\"\\. e"[random_below(&random, 22)]; break;
            case 2: size = at; break;
            case 3: memmove(bytes + random_below(&random, size - length + 1), bytes + at, length); break;
            default: /* a piece is taken out */
                memmove(bytes + at, bytes + at + length, size - at - length);
                size -= length;
                break;
            }
        }
        char *exact = malloc(size ? size : 1); /* so that the address sanitizer sees the end */
        memcpy(exact, bytes, size);
        Safetensors *file;
        Status status = safetensors_parse("fuzz", exact, size, &file);
        ck_assert(status == STATUS_OK || status == STATUS_FORMAT);
        if (status == STATUS_OK) {
            unsigned sum = 0;
            for (size_t i = 0; i < safetensors_count(file); i++) {
                const SafetensorsEntry *entry = safetensors_entry(file, i);
                for (uint64_t k = 0; k < entry->bytes; k++) sum += ((const unsigned char *)entry->data)[k];
                ck_assert_ptr_eq(safetensors_find(file, entry->name), entry);
            }
            ck_assert_uint_le(sum, 255 * 41);
            safetensors_close(file);
            taken++;
        } else {
            refused++;
        }
        free(exact);
        free(bytes);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_gt(taken, 100);
    ck_assert_uint_gt(refused, 1000);
    buffer_free(&sound);
}
END_TEST

START_TEST(failed_allocations_and_writes_are_told)
{
    const char *path = scratch_path("w");
    size_t before = memory_in_use();
    Status status = STATUS_NOMEM;
    uint64_t n = 0;
    for (; status != STATUS_OK; n++) {
        memory_fail_after(n + 1, 0);
        status = safetensors_write(path, false, sample, SAMPLE_COUNT, metadata, 1);
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        ck_assert_uint_eq(memory_in_use(), before);
    }
    for (n = 0, status = STATUS_NOMEM; status != STATUS_OK; n++) {
        Safetensors *file;
        memory_fail_after(n + 1, 0);
        status = safetensors_open(path, &file);
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        if (status == STATUS_OK) safetensors_close(file);
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_uint_gt(n, 20);
    for (n = 1, status = STATUS_IO; status != STATUS_OK; n++) {
        file_fail_after(n, 0);
        status = safetensors_write(path, false, sample, 2, NULL, 0);
        file_fail_after(0, 0);
        Safetensors *file;
        ASSERT_OK(safetensors_open(path, &file));
        safetensors_close(file);
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

Suite *safetensors_suite(void)
{
    Suite *suite = suite_create("safetensors");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_loop_test(cases, malformed_files_are_refused, 0, sizeof malformed / sizeof *malformed);
    tcase_add_test(cases, malformed_lengths_are_refused);
    tcase_add_test(cases, sound_files_are_read);
    tcase_add_test(cases, elements_are_converted);
    tcase_add_test(cases, written_files_are_the_formats_own);
    tcase_add_test(cases, files_of_numpy_are_read);
    tcase_add_test(cases, written_files_are_those_of_numpy);
    tcase_add_test(cases, unsound_tensors_are_not_written);
    tcase_add_loop_test(cases, mutated_files_never_crash, 0, 4);
    tcase_add_test(cases, failed_allocations_and_writes_are_told);
    suite_add_tcase(suite, cases);
    return suite;
}
