/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The workbench's end of the connection, with a run that is a socket of the test: late answers, odd frames, an end
 * amid of everything. */
#include "engine/base/random.h"
#include "tests/unit/workbench_keys.h"

#include <sys/socket.h>
#include <unistd.h>

Suite *link_suite(void);

static Workbench workbench;
static Link link_;
static int run_side;
static Buffer asked; /* what the link sends, as it comes */

/* A new connection. */
static void connect_run(void)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    link_.client.socket = ends[0];
    link_.phase = LINK_OPEN;
    run_side = ends[1];
    workbench.view.state = RUN_TRAINING;
}

static void start(void)
{
    scratch_make();
    ASSERT_OK(workbench_init(&workbench, &port));
    link_new(&link_, &workbench.view, scratch_folder, NULL);
    connect_run();
}

static void stop(void)
{
    link_close(&link_);
    workbench_free(&workbench);
    buffer_free(&asked);
    buffer_free(&sent);
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
    ck_assert_int_ge(asked_before, 4);
    ck_assert_int_eq(asked_now, asked_before);
    tell_output(look + 100, "of a question that nobody remembers\n");
    tell_done(look + 100, "done", "");
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

/* --- what the screen says of the run --- */

static void tell_task(const char *text, int64_t done, int64_t all)
{
    tell(&(WireMessage){.type = WIRE_TASK, .text = text, .step = done, .steps = all});
}

static void tell_role(const char *status, const char *text)
{
    tell(&(WireMessage){.type = WIRE_ROLE, .status = status, .text = text});
}

static void tell_progress(int64_t step)
{
    json_t *metrics;
    ASSERT_OK(json_new_object(&metrics));
    ASSERT_OK(json_set_number(metrics, "tokens", 100));
    ASSERT_OK(json_set_number(metrics, "seconds", 0.5));
    tell(&(WireMessage){.type = WIRE_PROGRESS, .step = step, .steps = 1000, .text = "", .metrics = metrics});
    json_decref(metrics);
}

static const char *drawn(void)
{
    static Buffer text;
    Grid grid = {0};
    int x, y;
    bool changed = false;
    take();
    link_refresh(&link_, 1u << PANE_CURVES, &changed);
    ASSERT_OK(workbench_draw(&workbench, &grid, 120, 30, &x, &y));
    buffer_clear(&text);
    ASSERT_OK(grid_print(&grid, &text));
    grid_free(&grid);
    return text.data;
}

static void assert_title(const char *words, bool shown)
{
    const char *text = drawn();
    char title[512];
    snprintf(title, sizeof title, "%.*s", (int)strcspn(text, "\n"), text);
    ck_assert_msg((strstr(title, words) != NULL) == shown, "'%s' is %sin the title: %s", words, shown ? "not " : "",
                  title);
}

START_TEST(the_title_says_what_goes_on)
{
    workbench.view.state = RUN_CONNECTING;
    assert_title("starting", true);
    tell_task("encoding", 1, 8);
    assert_title("encoding 12%", true);
    tell_task("", 0, 0);
    tell_progress(1);
    assert_title("training", true);
    tell_task("evaluating", 3, 8);
    assert_title("evaluating 3/8", true);
    tell_task("running a line of pts/3", 72, 0);
    assert_title("running a line of pts/3 1:12", true);
    assert_title("tok/s", false);
    tell_progress(2);
    assert_title("training", true);
    assert_title("200 tok/s", true);
    tell_role("guest", "pts/7");
    assert_title("pts/7 is in control", true);
    tell_role("control", "pts/3");
    assert_title("in control", false);
}
END_TEST

/* Nothing is heard although something was asked. */
START_TEST(silence_is_told)
{
    tell_progress(1);
    tell_progress(2);
    assert_title("200 tok/s", true);
    for (int i = 0; i < TOPICS; i++) link_.questions[i].sent -= 8;
    link_.heard -= 8;
    assert_title("no answer for 8 s", true);
    assert_title("tok/s", false);
    tell_progress(3);
    assert_title("training", true);
}
END_TEST

/* The link starts no process here: the folder holds no run. */
START_TEST(a_farewell)
{
    tell(&(WireMessage){.type = WIRE_BYE, .status = "stopped", .text = "the run was stopped; saved at step 7"});
    tell_output(9, "behind the end\n");
    assert_title("stopped", true);
    ck_assert(link_.stopped && !link_.failed && link_.phase == LINK_SEEKS && link_.client.socket < 0);
    ck_assert_str_eq(link_.farewell, "the run was stopped; saved at step 7");
    ASSERT_FAILS(link_line(&link_, "1"), STATUS_IO, "does not listen");
}
END_TEST

/* A question that is due when the run has just gone does not hide what it said. */
START_TEST(a_farewell_before_a_question)
{
    tell(&(WireMessage){.type = WIRE_BYE, .status = "stopped", .text = "the run was stopped; saved at step 7"});
    close(run_side);
    run_side = -1;
    refresh();
    assert_title("stopped", true);
    ck_assert(link_.stopped && !link_.failed);
    ck_assert_str_eq(link_.farewell, "the run was stopped; saved at step 7");
}
END_TEST

START_TEST(a_lost_run)
{
    close(run_side);
    run_side = -1;
    assert_title("not reachable", true);
    ck_assert(link_.failed && link_.phase == LINK_SEEKS);
    ck_assert_ptr_nonnull(strstr(workbench.view.note, "connection to the run was lost"));
}
END_TEST

START_TEST(a_run_that_is_looked_at)
{
    workbench.view.state = RUN_CONNECTING;
    tell_role("look", "");
    assert_title("over", true);
    tell_role("look", "stopped at step 7");
    assert_title("stopped", true);
    ck_assert_int_eq(workbench.view.state, RUN_LOOKING);
    ck_assert(link_.stopped);
}
END_TEST

/* Where the prompt is not in sight, what a key has done is. */
START_TEST(answers_are_seen)
{
    assert_title("training", true);
    ASSERT_OK(link_line(&link_, "undo()"));
    tell_output(1, "at 887, before nsp.weight = 0.5\n");
    tell_done(1, "done", "");
    ck_assert_ptr_nonnull(strstr(drawn(), "\n at 887, before nsp.weight = 0.5"));
    ASSERT_OK(link_line(&link_, "edits()"));
    tell_output(2, "one\ntwo\n");
    tell_done(2, "done", "");
    const char *text = drawn();
    ck_assert_msg(strstr(text, "answer: esc closes") && strstr(text, "┃one ") && strstr(text, "┃two "), "%s", text);
    workbench_key(&workbench, &(Key){.code = KEY_ESCAPE}, "");
    ck_assert_ptr_null(strstr(drawn(), "answer: "));
}
END_TEST

/* --- frames in any order --- */

enum { MOST_OWED = 6, TURNS = 1500 };

/* Lines that the run has not answered to the end. */
static int64_t owed[MOST_OWED];
static int owed_count;

/* In two pieces, as a socket may bring it. */
static void tell_in_pieces(Random *random, const WireMessage *message)
{
    Buffer frame = {0};
    ASSERT_OK(wire_write(message, &frame));
    size_t cut = (size_t)random_below(random, frame.length);
    ck_assert_int_eq(write(run_side, frame.data, cut), (ssize_t)cut);
    take();
    ck_assert_int_eq(write(run_side, frame.data + cut, frame.length - cut), (ssize_t)(frame.length - cut));
    take();
    buffer_free(&frame);
}

/* Of a question that waits, of one that was answered before, or of none. */
static int64_t any_look(Random *random)
{
    int64_t known = link_.questions[random_below(random, TOPICS)].id;
    return known && random_below(random, 4) ? known : (INT64_C(1) << 40) + (int64_t)random_below(random, 2000);
}

static const char *any_answer(Random *random)
{
    static const char *const answers[] = {"",
                                          "{\"step\": 3",
                                          "{\"tree\": [[], 1]}\n",
                                          "{\"\": 1}\n{\n",
                                          "\xff\xfe\n",
                                          "[]\n",
                                          data_run,
                                          data_model,
                                          data_history,
                                          data_shares,
                                          "{\"branches\": [{\"current\": true}], \"edits\": [7]}\n"};
    return answers[random_below(random, sizeof answers / sizeof *answers)];
}

static const char *any_status(Random *random)
{
    static const char *const all[] = {"done", "failed", "interrupted", "exit", "", "guest", "control", "look"};
    return all[random_below(random, sizeof all / sizeof *all)];
}

static void tell_of_line(Random *random)
{
    if (!owed_count) return;
    int i = (int)random_below(random, (uint64_t)owed_count);
    WireMessage message = {.type = WIRE_OUTPUT, .id = owed[i], .text = "of a line\n"};
    if (random_below(random, 2)) {
        message.type = WIRE_DONE;
        message.status = any_status(random);
        owed[i] = owed[--owed_count];
    }
    tell_in_pieces(random, &message);
}

static void tell_of_look(Random *random)
{
    tell_in_pieces(random, &(WireMessage){.type = random_below(random, 2) ? WIRE_OUTPUT : WIRE_DONE,
                                          .id = any_look(random),
                                          .status = any_status(random),
                                          .text = any_answer(random)});
}

static void tell_anything(Random *random)
{
    static const WireType types[] = {WIRE_PROGRESS, WIRE_EVALUATION, WIRE_TASK,  WIRE_ROLE,
                                     WIRE_LOG,      WIRE_WAITING,    WIRE_WORDS, WIRE_HELLO};
    json_t *metrics;
    ASSERT_OK(json_new_object(&metrics));
    ASSERT_OK(json_set_number(metrics, "tokens", random_below(random, 2) ? 100 : (double)NAN));
    tell_in_pieces(random, &(WireMessage){.type = types[random_below(random, sizeof types / sizeof *types)],
                                          .id = any_look(random),
                                          .step = (int64_t)random_u32(random),
                                          .steps = (int64_t)random_u32(random),
                                          .status = any_status(random),
                                          .text = random_below(random, 2) ? "" : "words of any kind",
                                          .metrics = metrics});
    json_decref(metrics);
}

/* With a farewell, without one, or after what is no frame; then there is another connection. */
static void end_and_connect(Random *random)
{
    uint64_t how = random_below(random, 3);
    if (how == 0)
        tell_in_pieces(random, &(WireMessage){.type = WIRE_BYE, .status = any_status(random), .text = "so"});
    if (how == 1) ck_assert_int_eq(write(run_side, "\xff\xff\xff\xff\xff no frame", 14), 14);
    close(run_side);
    take();
    ck_assert(link_.phase == LINK_SEEKS && link_.client.socket < 0);
    ck_assert_int_eq(link_.pending, 0);
    owed_count = 0;
    connect_run();
}

static void look_around(Random *random, Grid *grid)
{
    int x, y;
    char key[2] = {(char)(' ' + random_below(random, 95)), '\0'};
    press_keys(&workbench, random_below(random, 4) ? key : "\033");
    workbench.leaving = false;
    refresh();
    ASSERT_OK(workbench_draw(&workbench, grid, 1 + (int)random_below(random, 130),
                             1 + (int)random_below(random, 40), &x, &y));
}

static void fuzz_turn(Random *random, Grid *grid)
{
    switch (random_below(random, 6)) {
    case 0:
        if (owed_count == MOST_OWED) break;
        ASSERT_OK(link_line(&link_, "1"));
        owed[owed_count++] = link_.last_id;
        break;
    case 1: tell_of_line(random); break;
    case 2:
    case 3: tell_of_look(random); break;
    case 4: tell_anything(random); break;
    default: look_around(random, grid);
    }
    if (!random_below(random, 40)) end_and_connect(random);
}

/* Answers to questions never come to the prompt, lines are counted right, and whatever comes is drawn. */
START_TEST(frames_in_any_order)
{
    Random random = random_stream(random_key(1 + (uint64_t)_i, "frames"));
    Grid grid = {0};
    owed_count = 0;
    data_fill(&workbench.view, DATA_ONE);
    scroll_free(&workbench.view.console);
    for (int turn = 0; turn < TURNS; turn++) {
        char block[1 << 16];
        fuzz_turn(&random, &grid);
        while (read(run_side, block, sizeof block) > 0) continue;
        ck_assert_int_eq(link_.pending, owed_count);
        ck_assert(workbench.view.evaluating == (owed_count > 0));
        for (int i = 0; i < workbench.view.console.count; i++)
            ck_assert_ptr_null(strchr(scroll_get(&workbench.view.console, i)->text, '{'));
        scroll_free(&workbench.view.console);
    }
    grid_free(&grid);
}
END_TEST

/* --- the pace --- */

START_TEST(pace_of_steps)
{
    Pace pace = {0};
    double time = 0;
    ck_assert(isnan(pace_left(&pace, 100)) && isnan(pace_rate(&pace)));
    for (int step = 1; step <= 100; step++) pace_take(&pace, time += 0.5, step, 64, 0.5);
    ck_assert_double_eq_tol(pace_left(&pace, 300), 100, 0.5);
    ck_assert_double_eq_tol(pace_rate(&pace), 128, 0.5);
    pace_pause(&pace); /* an hour of a pause is no step */
    pace_take(&pace, time += 3600, 101, 64, 0.5);
    pace_take(&pace, time += 0.5, 102, 64, 0.5);
    ck_assert_double_eq_tol(pace_left(&pace, 302), 100, 1);
    pace_take(&pace, time += 30, 103, 64, 0.5); /* an evaluation hardly moves it */
    ck_assert_double_eq_tol(pace_left(&pace, 303), 160, 30);
    pace_take(&pace, time += 0.5, 50, 64, 0.5); /* an undo */
    ck_assert(pace_left(&pace, 300) > 100);
    pace_take(&pace, time += 0.5, 51, 0, 0); /* no tokens */
    ck_assert(isnan(pace_rate(&pace)));
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
    tcase_add_test(cases, the_title_says_what_goes_on);
    tcase_add_test(cases, silence_is_told);
    tcase_add_test(cases, a_farewell);
    tcase_add_test(cases, a_farewell_before_a_question);
    tcase_add_test(cases, a_lost_run);
    tcase_add_test(cases, a_run_that_is_looked_at);
    tcase_add_test(cases, answers_are_seen);
    tcase_add_test(cases, pace_of_steps);
    tcase_add_loop_test(cases, frames_in_any_order, 0, 3);
    suite_add_tcase(suite, cases);
    return suite;
}
