/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Readers and hostile files: seeded mutations of sound files. Whatever comes out is read, or refused in words that
 * name the file; nothing crashes and nothing leaks. it is longer at full scale (scale.h). */
#include "datasets/squad.h"
#include "datasets/svmlight.h"
#include "datasets/text_files.h"
#include "datasets/wordpiece.h"
#include "engine/base/random.h"
#include "engine/io/checkpoints.h"
#include "engine/io/json.h"
#include "engine/io/run_directory.h"
#include "tests/unit/scale.h"
#include "tests/unit/scratch.h"

enum { ROUNDS = 300, LONG_ROUNDS = 10000, MOST_BYTES = 4096 };

typedef struct Target {
    const char *name, *file; /* the file is written into the scratch folder */
    const char *sound, *pieces;
    Status (*read)(const char *path);
} Target;

/* --- the readers --- */

static Status read_json(const char *path)
{
    json_t *value;
    TRY(json_read(path, MOST_BYTES * 2, &value));
    json_decref(value);
    return STATUS_OK;
}

static Status read_text(const char *path)
{
    for (int64_t cut = TEXT_CUT_LINES; cut <= TEXT_CUT_PARAGRAPHS; cut++) {
        Corpus *corpus;
        TRY(text_file_read(path, &(TextFileConfig){cut}, &corpus));
        ck_assert_int_gt(corpus->sentence_count, 0);
        ck_assert_int_eq(corpus->sentences[corpus->sentence_count], (int64_t)corpus->bytes.length);
        corpus_unref(corpus);
    }
    return STATUS_OK;
}

static Status read_table(Status (*read)(const char *, const TableConfig *, Corpus **), const Option *options,
                         const char *path)
{
    TableConfig config;
    Corpus *corpus;
    memset(&config, 0, sizeof config);
    option_defaults(options, &config);
    strcpy(config.label, "label");
    TRY(read(path, &config, &corpus));
    for (int64_t i = 0; i < corpus->document_count; i++) ck_assert_int_lt(corpus->labels[i], corpus->class_count);
    corpus_unref(corpus);
    return STATUS_OK;
}

static Status read_jsonl(const char *path)
{
    return read_table(jsonl_read, jsonl_options, path);
}

static Status read_csv(const char *path)
{
    return read_table(csv_read, csv_options, path);
}

static Status read_labelled_lines(const char *path)
{
    return read_table(labelled_lines_read, labelled_lines_options, path);
}

static Status read_squad(const char *path)
{
    Squad *squad;
    TRY(squad_read(path, false, &squad));
    for (int64_t i = 0; i < squad->answer_count; i++) ck_assert_uint_lt(squad->answers[i].end, squad->text.length);
    squad_unref(squad);
    return STATUS_OK;
}

static Status read_svmlight(const char *path)
{
    SvmlightConfig config;
    Source *train, *valid;
    Batch batch;
    Cursor cursor = {0};
    memset(&config, 0, sizeof config);
    option_defaults(svmlight_options, &config);
    config.features = 9;
    TRY(svmlight_read(path, &config, &train, &valid));
    ASSERT_OK(train->type->next(train, NULL, &cursor, &batch));
    for (int64_t i = 0; i < batch.size * 9; i++) ck_assert(tensor_get(batch_find(&batch, "features"), i) < 1e39);
    batch_clear(&batch);
    source_unref(train);
    return STATUS_OK;
}

/* What is read encodes any bytes to ids of the vocabulary. */
static Status read_vocabulary(const char *path)
{
    static const char text[] = "The cat\xff [MASK] sat \xe4\xbd\xa0s.";
    WordPieceLoadConfig config = {0};
    WordPiece *tokenizer;
    TokenList tokens = {0};
    TRY(wordpiece_load(path, &config, &tokenizer));
    ASSERT_OK(wordpiece_encode(tokenizer, text, sizeof text - 1, &tokens));
    ck_assert_int_gt(tokens.count, 0);
    token_list_free(&tokens);
    wordpiece_unref(tokenizer);
    return STATUS_OK;
}

static Status read_config(const char *path)
{
    json_t *config;
    (void)path;
    TRY(run_directory_read_config(scratch_path("run"), &config));
    ck_assert(json_is_object(config) && json_object_get(config, "seed"));
    json_decref(config);
    return STATUS_OK;
}

static Status cut_metrics(const char *path)
{
    RunDirectory *run;
    (void)path;
    scratch_write(scratch_path("run/config.json"), "{\"seed\": 1}", 11);
    TRY(run_directory_resume(scratch_path("run"), &run));
    Status status = run_directory_cut_metrics(run, 2);
    run_directory_close(run);
    return status;
}

static Status read_state(const char *path)
{
    Checkpoint checkpoint;
    (void)path;
    TRY(checkpoints_open(scratch_path("run"), 7, &checkpoint));
    ck_assert_int_eq(checkpoint.step, 7);
    checkpoint_close(&checkpoint);
    return STATUS_OK;
}

static const Target targets[] = {
    {"json", "a.json",
     "{\"a\": [1, -2.5e3, \"x\\u00e9\\ud83d\\ude00\", null, true], \"b\": {\"c\": {}, \"d\": []}}",
     "{}[]\",:\\0123456789eE+-.tfn", read_json},
    {"text", "a.txt",
     "\xef\xbb\xbfThe cat sat. \"Did it?\" asked Dr. Who.\r\n\r\nGr\xc3\xbc\xc3\x9f "
     "Gott!\n\xe4\xbd\xa0\xe5\xa5\xbd\xe3"
     "\x80\x82\xe4\xb8\x96\xe7\x95\x8c\n\n\xf0\x9f\x98\x80 ok\n",
     ".!? \n\r\"\t\xc3\x9f\xf0\x80", read_text},
    {"jsonl", "a.jsonl", "{\"text\": \"One. Two.\", \"label\": 1}\n{\"label\": true, \"text\": \"\\u0041\"}\n\n",
     "{}\":,\\\n 01tfn", read_jsonl},
    {"csv", "a.csv", "text,label\n\"One, \"\"two\"\".\nThree\",x\nFour,y\r\nFive,x\n", "\",\n\r \\x", read_csv},
    {"labelled lines", "a.txt", "0 One. Two.\n1\tThree\r\n\n0 four\n", " \t\n\r01x", read_labelled_lines},
    {"squad", "a.json",
     "{\"data\": [{\"paragraphs\": [{\"context\": \"a \\u00e9 b\", \"qas\": [{\"id\": \"1\", \"question\": \"q\", "
     "\"answers\": [{\"text\": \"b\", \"answer_start\": 4}]}]}]}]}",
     "{}[]\":, 0149\\u", read_squad},
    {"tsv", "a.tsv", "id\ttext\tlabel\n1\tOne.\tx\n2\tTwo.\ty\n", "\"\t\n\r x", read_csv},
    {"svmlight", "a.svmlight", "-1 0:2 3:0.5 # good\n1 1:1e2 8:7\r\n\n1 qid:1 2:-3\n",
     "0123456789:. -+e#\n\r\tnaix", read_svmlight},
    {"vocabulary", "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\ncat\n##s\nsat\n.\n\xe4\xbd\xa0\n",
     "[]#\n\r st\xe4", read_vocabulary},
    {"config", "run/config.json", "{\"seed\": 1, \"steps\": 10, \"parameters\": {\"lr\": \"0.1\"}}", "{}[]\",:0 1",
     read_config},
    {"metrics", "run/metrics.jsonl",
     "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": \"NaN\"}\n{\"step\": 3, \"loss\": 1}\n", "{}\":,\n 123",
     cut_metrics},
    {"state", "run/checkpoints/step-00000007/state.json",
     "{\"format\": 1, \"step\": 7, \"score\": 1.5, \"files\": {}, \"state\": {\"seed\": 1}}", "{}[]\":, 0127",
     read_state},
};
enum { TARGETS = sizeof targets / sizeof *targets };

/* --- mutations --- */

/* One change of bytes[*size]: a bit, a byte, a piece of the format, a cut, a piece moved, repeated or taken out. */
static void mutate(Random *random, char *bytes, size_t *size, const char *pieces)
{
    size_t at = random_below(random, *size + 1), length = random_below(random, 16);
    if (at == *size && at > 0) at--;
    if (length > *size - at) length = *size - at;
    if (*size == 0 || *size + length > MOST_BYTES) return;
    switch (random_below(random, 7)) {
    case 0: bytes[at] ^= (char)(1 << random_below(random, 8)); break;
    case 1: bytes[at] = (char)random_below(random, 256); break;
    case 2: bytes[at] = pieces[random_below(random, strlen(pieces))]; break;
    case 3: *size = at; break;
    case 4: memmove(bytes + random_below(random, *size - length + 1), bytes + at, length); break;
    case 5:
        memmove(bytes + at + length, bytes + at, *size - at);
        *size += length;
        break;
    default:
        memmove(bytes + at, bytes + at + length, *size - at - length);
        *size -= length;
        break;
    }
}

static void make_folders(void)
{
    scratch_make();
    ASSERT_OK(file_make_directory(scratch_path("run/checkpoints/step-00000007"), true));
}

START_TEST(mutated_files_are_read_or_refused)
{
    const Target *target = &targets[_i];
    Random random = random_stream(random_key(1, target->name));
    const char *path = scratch_path(target->file), *name = strrchr(path, '/') + 1;
    size_t before = memory_in_use();
    int taken = 0, refused = 0, rounds = at_full_scale() ? LONG_ROUNDS : ROUNDS;
    char file[512], bytes[MOST_BYTES];
    snprintf(file, sizeof file, "%s", path); /* scratch_path() has eight places only */
    for (int round = 0; round < rounds; round++) {
        size_t size = strlen(target->sound);
        memcpy(bytes, target->sound, size);
        uint64_t changes = round ? 1 + random_below(&random, 4) : 0;
        while (changes-- > 0) mutate(&random, bytes, &size, target->pieces);
        scratch_write(file, bytes, size);
        Status status = target->read(file);
        ck_assert_msg(round || status == STATUS_OK, "the sound file was refused: %s", status_message());
        status == STATUS_OK ? taken++ : refused++;
        if (status != STATUS_OK) {
            bool kind = status == STATUS_FORMAT || status == STATUS_INVALID || status == STATUS_IO;
            ck_assert_msg(kind && strstr(status_message(), name), "%s: %s", status_name(status), status_message());
        }
        ck_assert_uint_eq(memory_in_use(), before);
    }
    ck_assert_int_gt(taken, rounds / 100);
    ck_assert_int_gt(refused, rounds / 20);
}
END_TEST

Suite *fuzz_suite(void);
Suite *fuzz_suite(void)
{
    Suite *suite = suite_create("fuzz");
    TCase *tests = tcase_create("fuzz");
    tcase_add_checked_fixture(tests, make_folders, scratch_remove);
    tcase_add_loop_test(tests, mutated_files_are_read_or_refused, 0, TARGETS);
    suite_add_tcase(suite, tests);
    return suite;
}
