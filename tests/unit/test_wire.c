/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: what is written is read back; mutated ones are read or refused. */
#include "engine/base/memory.h"
#include "engine/base/random.h"
#include "tests/unit/check_more.h"
#include "tests/unit/scale.h"
#include "tui/wire.h"

#include <stdlib.h>

Suite *wire_suite(void);

static const char types[] = "HVLKICOWDNPEGTRB";

static Status write_one(char type, const char *text, size_t length, Buffer *out)
{
    json_t *metrics;
    TRY(json_new_object(&metrics));
    Status status = json_set_number(metrics, "loss", 2.5);
    WireMessage message = {.type = (WireType)type,
                           .version = 1,
                           .id = 7,
                           .start = 3,
                           .step = 1206,
                           .steps = 2000,
                           .due = true,
                           .status = "done",
                           .text = text,
                           .text_length = length,
                           .metrics = metrics};
    if (status == STATUS_OK) status = wire_write(&message, out);
    json_decref(metrics);
    return status;
}

START_TEST(round_trip)
{
    static const char text[] = "a\"\\\n\t\xc3\xa4 run";
    Buffer bytes = {0};
    WireMessage message;
    size_t used;
    for (const char *type = types; *type; type++) ASSERT_OK(write_one(*type, text, sizeof text - 1, &bytes));
    size_t at = 0;
    for (const char *type = types; *type; type++) {
        for (size_t part = 0; part < 6; part++) {
            ASSERT_OK(wire_read(bytes.data + at, part, &used, &message));
            ck_assert_uint_eq(used, 0);
        }
        ASSERT_OK(wire_read(bytes.data + at, bytes.length - at, &used, &message));
        ck_assert_int_eq((int)message.type, *type);
        if (*type != 'I') ck_assert_str_eq(message.text, text);
        if (*type == 'P') {
            ck_assert(message.step == 1206 && message.steps == 2000 && message.due);
            ck_assert(json_number_value(json_object_get(message.metrics, "loss")) == 2.5);
        }
        if (*type == 'D') ck_assert_str_eq(message.status, "done");
        wire_clear(&message);
        at += used;
    }
    ck_assert_uint_eq(at, bytes.length);
    buffer_free(&bytes);
}
END_TEST

START_TEST(hostile_text)
{
    Buffer bytes = {0};
    WireMessage message;
    size_t used;
    ASSERT_OK(write_one('O', "a\0b\xff", 4, &bytes));
    ASSERT_OK(wire_read(bytes.data, bytes.length, &used, &message));
    ck_assert_str_eq(message.text, "a\xef\xbf\xbd"
                                   "b\xef\xbf\xbd");
    wire_clear(&message);
    buffer_clear(&bytes);
    char *large;
    ASSERT_OK(memory_new_raw(1, WIRE_LARGEST, &large));
    memset(large, 'x', WIRE_LARGEST);
    ASSERT_FAILS(write_one('O', large, WIRE_LARGEST, &bytes), STATUS_INVALID, "at most 8 MB");
    ck_assert_uint_eq(bytes.length, 0);
    memory_free(large);
    buffer_free(&bytes);
}
END_TEST

START_TEST(refusals)
{
    static const struct {
        const char *json, *words;
        char type;
    } rows[] = {
        {"{}", "id", 'L'},
        {"{\"id\": 1}", "text", 'L'},
        {"{\"id\": -1, \"text\": \"\"}", "id", 'L'},
        {"{\"id\": 1.5, \"text\": \"\"}", "id", 'L'},
        {"{\"id\": 1e300, \"text\": \"\"}", "id", 'L'},
        {"{\"id\": 1, \"text\": 5}", "text", 'L'},
        {"{\"id\": 1, \"text\": \"\\u0000\"}", "", 'L'},
        {"{\"id\": 1, \"id\": 2, \"text\": \"\"}", "", 'L'},
        {"[]", "no JSON object", 'L'},
        {"5", "no JSON object", 'I'},
        {"{", "", 'I'},
        {"", "", 'I'},
        {"{}", "unknown type", 'X'},
        {"{\"id\": 1, \"status\": \"done\"}", "text", 'D'},
        {"{\"step\": 1, \"text\": \"\", \"metrics\": []}", "metrics", 'E'},
        {"{\"step\": 1, \"steps\": 2, \"due\": 1, \"text\": \"\", \"metrics\": {}}", "due", 'P'},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Buffer bytes = {0};
        WireMessage message;
        size_t used, length = strlen(rows[i].json);
        const char head[WIRE_HEAD] = {(char)length, 0, 0, 0, rows[i].type};
        ASSERT_OK(buffer_append(&bytes, head, sizeof head));
        ASSERT_OK(buffer_text(&bytes, rows[i].json));
        ASSERT_FAILS(wire_read(bytes.data, bytes.length, &used, &message), STATUS_FORMAT, rows[i].words);
        buffer_free(&bytes);
    }
    WireMessage message;
    size_t used;
    ASSERT_FAILS(wire_read("\xff\xff\xff\xffL", 5, &used, &message), STATUS_FORMAT, "at most 8 MB");
}
END_TEST

START_TEST(versions)
{
    const WireMessage good = {.type = WIRE_HELLO, .version = WIRE_VERSION},
                      other = {.type = WIRE_HELLO, .version = 9};
    const WireMessage none = {.type = WIRE_LOG};
    ASSERT_OK(wire_check_version(&good, "the run"));
    ASSERT_FAILS(wire_check_version(&other, "the run"), STATUS_INVALID, "the run speaks version 9");
    ASSERT_FAILS(wire_check_version(&none, "the client"), STATUS_FORMAT, "the client did not begin");
}
END_TEST

/* Bytes changed, dropped and doubled: never a crash, never a leak. */
START_TEST(mutations)
{
    uint64_t state = 1;
    size_t before = memory_in_use();
    int rounds = at_full_scale() ? 200000 : 5000;
    for (int round = 0; round < rounds; round++) {
        Buffer bytes = {0};
        WireMessage message;
        size_t used = 0, at = 0;
        ASSERT_OK(write_one(types[round % 12], "run.step", 8, &bytes));
        for (int change = 0; change < 1 + round % 3; change++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            size_t place = (size_t)(state >> 33) % bytes.length;
            if (round % 7 == 0)
                bytes.length = place ? place : 1;
            else
                bytes.data[place] = (char)(state >> 25);
        }
        while (at < bytes.length && wire_read(bytes.data + at, bytes.length - at, &used, &message) == STATUS_OK) {
            if (used == 0) break;
            wire_clear(&message);
            at += used;
        }
        buffer_free(&bytes);
    }
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

START_TEST(allocation_failures)
{
    size_t before = memory_in_use();
    for (uint64_t n = 1; n < 60; n++) {
        Buffer bytes = {0};
        WireMessage message;
        size_t used = 0;
        memory_fail_after(n, _i);
        Status status = write_one('P', "text", 4, &bytes);
        if (status == STATUS_OK) status = wire_read(bytes.data, bytes.length, &used, &message);
        memory_fail_after(0, 0);
        if (status == STATUS_OK) wire_clear(&message);
        ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        buffer_free(&bytes);
    }
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

Suite *wire_suite(void)
{
    Suite *suite = suite_create("wire");
    TCase *cases = tcase_create("wire");
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, hostile_text);
    tcase_add_test(cases, refusals);
    tcase_add_test(cases, versions);
    tcase_add_test(cases, mutations);
    tcase_add_loop_test(cases, allocation_failures, 0, 2);
    suite_add_tcase(suite, cases);
    return suite;
}
