/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workbench's end of the connection, with a run that is a socket of the test: late answers, odd frames, an end
 * amid of everything. */
#include "tests/unit/workbench_data.h"

#include <sys/socket.h>
#include <unistd.h>

Suite *link_suite(void);

static Workbench workbench;
static Link link_;
static int run_side;
static Buffer asked; /* what the link sends, as it comes */

static void ignore_text(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static void ignore(void *context)
{
    (void)context;
}

static void ignore_key(void *context, const Key *key)
{
    (void)context;
    (void)key;
}

static void start(void)
{
    const Port port = {ignore_text, ignore, ignore_key, ignore_text, ignore_text,
                       ignore_text, ignore, ignore,     ignore,      NULL};
    int ends[2];
    scratch_make();
    ASSERT_OK(workbench_init(&workbench, &port));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    link_new(&link_, &workbench.view, scratch_folder, NULL);
    link_.client.socket = ends[0];
    link_.phase = LINK_OPEN;
    run_side = ends[1];
    workbench.view.state = RUN_TRAINING;
}

static void stop(void)
{
    link_close(&link_);
    workbench_free(&workbench);
    buffer_free(&asked);
    if (run_side >= 0) close(run_side);
    scratch_remove();
}

static void tell(const WireMessage *message)
{
    Buffer frame = {0};
    ASSERT_OK(wire_write(message, &frame));
    ck_assert_int_eq(write(run_side, frame.data, frame.length), (ssize_t)frame.length);
    buffer_free(&frame);
}

static void tell_output(int64_t id, const char *text)
{
    tell(&(WireMessage){.type = WIRE_OUTPUT, .id = id, .text = text});
}

static void tell_done(int64_t id, const char *status, const char *text)
{
    tell(&(WireMessage){.type = WIRE_DONE, .id = id, .status = status, .text = text});
}

static void take(void)
{
    bool changed = false;
    link_take(&link_, &changed);
}

/* What is due is asked. */
static void refresh(void)
{
    bool changed = false;
    for (int i = 0; i < TOPICS; i++) link_.questions[i].due = 0;
    link_refresh(&link_, ~0u, &changed);
}

/* The id of the last message of this type that the link has sent, 0: there was none. How many: *count. */
static int64_t last_sent(WireType type, int *count)
{
    char block[1 << 16];
    int64_t id = 0;
    WireMessage message;
    size_t used;
    for (ssize_t got; (got = read(run_side, block, sizeof block)) > 0;)
        ASSERT_OK(buffer_append(&asked, block, (size_t)got));
    *count = 0;
    for (size_t at = 0; at < asked.length; at += used) {
        ASSERT_OK(wire_read(asked.data + at, asked.length - at, &used, &message));
        ck_assert_uint_gt(used, 0);
        if (message.type == type) id = message.id, ++*count;
        wire_clear(&message);
    }
    return id;
}

static void assert_console(const char *words)
{
    Buffer all = {0};
    for (int i = 0; i < workbench.view.console.count; i++)
        ASSERT_OK(buffer_printf(&all, "%s\n", scroll_get(&workbench.view.console, i)->text));
    ck_assert_str_eq(all.data ? all.data : "", words);
    buffer_free(&all);
}

/* --- answers that take their time --- */

START_TEST(late_answers_are_no_output)
{
    int asked_before, asked_now;
    refresh();
    int64_t look = last_sent(WIRE_LOOK, &asked_before);
    ASSERT_OK(link_line(&link_, "rewind(1900)"));
    for (int i = 0; i < 5; i++) refresh(); /* nothing is asked again while the run is busy */
    last_sent(WIRE_LOOK, &asked_now);
    ck_assert_int_eq(asked_before, TOPICS);
    ck_assert_int_eq(asked_now, TOPICS);
    tell_output(look - TOPICS, "of a question that nobody remembers\n");
    tell_done(look - TOPICS, "done", "");
    tell_output(look, "not JSON, of the last topic\n");
    tell_done(look, "done", "");
    take();
    ck_assert(workbench.view.evaluating);
    assert_console("");
    tell_output(1, "at 1,900\n");
    tell_done(1, "done", "");
    take();
    ck_assert(!workbench.view.evaluating);
    assert_console("at 1,900\n");
}
END_TEST

START_TEST(lines_end_in_any_order)
{
    for (int i = 0; i < 3; i++) ASSERT_OK(link_line(&link_, "1"));
    for (int64_t id = 3; id; id--) {
        ck_assert(workbench.view.evaluating);
        tell_done(id, id == 2 ? "failed" : "done", id == 2 ? "no\n" : "");
        take();
    }
    ck_assert(!workbench.view.evaluating);
    tell_done(3, "done", "");
    take();
    ck_assert(!workbench.view.evaluating);
    ck_assert_int_eq(link_.pending, 0);
    assert_console("no\n");
}
END_TEST

/* What one reads further up stays in its place. */
START_TEST(scrolled_lines_stay)
{
    for (int i = 0; i < 30; i++) tell_output(1, "line\n");
    take();
    view_scroll(&workbench.view, PANE_PROMPT, 1000);
    ck_assert_int_eq(workbench.view.offsets[PANE_PROMPT], 29);
    view_scroll(&workbench.view, PANE_PROMPT, -20);
    tell_output(1, "new\nnew\n");
    take();
    ck_assert_int_eq(workbench.view.offsets[PANE_PROMPT], 11);
    view_scroll(&workbench.view, PANE_PROMPT, -1000);
    tell_output(1, "new\n");
    take();
    ck_assert_int_eq(workbench.view.offsets[PANE_PROMPT], 0);
}
END_TEST

Suite *link_suite(void)
{
    Suite *suite = suite_create("link");
    TCase *cases = tcase_create("link");
    tcase_add_checked_fixture(cases, start, stop);
    tcase_add_test(cases, late_answers_are_no_output);
    tcase_add_test(cases, lines_end_in_any_order);
    tcase_add_test(cases, scrolled_lines_stay);
    suite_add_tcase(suite, cases);
    return suite;
}
