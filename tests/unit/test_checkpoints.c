/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/random.h"
#include "engine/io/checkpoints.h"
#include "engine/io/safetensors.h"
#include "tests/unit/scratch.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *checkpoints_suite(void);

static const double none = (double)NAN;

/* A writer of a model whose weights are all the value, and a note in the state. */
static Status write_model(void *context, const char *directory, json_t *state)
{
    const float *value = context;
    float weights[100];
    char *path;
    for (int i = 0; i < 100; i++) weights[i] = *value;
    SafetensorsEntry entry = {.name = "w", .type = SAFETENSORS_F32, .ndim = 1, .shape = {100}, .data = weights};
    TRY(json_set_number(state, "value", (double)*value));
    TRY(file_join(directory, "model.safetensors", &path));
    Status status = safetensors_write(path, true, &entry, 1, NULL, 0);
    memory_free(path);
    return status;
}

static Status save(int64_t step, double score, int64_t keep_last, float value)
{
    return checkpoints_save(scratch_folder, step, score, keep_last, write_model, &value);
}

/* The value that the checkpoint holds, in its weights and in its state alike. */
static float value_of(const Checkpoint *checkpoint)
{
    char *path;
    double value;
    Safetensors *file;
    ASSERT_OK(file_join(checkpoint->path, "model.safetensors", &path));
    ASSERT_OK(safetensors_open(path, &file));
    float held = ((const float *)safetensors_find(file, "w")->data)[99];
    safetensors_close(file);
    memory_free(path);
    ASSERT_OK(json_member_number(checkpoint->state_path, checkpoint->state, "value", &value));
    ck_assert(value == (double)held);
    return held;
}

static void assert_steps(const char *expected)
{
    CheckpointSteps list;
    char text[200] = "";
    ASSERT_OK(checkpoints_list(scratch_folder, &list));
    for (size_t i = 0; i < list.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%ld ", (long)list.steps[i]);
    checkpoints_list_free(&list);
    ck_assert_str_eq(text, expected);
}

/* Nothing but checkpoints in the folder of checkpoints. */
static void assert_tidy(void)
{
    FileNames names;
    ASSERT_OK(file_list(scratch_path("checkpoints"), &names));
    for (size_t i = 0; i < names.count; i++) ck_assert_msg(names.names[i][0] != '.', "%s", names.names[i]);
    file_names_free(&names);
}

START_TEST(saved_ones_are_found)
{
    Checkpoint checkpoint;
    ASSERT_OK(checkpoints_newest(scratch_folder, &checkpoint));
    ck_assert_int_eq(checkpoint.step, -1);
    checkpoint_close(&checkpoint);
    ASSERT_OK(save(100, none, 3, 1));
    ASSERT_OK(save(200, 0.5, 3, 2));
    ASSERT_OK(checkpoints_newest(scratch_folder, &checkpoint));
    ck_assert_int_eq(checkpoint.step, 200);
    ck_assert_int_eq(checkpoint.format, 1);
    ck_assert(checkpoint.score == 0.5);
    ck_assert_str_eq(checkpoint.skipped, "");
    ck_assert(value_of(&checkpoint) == 2);
    checkpoint_close(&checkpoint);
    ASSERT_OK(checkpoints_open(scratch_folder, 100, &checkpoint));
    ck_assert(isnan(checkpoint.score));
    ck_assert(value_of(&checkpoint) == 1);
    checkpoint_close(&checkpoint);
    ASSERT_FAILS(checkpoints_open(scratch_folder, 150, &checkpoint), STATUS_INVALID,
                 "has no checkpoint of step 150; there are those of 100, 200");
    ASSERT_FAILS(save(-1, none, 1, 1), STATUS_INVALID, "no checkpoint of step -1");
    assert_tidy();
}
END_TEST

START_TEST(equal_states_give_equal_bytes)
{
    ASSERT_OK(save(7, 0.25, 3, 1.5f));
    char *first = scratch_read(scratch_path("checkpoints/step-00000007/state.json"));
    ASSERT_OK(save(7, 0.25, 3, 9));
    ASSERT_OK(save(7, 0.25, 3, 1.5f));
    scratch_assert_text(scratch_path("checkpoints/step-00000007/state.json"), first);
    memory_free(first);
    assert_tidy();
}
END_TEST

START_TEST(the_last_and_the_best_are_kept)
{
    static const double scores[] = {5, 3, 1, 2, 4, 1.5, 6};
    for (int i = 0; i < 7; i++) ASSERT_OK(save(10 * (i + 1), scores[i], 2, (float)i));
    assert_steps("30 60 70 ");
    Checkpoint best;
    ASSERT_OK(checkpoints_best(scratch_folder, &best));
    ck_assert_int_eq(best.step, 30);
    checkpoint_close(&best);
    ASSERT_OK(save(80, 0.5, 1, 8));
    assert_steps("80 ");
    ASSERT_OK(save(100000000, none, 0, 8));
    assert_steps("80 100000000 ");
    ASSERT_OK(checkpoints_remove_after(scratch_folder, 80));
    assert_steps("80 ");
    assert_tidy();
}
END_TEST

START_TEST(without_scores_the_best_is_the_newest)
{
    ASSERT_OK(save(1, none, 2, 1));
    ASSERT_OK(save(2, (double)INFINITY, 2, 2));
    Checkpoint best;
    ASSERT_OK(checkpoints_best(scratch_folder, &best));
    ck_assert_int_eq(best.step, 2);
    checkpoint_close(&best);
}
END_TEST

/* A stored one: whatever the format is now, this stays readable. */
START_TEST(format_1_stays_readable)
{
    Checkpoint checkpoint;
    ASSERT_OK(checkpoints_newest(TEST_GOLDEN "/run_format_1", &checkpoint));
    ck_assert_int_eq(checkpoint.step, 5);
    ck_assert_int_eq(checkpoint.format, 1);
    ck_assert(checkpoint.score == 0.5);
    ck_assert(value_of(&checkpoint) == 1.25f);
    checkpoint_close(&checkpoint);
}
END_TEST

static void replace_state(const char *from, const char *to)
{
    const char *path = scratch_path("checkpoints/step-00000002/state.json");
    char *text = scratch_read(path), *at = strstr(text, from);
    Buffer out = {0};
    ck_assert_ptr_nonnull(at);
    ASSERT_OK(buffer_append(&out, text, (size_t)(at - text)));
    ASSERT_OK(buffer_text(&out, to));
    ASSERT_OK(buffer_text(&out, at + strlen(from)));
    scratch_write(path, out.data, out.length);
    buffer_free(&out);
    memory_free(text);
}

typedef struct Damage {
    const char *from, *to, *words;
} Damage;

static const Damage damages[] = {
    {"{", "[", "state.json: line"},
    {"\"step\": 2", "\"step\": 3", "state.json: is of step 3, not of the step"},
    {"\"format\": 1", "\"format\": 0", "'format' is 0"},
    {"\"format\": 1", "\"format\": \"1\"", "'format' is a string"},
    {"\"format\": 1,", "", "'format' is missing"},
    {"\"state\"", "\"stale\"", "'state' is missing"},
    {"\"files\"", "\"fills\"", "'files' is missing"},
    {"\"bytes\": ", "\"bytes\": 1", "bytes where"},
    {"\"bytes\": ", "\"bytes\": -", "'bytes' is -"},
    {"\"hash\": \"", "\"hash\": \"0", "its content is not what was saved"},
    {"model.safetensors", "../model", "'../model' is no name of a file beside it"},
    {"model.safetensors", ".model", "is no name of a file"},
    {"model.safetensors", "nodel.safetensors", "there is no such file"},
};

START_TEST(damaged_ones_are_passed_over)
{
    const Damage *damage = &damages[_i];
    Checkpoint checkpoint;
    ASSERT_OK(save(1, none, 2, 1));
    ASSERT_OK(save(2, none, 2, 2));
    replace_state(damage->from, damage->to);
    size_t before = memory_in_use();
    ASSERT_FAILS(checkpoints_open(scratch_folder, 2, &checkpoint), _i == 12 ? STATUS_IO : STATUS_FORMAT,
                 damage->words);
    ASSERT_OK(checkpoints_newest(scratch_folder, &checkpoint));
    ck_assert_int_eq(checkpoint.step, 1);
    ck_assert_msg(strstr(checkpoint.skipped, damage->words) != NULL, "%s", checkpoint.skipped);
    checkpoint_close(&checkpoint);
    ck_assert_uint_eq(memory_in_use(), before);
}
END_TEST

START_TEST(newer_formats_are_refused)
{
    Checkpoint checkpoint;
    ASSERT_OK(save(1, none, 2, 1));
    ASSERT_OK(save(2, none, 2, 2));
    replace_state("\"format\": 1", "\"format\": 2");
    ASSERT_FAILS(checkpoints_newest(scratch_folder, &checkpoint), STATUS_INVALID,
                 "has format 2, this Lathe reads formats up to 1");
}
END_TEST

START_TEST(when_all_are_damaged_it_is_an_error)
{
    Checkpoint checkpoint;
    ASSERT_OK(save(2, none, 2, 2));
    const char *weights = scratch_path("checkpoints/step-00000002/model.safetensors");
    ASSERT_OK(file_truncate(weights, 100));
    ASSERT_FAILS(checkpoints_newest(scratch_folder, &checkpoint), STATUS_FORMAT, "no checkpoint is whole: ");
    ck_assert_ptr_nonnull(strstr(status_message(), "model.safetensors: has 100 bytes where"));
    ASSERT_OK(file_make_directory(scratch_path("checkpoints/step-00000003"), false));
    ASSERT_OK(file_make_directory(scratch_path("checkpoints/step-3"), false));
    ASSERT_OK(file_make_directory(scratch_path("checkpoints/step-000000003"), false));
    ASSERT_FAILS(checkpoints_newest(scratch_folder, &checkpoint), STATUS_FORMAT, "no checkpoint is whole: ");
    assert_steps("2 3 ");
}
END_TEST

static Status write_nothing(void *context, const char *directory, json_t *state)
{
    (void)context, (void)directory, (void)state;
    return status_fail(STATUS_NONFINITE, "weights are NaN");
}

START_TEST(a_failing_writer_leaves_nothing)
{
    ASSERT_OK(save(1, none, 2, 1));
    ASSERT_FAILS(checkpoints_save(scratch_folder, 2, none, 2, write_nothing, NULL), STATUS_NONFINITE,
                 "the checkpoint of step 2 was not saved: weights are NaN. That of step 1 is whole");
    assert_steps("1 ");
    assert_tidy();
}
END_TEST

/* Every writing call of a save fails in turn, once or from then on, over an old checkpoint of the same step or of
 * another: there is always a whole one. */
START_TEST(a_full_disk_leaves_the_old_one_whole)
{
    int64_t step = _i < 2 ? 5 : 6;
    Status status = STATUS_IO;
    uint64_t n = 0;
    while (status != STATUS_OK) {
        ASSERT_OK(file_remove_tree(scratch_path("checkpoints")));
        ASSERT_OK(save(5, none, 1, 1));
        n++;
        file_fail_after(n, _i % 2);
        status = save(step, none, 1, 2);
        file_fail_after(0, 0);
        char message[512];
        snprintf(message, sizeof message, "%.500s", status_message());
        Checkpoint newest;
        ASSERT_OK(checkpoints_newest(scratch_folder, &newest));
        ck_assert_str_eq(newest.skipped, "");
        float value = value_of(&newest);
        ck_assert(value == 1 || (value == 2 && newest.step == step));
        if (status == STATUS_OK) ck_assert(value == 2);
        if (status != STATUS_OK) ck_assert_ptr_nonnull(strstr(message, "No space left on device"));
        checkpoint_close(&newest);
        assert_tidy();
    }
    ck_assert_uint_gt(n, 10);
}
END_TEST

/* A child saves one checkpoint after another until it is killed somewhere in the middle: the newest is whole every
 * time, and continuing tidies up. */
START_TEST(a_kill_leaves_a_whole_one)
{
    Random random = random_stream(random_key(3, "kills"));
    int64_t step = 0;
    ASSERT_OK(save(0, none, 2, 0));
    for (int kill_number = 0; kill_number < 30; kill_number++) {
        int saved[2], result;
        ck_assert_int_eq(pipe(saved), 0);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            for (int64_t next = step + 1;; next++)
                if (save(next, none, 2, (float)next) != STATUS_OK || write(saved[1], "", 1) != 1) _exit(1);
        }
        char byte;
        ck_assert_int_eq(read(saved[0], &byte, 1), 1);
        usleep((useconds_t)random_below(&random, 10000));
        kill(child, SIGKILL);
        close(saved[0]);
        close(saved[1]);
        ck_assert_int_eq(waitpid(child, &result, 0), child);
        ck_assert(WIFSIGNALED(result));
        Checkpoint newest;
        ASSERT_OK(checkpoints_newest(scratch_folder, &newest));
        ck_assert_str_eq(newest.skipped, "");
        ck_assert_int_gt(newest.step, step);
        ck_assert(value_of(&newest) == (float)newest.step);
        step = newest.step;
        checkpoint_close(&newest);
        ASSERT_OK(file_remove_temporaries(scratch_path("checkpoints")));
        assert_tidy();
    }
}
END_TEST

START_TEST(failed_allocations_leave_the_old_one_whole)
{
    ASSERT_OK(save(5, 1, 1, 1));
    size_t before = memory_in_use();
    Status status = STATUS_NOMEM;
    uint64_t n = 0;
    while (status != STATUS_OK) {
        n++;
        memory_fail_after(n, 0);
        status = save(5, 1, 1, 2);
        memory_fail_after(0, 0);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        ck_assert_uint_eq(memory_in_use(), before);
        Checkpoint newest;
        ASSERT_OK(checkpoints_newest(scratch_folder, &newest));
        ck_assert(value_of(&newest) == 1 || value_of(&newest) == 2);
        checkpoint_close(&newest);
    }
    ck_assert_uint_gt(n, 50);
    for (n = 1, status = STATUS_NOMEM; status != STATUS_OK; n++) {
        Checkpoint newest;
        memory_fail_after(n, 0);
        status = checkpoints_newest(scratch_folder, &newest);
        memory_fail_after(0, 0);
        if (status == STATUS_OK) ck_assert_int_eq(newest.step, 5);
        if (status == STATUS_OK) checkpoint_close(&newest);
        ck_assert_msg(status == STATUS_OK || status == STATUS_NOMEM, "%s", status_message());
        ck_assert_uint_eq(memory_in_use(), before);
    }
}
END_TEST

Suite *checkpoints_suite(void)
{
    Suite *suite = suite_create("checkpoints");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, saved_ones_are_found);
    tcase_add_test(cases, equal_states_give_equal_bytes);
    tcase_add_test(cases, the_last_and_the_best_are_kept);
    tcase_add_test(cases, without_scores_the_best_is_the_newest);
    tcase_add_test(cases, format_1_stays_readable);
    tcase_add_loop_test(cases, damaged_ones_are_passed_over, 0, sizeof damages / sizeof *damages);
    tcase_add_test(cases, newer_formats_are_refused);
    tcase_add_test(cases, when_all_are_damaged_it_is_an_error);
    tcase_add_test(cases, a_failing_writer_leaves_nothing);
    tcase_add_loop_test(cases, a_full_disk_leaves_the_old_one_whole, 0, 4);
    tcase_add_test(cases, a_kill_leaves_a_whole_one);
    tcase_add_test(cases, failed_allocations_leave_the_old_one_whole);
    suite_add_tcase(suite, cases);
    return suite;
}
