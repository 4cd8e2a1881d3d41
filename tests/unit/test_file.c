/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/turns.h"
#include "engine/io/file.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

Suite *file_suite(void);

static void assert_taken(char *text, const char *expected)
{
    ck_assert_str_eq(text, expected);
    memory_free(text);
}

START_TEST(paths_are_joined_and_cut)
{
    static const char *const joined[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"},   {"", "b", "b"},
                                            {NULL, "b", "b"},  {"a", "/b", "/b"},    {"/", "b", "/b"},
                                            {"a", "", "a/"},   {".", "b/c", "./b/c"}};
    static const char *const parents[][3] = {{"a/b", "a", "b"},   {"b", ".", "b"},      {"/b", "/", "b"},
                                             {"a/b/", "a", "b/"}, {"a//b", "a", "b"},   {"/", "/", ""},
                                             {"/a/b", "/a", "b"}, {"./b//", ".", "b//"}};
    char *out;
    for (size_t i = 0; i < sizeof joined / sizeof *joined; i++) {
        ASSERT_OK(file_join(joined[i][0], joined[i][1], &out));
        assert_taken(out, joined[i][2]);
    }
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        ASSERT_OK(file_parent(parents[i][0], &out));
        assert_taken(out, parents[i][1]);
        ck_assert_str_eq(file_name(parents[i][0]), parents[i][2]);
    }
}
END_TEST

START_TEST(reading_names_what_is_wrong)
{
    Buffer bytes = {0};
    FileMap map;
    uint64_t size;
    ASSERT_OK(buffer_text(&bytes, "kept"));
    const char *missing = scratch_path("missing"), *empty = scratch_path("empty"), *big = scratch_path("big");
    scratch_write(empty, "", 0);
    scratch_write(big, "0123456789", 10);
    ASSERT_FAILS(file_read(missing, 0, &bytes), STATUS_IO, "missing: cannot be opened: there is no such file");
    ASSERT_FAILS(file_read(scratch_folder, 0, &bytes), STATUS_IO, "it is a directory, not a file");
    ASSERT_FAILS(file_read(empty, 0, &bytes), STATUS_FORMAT, "empty: is empty");
    ASSERT_FAILS(file_read(big, 9, &bytes), STATUS_FORMAT, "big: is larger than the 9 bytes");
    ASSERT_FAILS(file_read("/dev/zero", 9, &bytes), STATUS_IO, "neither a file nor a pipe");
    ASSERT_FAILS(file_read("", 9, &bytes), STATUS_IO, "name of a file is empty");
    ASSERT_FAILS(file_read(scratch_path("big/x"), 9, &bytes), STATUS_IO, "Not a directory");
    ASSERT_FAILS(file_map(missing, &map), STATUS_IO, "there is no such file");
    ASSERT_FAILS(file_map(scratch_folder, &map), STATUS_IO, "it is a directory");
    ASSERT_FAILS(file_map(empty, &map), STATUS_FORMAT, "is empty");
    ASSERT_FAILS(file_map("/dev/zero", &map), STATUS_IO, "not a regular file");
    const char *fifo = scratch_path("fifo"); /* nobody writes to it: nobody waits for it */
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ASSERT_FAILS(file_map(fifo, &map), STATUS_IO, "fifo: is not a regular file; copy what it gives into one");
    ASSERT_FAILS(file_read(fifo, 0, &bytes), STATUS_FORMAT, "fifo: is empty");
    ASSERT_FAILS(file_size(missing, &size), STATUS_IO, "there is no such file");
    file_unmap(&map);
    ck_assert_str_eq(bytes.data, "kept");
    buffer_free(&bytes);
}
END_TEST

START_TEST(reading_needs_permission)
{
    if (geteuid() == 0) return; /* root may read everything */
    Buffer bytes = {0};
    const char *path = scratch_path("secret");
    scratch_write(path, "x", 1);
    ck_assert_int_eq(chmod(path, 0), 0);
    ASSERT_FAILS(file_read(path, 0, &bytes), STATUS_IO, "check its owner and permissions");
    buffer_free(&bytes);
}
END_TEST

START_TEST(reading_gives_the_bytes)
{
    Buffer bytes = {0};
    FileMap map;
    const char *path = scratch_path("data");
    size_t length = 300000;
    char *data = malloc(length);
    for (size_t i = 0; i < length; i++) data[i] = (char)(i * 7 + i / 251);
    scratch_write(path, data, length);
    ASSERT_OK(buffer_text(&bytes, "head"));
    ASSERT_OK(file_read(path, length, &bytes));
    ck_assert_uint_eq(bytes.length, length + 4);
    ck_assert_mem_eq(bytes.data + 4, data, length);
    ASSERT_OK(file_map(path, &map));
    ck_assert_uint_eq(map.size, length);
    ck_assert_mem_eq(map.data, data, length);
    file_unmap(&map);
    buffer_free(&bytes);
    free(data);
}
END_TEST

START_TEST(writing_replaces_whole)
{
    const char *path = scratch_path("out");
    ASSERT_OK(file_write(path, "first", 5));
    scratch_assert_text(path, "first");
    FileWriter *writer;
    ASSERT_OK(file_writer_open(path, &writer));
    char block[1000];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 1000; i++) ASSERT_OK(file_writer_put(writer, block, sizeof block));
    ck_assert_uint_eq(file_writer_size(writer), 1000000);
    scratch_assert_text(path, "first");
    ASSERT_OK(file_writer_commit(writer));
    uint64_t size;
    ASSERT_OK(file_size(path, &size));
    ck_assert_uint_eq(size, 1000000);
    ASSERT_OK(file_writer_open(path, &writer));
    ASSERT_OK(file_writer_put(writer, "y", 1));
    file_writer_discard(writer);
    file_writer_discard(NULL);
    FileNames names;
    ASSERT_OK(file_list(scratch_folder, &names));
    ck_assert_uint_eq(names.count, 1);
    file_names_free(&names);
    ASSERT_FAILS(file_write(scratch_folder, "x", 1), STATUS_IO, "it is a directory");
    ASSERT_FAILS(file_write(scratch_path("no/file"), "x", 1), STATUS_IO,
                 "/no/file: cannot be written: there is no directory '");
    ASSERT_FAILS(file_writer_create(path, &writer), STATUS_IO, "File exists");
}
END_TEST

static void count_turn(void *context)
{
    (*(int *)context)++;
}

/* A directory that is put in its place or removed: the waiting is done beside. */
START_TEST(directories_give_turns)
{
    int turns = 0;
    char *staged;
    const char *path = scratch_path("whole"), *inner = scratch_path("whole/inner");
    ASSERT_OK(file_stage_directory(path, &staged));
    turns_set(count_turn, &turns);
    ASSERT_OK(file_commit_directory(staged, path));
    ck_assert_int_ge(turns, 1);
    ASSERT_OK(file_make_directory(inner, false));
    ASSERT_OK(file_write(scratch_path("whole/inner/one"), "1", 1));
    turns = 0;
    ASSERT_OK(file_remove_tree(path));
    ck_assert_int_ge(turns, 1);
    turns_set(NULL, NULL);
    ck_assert(!file_exists(path));
    memory_free(staged);
}
END_TEST

START_TEST(large_files_give_turns)
{
    size_t length = ((size_t)48 << 20) + 5;
    int turns = 0;
    char *bytes = malloc(length);
    FileMap map;
    const char *path = scratch_path("large");
    for (size_t i = 0; i < length; i++) bytes[i] = (char)(i * 2654435761U >> 24);
    turns_set(count_turn, &turns);
    ASSERT_OK(file_write(path, bytes, 1000));
    ck_assert_int_eq(turns, 0);
    ASSERT_OK(file_write(path, bytes, length));
    turns_set(NULL, NULL);
    ck_assert_int_ge(turns, 24); /* each 2 MB, and while the disk takes it */
    ASSERT_OK(file_map(path, &map));
    ck_assert_uint_eq(map.size, length);
    ck_assert_mem_eq(map.data, bytes, length);
    file_unmap(&map);
    free(bytes);
}
END_TEST

/* Every single writing call fails once: the old file stays whole, or the new one is, and nothing else is left. */
START_TEST(failed_writes_leave_the_old_file)
{
    const char *path = scratch_path("out");
    char *block = malloc(700000);
    memset(block, 'n', 700000);
    uint64_t n = 0;
    for (Status status = STATUS_IO; status != STATUS_OK;) {
        file_fail_after(0, 0);
        ASSERT_OK(file_write(path, "old", 3));
        n++;
        file_fail_after(n, (int)(n % 2));
        status = file_write(path, block, 700000);
        if (status != STATUS_OK) ck_assert_ptr_nonnull(strstr(status_message(), "free some space"));
        file_fail_after(0, 0);
        uint64_t size;
        ASSERT_OK(file_size(path, &size));
        ck_assert(size == 700000 || (size == 3 && status != STATUS_OK));
        FileNames names;
        ASSERT_OK(file_list(scratch_folder, &names));
        ck_assert_uint_eq(names.count, 1);
        file_names_free(&names);
    }
    ck_assert_uint_eq(n, 6); /* open, write, sync, rename, sync of the directory; the sixth try succeeds */
    free(block);
}
END_TEST

START_TEST(failed_allocations_leave_no_trace)
{
    const char *path = scratch_path("out");
    ASSERT_OK(file_write(path, "old", 3));
    size_t before = memory_in_use();
    uint64_t n = 0;
    for (Status status = STATUS_NOMEM; status != STATUS_OK;) {
        memory_fail_after(++n, 0);
        status = file_write(path, "new", 3);
        memory_fail_after(0, 0);
        ck_assert(status == STATUS_OK || status == STATUS_NOMEM);
        ck_assert_uint_eq(memory_in_use(), before);
        FileNames names;
        ASSERT_OK(file_list(scratch_folder, &names));
        ck_assert_uint_eq(names.count, 1);
        file_names_free(&names);
    }
    ck_assert_uint_gt(n, 4);
    scratch_assert_text(path, "new");
}
END_TEST

START_TEST(appending_is_all_or_nothing)
{
    const char *path = scratch_path("log");
    FileAppender *appender;
    ASSERT_OK(file_appender_open(path, &appender));
    ASSERT_OK(file_appender_put(appender, "one\n", 4, true));
    file_fail_after(1, 0);
    ASSERT_FAILS(file_appender_put(appender, "two\n", 4, false), STATUS_IO, "log: cannot be written");
    scratch_assert_text(path, "one\n");
    ASSERT_OK(file_appender_put(appender, "three\n", 6, false));
    file_appender_close(appender);
    ASSERT_OK(file_appender_open(path, &appender));
    ASSERT_OK(file_appender_put(appender, "four\n", 5, true));
    file_appender_close(appender);
    file_appender_close(NULL);
    scratch_assert_text(path, "one\nthree\nfour\n");
    ASSERT_OK(file_truncate(path, 4));
    scratch_assert_text(path, "one\n");
    ASSERT_FAILS(file_appender_open(scratch_folder, &appender), STATUS_IO, "it is a directory");
}
END_TEST

START_TEST(directories_are_made_listed_and_removed)
{
    FileNames names;
    ASSERT_OK(file_make_directory(scratch_path("a/b//c/"), true));
    ASSERT_OK(file_make_directory(scratch_path("a/b/c"), false));
    ASSERT_FAILS(file_make_directory(scratch_path("x/y"), false), STATUS_IO, "there is no directory '");
    scratch_write(scratch_path("a/z"), "1", 1);
    scratch_write(scratch_path("a/B"), "1", 1);
    scratch_write(scratch_path("outside"), "1", 1);
    ck_assert_int_eq(symlink(scratch_path("outside"), scratch_path("a/link")), 0);
    ASSERT_FAILS(file_make_directory(scratch_path("a/z"), true), STATUS_IO, "a file of this name is there");
    ASSERT_OK(file_list(scratch_path("a"), &names));
    ck_assert_uint_eq(names.count, 4);
    ck_assert_str_eq(names.names[0], "B");
    ck_assert_str_eq(names.names[3], "z");
    file_names_free(&names);
    ASSERT_OK(file_remove_tree(scratch_path("a")));
    ASSERT_OK(file_remove_tree(scratch_path("a")));
    ck_assert(!file_exists(scratch_path("a")));
    ck_assert(file_exists(scratch_path("outside")));
    ASSERT_FAILS(file_list(scratch_path("a"), &names), STATUS_IO, "cannot be listed");
}
END_TEST

static Status put_directory(const char *path, const char *text)
{
    char *staged, *inside;
    TRY(file_stage_directory(path, &staged));
    Status status = file_join(staged, "part", &inside);
    FileWriter *writer = NULL;
    if (status == STATUS_OK) {
        status = file_writer_create(inside, &writer);
        memory_free(inside);
    }
    if (status == STATUS_OK) {
        status = file_writer_put(writer, text, strlen(text));
        if (status == STATUS_OK)
            status = file_writer_commit(writer);
        else
            file_writer_discard(writer);
    }
    if (status == STATUS_OK)
        status = file_commit_directory(staged, path);
    else
        (void)!file_remove_tree(staged);
    memory_free(staged);
    return status;
}

/* A directory put in another's place, every writing call failing once: one of the two is there, whole. */
START_TEST(directories_are_replaced_whole)
{
    const char *path = scratch_path("unit"), *part = scratch_path("unit/part");
    uint64_t n = 0;
    for (Status status = STATUS_IO; status != STATUS_OK;) {
        file_fail_after(0, 0);
        ASSERT_OK(put_directory(path, "old"));
        scratch_assert_text(part, "old");
        n++;
        file_fail_after(n, (int)(n % 2));
        status = put_directory(path, "new");
        file_fail_after(0, 0);
        char *text = scratch_read(part);
        ck_assert(strcmp(text, "new") == 0 || (strcmp(text, "old") == 0 && status != STATUS_OK));
        memory_free(text);
        FileNames names;
        ASSERT_OK(file_list(scratch_folder, &names));
        ck_assert_uint_eq(names.count, 1);
        file_names_free(&names);
    }
    ck_assert_uint_ge(n, 7);
}
END_TEST

START_TEST(leftovers_are_known)
{
    ck_assert(file_is_temporary(".model.tmp-12-0"));
    ck_assert(file_is_temporary(".model.tmp-12-3.old"));
    ck_assert(!file_is_temporary("model.tmp-12-0"));
    ck_assert(!file_is_temporary(".model.tmp-x-0"));
    ck_assert(!file_is_temporary(".model.tmp-1-"));
    ck_assert(!file_is_temporary(".model.tmp-1-0~"));
    ck_assert(!file_is_temporary(".hidden"));
    char *staged;
    ASSERT_OK(file_stage_directory(scratch_path("unit"), &staged));
    ck_assert(file_is_temporary(file_name(staged)));
    memory_free(staged);
    FileWriter *abandoned;
    ASSERT_OK(file_writer_open(scratch_path("file"), &abandoned));
    scratch_write(scratch_path("kept"), "1", 1);
    ASSERT_OK(file_remove_temporaries(scratch_folder));
    FileNames names;
    ASSERT_OK(file_list(scratch_folder, &names));
    ck_assert_uint_eq(names.count, 1);
    file_names_free(&names);
    file_writer_discard(abandoned);
}
END_TEST

/* A child takes the lock, says so through a pipe, and is killed. */
START_TEST(locks_name_their_holder)
{
    const char *path = scratch_path("lock");
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        FileLock *held;
        char byte = file_lock(path, &held, NULL) == STATUS_OK ? 'y' : 'n';
        if (write(ready[1], &byte, 1) != 1) _exit(1);
        for (;;) pause();
    }
    char byte = 0;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'y');
    FileLock *lock;
    pid_t holder;
    char words[64];
    snprintf(words, sizeof words, "is held by process %ld", (long)child);
    ASSERT_FAILS(file_lock(path, &lock, &holder), STATUS_BUSY, words);
    ck_assert_int_eq(holder, child);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ASSERT_OK(file_lock(path, &lock, &holder));
    FileLock *second;
    ASSERT_FAILS(file_lock(path, &second, &holder), STATUS_BUSY, "is held by process");
    ck_assert_int_eq(holder, getpid());
    file_unlock(lock);
    ASSERT_OK(file_lock(path, &lock, NULL));
    file_unlock(lock);
    file_unlock(NULL);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

Suite *file_suite(void)
{
    Suite *suite = suite_create("file");
    TCase *cases = tcase_create("all");
    tcase_add_checked_fixture(cases, scratch_make, scratch_remove);
    tcase_add_test(cases, paths_are_joined_and_cut);
    tcase_add_test(cases, reading_names_what_is_wrong);
    tcase_add_test(cases, reading_needs_permission);
    tcase_add_test(cases, reading_gives_the_bytes);
    tcase_add_test(cases, writing_replaces_whole);
    tcase_add_test(cases, large_files_give_turns);
    tcase_add_test(cases, directories_give_turns);
    tcase_add_test(cases, failed_writes_leave_the_old_file);
    tcase_add_test(cases, failed_allocations_leave_no_trace);
    tcase_add_test(cases, appending_is_all_or_nothing);
    tcase_add_test(cases, directories_are_made_listed_and_removed);
    tcase_add_test(cases, directories_are_replaced_whole);
    tcase_add_test(cases, leftovers_are_known);
    tcase_add_test(cases, locks_name_their_holder);
    suite_add_tcase(suite, cases);
    return suite;
}
