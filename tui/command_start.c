/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe alone on a terminal: the start screen, then the workbench on what was chosen. */
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "scripts/recipe.h"
#include "tui/address.h"
#include "tui/command.h"
#include "tui/workbench/attend.h"
#include "tui/workbench/start.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Starting {
    Start start;
    Host *host;
    Recipe *recipe; /* of the form */
} Starting;

/* --- recipes --- */

/* The second line of its help. */
static Status describe(Host *host, const char *path, char *out, size_t size)
{
    Recipe *recipe;
    Buffer help = {0};
    TRY(recipe_load(host, path, &recipe));
    Status status = recipe_help(recipe, &help);
    const char *second = status == STATUS_OK ? strchr(help.data, '\n') : NULL;
    if (second) snprintf(out, size, "%.*s", (int)strcspn(second + 1, "\n"), second + 1);
    buffer_free(&help);
    recipe_free(recipe);
    return status;
}

/* One that does not load is listed with the reason. */
static Status add_recipe(void *context, const char *name, const char *path)
{
    Starting *starting = context;
    Start *start = &starting->start;
    for (int i = 0; i < start->item_count; i++)
        if (strcmp(start->items[i].name, name) == 0) return STATUS_OK;
    if (start->item_count == START_ITEMS / 2) return STATUS_OK;
    StartItem *item = &start->items[start->item_count++];
    *item = (StartItem){.kind = START_RECIPE};
    snprintf(item->name, sizeof item->name, "%s", name);
    snprintf(item->path, sizeof item->path, "%s", path);
    Status status = describe(starting->host, path, item->doc, sizeof item->doc);
    if (status != STATUS_OK && status != STATUS_NOMEM)
        snprintf(item->doc, sizeof item->doc, "%s", status_message());
    return status == STATUS_NOMEM ? status : STATUS_OK;
}

static Status fill_form(void *context, int item)
{
    Starting *starting = context;
    Start *start = &starting->start;
    RecipeParam param;
    int count;
    char path[START_PATH];
    recipe_free(starting->recipe);
    starting->recipe = NULL;
    snprintf(path, sizeof path, "%s", start->items[item].path);
    TRY(recipe_load(starting->host, path, &starting->recipe));
    TRY(recipe_param_count(starting->recipe, &count));
    for (int i = 0; i < count && i < START_PARAMS; i++) {
        TRY(recipe_param(starting->recipe, i, &param));
        StartParam *out = &start->params[start->param_count++];
        *out = (StartParam){0};
        snprintf(out->name, sizeof out->name, "%s", param.name);
        snprintf(out->value, sizeof out->value, "%.*s", START_TEXT - 1, param.has_value ? param.value : "");
        memcpy(out->standard, out->value, sizeof out->standard);
        snprintf(out->range, sizeof out->range, "%s", param.range);
        snprintf(out->doc, sizeof out->doc, "%s", param.doc);
    }
    return STATUS_OK;
}

static Status set_value(void *context, const char *name, const char *value)
{
    return recipe_set(((Starting *)context)->recipe, name, value);
}

/* --- recent runs: those in runs/ and in this folder, the newest first --- */

typedef struct Recent {
    char path[START_PATH];
    struct timespec changed;
} Recent;

static bool later(const Recent *a, const Recent *b)
{
    if (a->changed.tv_sec != b->changed.tv_sec) return a->changed.tv_sec > b->changed.tv_sec;
    return a->changed.tv_nsec > b->changed.tv_nsec;
}

static void keep_newest(Recent *list, int *count, const Recent *entry)
{
    enum { MOST = 12 };
    int at = *count;
    while (at > 0 && later(entry, &list[at - 1])) at--;
    if (at >= MOST) return;
    if (*count < MOST) (*count)++;
    memmove(&list[at + 1], &list[at], sizeof *list * (size_t)(*count - 1 - at));
    list[at] = *entry;
}

static void find_runs(const char *folder, Recent *list, int *count)
{
    FileNames names;
    struct stat info;
    char config[START_PATH + 16];
    if (file_list(*folder ? folder : ".", &names) != STATUS_OK) return;
    for (size_t i = 0; i < names.count; i++) {
        Recent entry;
        int length = snprintf(entry.path, sizeof entry.path, "%s%s%s", folder, *folder ? "/" : "", names.names[i]);
        snprintf(config, sizeof config, "%s/config.json", entry.path);
        if (length >= (int)sizeof entry.path || stat(config, &info) != 0) continue;
        snprintf(config, sizeof config, "%s/metrics.jsonl", entry.path);
        entry.changed = stat(config, &info) == 0 ? info.st_mtim : (struct timespec){0};
        keep_newest(list, count, &entry);
    }
    file_names_free(&names);
}

static int64_t last_step(const char *path)
{
    MetricsStore *store;
    if (run_directory_open_metrics(path, &store) != STATUS_OK) return 0;
    int64_t step = metrics_last_step(store);
    metrics_close(store);
    return step < 0 ? 0 : step;
}

static void add_run(Start *start, const char *path)
{
    json_t *config;
    int socket;
    if (start->item_count == START_ITEMS || run_directory_read_config(path, &config) != STATUS_OK) return;
    long long step = last_step(path), steps = json_integer_value(json_object_get(config, "steps"));
    const char *recipe = json_string_value(json_object_get(config, "recipe"));
    StartItem *item = &start->items[start->item_count++];
    *item = (StartItem){.kind = step < steps ? START_STOPPED_RUN : START_FINISHED_RUN};
    if (address_connect(path, &socket) == STATUS_OK) {
        item->kind = START_LIVE_RUN;
        close(socket);
    }
    snprintf(item->name, sizeof item->name, "%.90s", path);
    snprintf(item->path, sizeof item->path, "%.500s", path);
    snprintf(item->doc, sizeof item->doc, "step %lld of %lld, %s", step, steps, recipe ? file_name(recipe) : "");
    json_decref(config);
}

static void add_runs(Start *start)
{
    Recent list[16];
    int count = 0;
    find_runs("runs", list, &count);
    find_runs("", list, &count);
    for (int i = 0; i < count; i++) add_run(start, list[i].path);
}

/* --- what was chosen --- */

static int train(const Starting *starting)
{
    const Start *start = &starting->start;
    static char sets[START_PARAMS][START_TEXT + 80];
    Arguments arguments = {.seed = -1, .steps = -1, .threads = -1, .until = -1, .name_count = 1};
    arguments.names[0] = start->items[start->row].path;
    for (int i = 0; i < start->param_count; i++) {
        const StartParam *param = &start->params[i];
        if (strcmp(param->value, param->standard) == 0) continue;
        snprintf(sets[i], sizeof sets[i], "%s=%s", param->name, param->value);
        arguments.sets[arguments.set_count++] = sets[i];
    }
    return command_run(&arguments);
}

static int open_run(const StartItem *item)
{
    bool failed = false;
    Arguments arguments = {.seed = -1, .steps = -1, .threads = -1, .until = -1, .resume = item->path};
    if (item->kind == START_STOPPED_RUN) return command_run(&arguments);
    Status status = item->kind == START_LIVE_RUN ? attend_run(item->path, &failed) : attend_finished(item->path);
    return status == STATUS_OK ? failed : command_fail(status);
}

static Status prepare(Starting *starting)
{
    starting->start.port = (StartPort){fill_form, set_value, starting};
    TRY(host_new(NULL, &starting->host));
    TRY(recipe_list(add_recipe, starting));
    add_runs(&starting->start);
    return attend_start(&starting->start);
}

int command_start(void)
{
    Starting *starting;
    Status status = memory_new(1, sizeof *starting, &starting);
    if (status != STATUS_OK) return command_fail(status);
    status = prepare(starting);
    StartChoice choice = starting->start.choice;
    recipe_free(starting->recipe);
    host_free(starting->host);
    int result = status != STATUS_OK     ? command_fail(status)
                 : choice == START_TRAIN ? train(starting)
                 : choice == START_OPEN  ? open_run(&starting->start.items[starting->start.row])
                                         : 0;
    memory_free(starting);
    return result;
}
