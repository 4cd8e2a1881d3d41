/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules for the sources themselves: which room may include which, licence lines, the basics of the style. */
#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 4096, LINE_MAX_COLUMNS = 120 };

/* The rooms from the bottom to the top: each may include itself and those before it. */
static const char *const rooms[] = {"engine/base/",
                                    "engine/tensor/",
                                    "engine/kernels/",
                                    "engine/ops/",
                                    "engine/autograd/",
                                    "engine/nn/",
                                    "engine/objectives/",
                                    "engine/optim/",
                                    "engine/compress/",
                                    "engine/io/",
                                    "engine/train/",
                                    "datasets/",
                                    "scripts/",
                                    "tui/",
                                    "tests/"};
enum { ROOMS = sizeof rooms / sizeof *rooms };

/* Headers of libraries (by their beginning) and the only rooms that may include them, separated by spaces. */
static const struct Owned {
    const char *header, *owners;
} owned[] = {
    {"cblas", "engine/kernels/"},
    {"openblas", "engine/kernels/"},
    {"dnnl", "engine/kernels/"},
    {"lua", "scripts/ tui/ tests/"},
    {"lauxlib", "scripts/ tui/ tests/"},
    {"lualib", "scripts/ tui/ tests/"},
    {"ncurses", "tui/ tests/"},
    {"curses", "tui/ tests/"},
    {"readline", "tui/ tests/"},
    {"jansson", "engine/io/ tests/"},
    {"check.h", "tests/"},
};

static int problems, files;
static bool quiet;

static void complain(const char *path, int line, const char *words, const char *what)
{
    if (!quiet) printf("%s:%d: %s%s\n", path, line, words, what);
    problems++;
}

static int room_of(const char *path)
{
    for (int i = 0; i < ROOMS; i++)
        if (strncmp(path, rooms[i], strlen(rooms[i])) == 0) return i;
    return -1;
}

static bool may_include(const char *path, const char *header)
{
    int from = room_of(path), to = room_of(header);
    return from >= 0 && to >= 0 && to <= from;
}

static bool may_include_library(const char *path, const char *header)
{
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) {
        if (strncmp(header, owned[i].header, strlen(owned[i].header)) != 0) continue;
        for (const char *owner = owned[i].owners; owner; owner = strchr(owner, ' ') ? strchr(owner, ' ') + 1 : NULL)
            if (strncmp(path, owner, strcspn(owner, " ")) == 0) return true;
        return false;
    }
    return true;
}

static void check_include(const char *path, int number, const char *line)
{
    char header[LINE_SIZE];
    if (sscanf(line, " # include \"%4000[^\"]\"", header) == 1) {
        if (!may_include(path, header)) complain(path, number, "this room may not include ", header);
    } else if (sscanf(line, " # include <%4000[^>]>", header) == 1) {
        if (!may_include_library(path, header)) complain(path, number, "this room may not include ", header);
    }
}

/* Memory is counted and ends in a Status; nothing below scripts/ leaves the process. */
static void check_calls(const char *path, int number, const char *line)
{
    static const char *const forbidden[] = {"malloc(",  "calloc(", "realloc(", "strdup(",
                                            "strndup(", "exit(",   "abort(",   "longjmp("};
    int room = room_of(path);
    if (room < 0 || room > room_of("scripts/") || strcmp(path, "engine/base/memory.c") == 0) return;
    for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        const char *at = strstr(line, forbidden[i]);
        bool whole = at && (at == line || !strchr("_abcdefghijklmnopqrstuvwxyz\"", at[-1]));
        if (whole && !strchr(line, '"')) complain(path, number, "not here: ", forbidden[i]);
    }
}

static void check_style(const char *path, int number, const char *line, bool is_c)
{
    size_t length = strlen(line);
    if (length && (line[length - 1] == ' ' || line[length - 1] == '\r'))
        complain(path, number, "white space at the end of the line", "");
    if (is_c && strchr(line, '\t')) complain(path, number, "a tab", "");
    if (is_c && length > LINE_MAX_COLUMNS) complain(path, number, "the line is too long", "");
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Each room lists its files, headers included, in sources.mk: what is not listed is neither built nor shipped. */
static void check_listed(const char *path)
{
    char list[LINE_SIZE], line[LINE_SIZE];
    int room = room_of(path);
    bool listed = strcmp(path, "tui/main.c") == 0;
    snprintf(list, sizeof list, "%s/%ssources.mk", LATHE_SOURCE, rooms[room]);
    FILE *file = fopen(list, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", list);
    while (!listed && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *found = strstr(line, path);
        listed = found && strlen(found) == strlen(path);
    }
    fclose(file);
    if (!listed) complain(path, 1, "is not listed in sources.mk", "");
}

static void check_file(const char *path)
{
    char full[LINE_SIZE], line[LINE_SIZE];
    bool is_c = ends_with(path, ".c") || ends_with(path, ".h"), licensed = false;
    snprintf(full, sizeof full, "%s/%s", LATHE_SOURCE, path);
    FILE *file = fopen(full, "r");
    ck_assert_msg(file != NULL, "%s cannot be read", full);
    for (int number = 1; fgets(line, sizeof line, file); number++) {
        line[strcspn(line, "\n")] = '\0';
        if (number <= 2 && strstr(line, "SPDX-License-Identifier: GPL-3.0-or-later")) licensed = true;
        check_style(path, number, line, is_c);
        if (!is_c) continue;
        check_include(path, number, line);
        check_calls(path, number, line);
    }
    fclose(file);
    if (!licensed) complain(path, 1, "no SPDX-License-Identifier in the first two lines", "");
    if (is_c) check_listed(path);
    files++;
}

static bool is_source(const char *name)
{
    static const char *const ends[] = {".c", ".h", ".lua", ".list", ".mk", ".sh", ".py"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (ends_with(name, ends[i])) return true;
    return false;
}

static void walk(const char *folder)
{
    char path[LINE_SIZE];
    snprintf(path, sizeof path, "%s/%s", LATHE_SOURCE, folder);
    DIR *entries = opendir(path);
    ck_assert_msg(entries != NULL, "%s cannot be read", path);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "golden") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR)
            walk(path);
        else if (is_source(entry->d_name))
            check_file(path);
    }
    closedir(entries);
}

START_TEST(sources_follow_the_rules)
{
    static const char *const tops[] = {"engine", "datasets", "scripts", "tui", "tests"};
    static const char *const others[] = {"bootstrap", "configure.ac", "Makefile.am", ".ci/run"};
    for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) walk(tops[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) check_file(others[i]);
    ck_assert_int_gt(files, 100);
    ck_assert_msg(problems == 0, "%d problems; see above", problems);
}
END_TEST

/* The rules themselves: what they forbid is found. */
START_TEST(rules_find_what_they_forbid)
{
    quiet = true;
    check_include("engine/base/x.c", 1, "#include \"engine/tensor/tensor.h\"");
    check_include("engine/kernels/x.c", 2, "#  include \"engine/ops/op.h\"");
    check_include("datasets/x.c", 3, "#include \"scripts/host.h\"");
    check_include("engine/io/x.c", 4, "#include \"other/x.h\"");
    check_include("engine/ops/x.c", 5, "#include <cblas.h>");
    check_include("engine/train/x.c", 6, "#include <lua5.4/lua.h>");
    check_calls("engine/ops/x.c", 7, "    p = malloc(3);");
    check_calls("datasets/x.c", 8, "exit(1);");
    check_style("x.c", 9, "\tx", true);
    check_style("x.c", 10, "x ", true);
    ck_assert_int_eq(problems, 10);
    check_include("engine/io/x.c", 1, "#include \"engine/base/status.h\"");
    check_include("tui/x.c", 1, "#include \"engine/train/session.h\"");
    check_include("engine/kernels/x.c", 1, "#include <cblas.h>");
    check_include("engine/io/x.c", 1, "#include <stdio.h>");
    check_calls("engine/ops/x.c", 1, "    arena_free(memory_malloc(3));");
    check_style("x.c", 1, "x", true);
    ck_assert_int_eq(problems, 10);
}
END_TEST

Suite *structure_suite(void);
Suite *structure_suite(void)
{
    Suite *suite = suite_create("structure");
    TCase *tests = tcase_create("structure");
    tcase_add_test(tests, sources_follow_the_rules);
    tcase_add_test(tests, rules_find_what_they_forbid);
    suite_add_tcase(suite, tests);
    return suite;
}
