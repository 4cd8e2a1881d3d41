/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe alone on a terminal: the start screen, then the workbench on what was chosen, and back. */
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/thousands.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "scripts/recipe.h"
#include "tui/address.h"
#include "tui/command.h"
#include "tui/estimator.h"
#include "tui/run_setup.h"
#include "tui/workbench/attend.h"
#include "tui/workbench/start.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double rest_seconds = 0.8; /* before what is selected is timed */

/* What the form says, as the command line would: NAME --set a=b --out c. */
typedef struct Words {
    Arguments arguments;
    char sets[FORM_FIELDS][FORM_TEXT + 80];
} Words;

typedef struct Starting {
    Start start;
    Host *host;
    Recipe *recipe; /* of the form */
    Words words;    /* of what is selected */
    Estimator estimator;
    StartTime *timed; /* what the estimator's answer is about */
    Hash wanted;      /* what is selected, and since when */
    double since;
} Starting;

/* Values of fields that are no parameters of the recipe. */
static const char *const own_fields[] = {"out", "seed", "threads", "steps"};

/* --- recipes --- */

/* The words between the first line and the parameters. */
static void take_doc(const char *help, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *at = strchr(help, '\n'); at && *++at && strncmp(at, "Parameters:", 11) != 0;
         at = strchr(at, '\n')) {
        used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? " " : "", (int)strcspn(at, "\n"), at);
        if (used >= size) return;
    }
}

static Status describe(Host *host, const char *path, char *out, size_t size)
{
    Recipe *recipe;
    Buffer help = {0};
    TRY(recipe_load(host, path, &recipe));
    Status status = recipe_help(recipe, &help);
    if (status == STATUS_OK) take_doc(help.data, out, size);
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

static bool is_own(const FormField *field)
{
    return field->option == NULL;
}

static const Option parameter = {.name = "parameter", .kind = OPTION_TEXT}; /* marks fields of the recipe */

static int64_t integer_of(const Form *form, const char *name)
{
    const FormField *field = form_find((Form *)form, name);
    return field && is_own(field) && field->value[0] ? strtoll(field->value, NULL, 10) : -1;
}

static void take_words(const StartItem *item, const Form *form, Words *out)
{
    Arguments *arguments = &out->arguments;
    *arguments = command_nothing();
    arguments->name_count = 1;
    arguments->names[0] = item->path;
    for (int i = 0; form && i < form->count && arguments->set_count < COMMAND_MAX_SETS; i++) {
        const FormField *field = &form->fields[i];
        if (is_own(field) || !form_changed(field)) continue;
        char *set = out->sets[arguments->set_count];
        snprintf(set, sizeof *out->sets, "%s=%s", field->name, field->value);
        arguments->sets[arguments->set_count++] = set;
    }
    if (!form) return;
    const FormField *directory = form_find((Form *)form, "out");
    if (directory && is_own(directory) && directory->value[0]) arguments->out = directory->value;
    arguments->seed = integer_of(form, "seed");
    arguments->threads = integer_of(form, "threads");
    arguments->steps = integer_of(form, "steps");
}

/* --- the form --- */

static Status check_own(const FormField *field, const char *value)
{
    bool path = strcmp(field->name, "out") == 0;
    char *end;
    if (!*value) return STATUS_OK;
    if (path && file_exists(value))
        return status_fail(STATUS_INVALID, "out: %s is there already; a run makes its own directory", value);
    if (path) return STATUS_OK;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    long long least = strcmp(field->name, "seed") == 0 ? 0 : 1,
              most = strcmp(field->name, "threads") == 0 ? 1024 : INT64_MAX;
    if (!*end && !errno && number >= least && number <= most) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s must be an integer of at least %lld; got '%s'", field->name, least,
                       value);
}

static Status check_value(void *context, Form *form, const FormField *field, const char *value)
{
    (void)form;
    if (is_own(field)) return check_own(field, value);
    return recipe_set(((Starting *)context)->recipe, field->name, value);
}

static void put_word(const char *name, const char *value, char *out, size_t size)
{
    size_t used = strlen(out);
    bool quoted = strpbrk(value, " \t'\"$&;()<>*?|\\") != NULL;
    if (used < size) snprintf(out + used, size - used, quoted ? " %s'%s'" : " %s%s", name, value);
}

/* The same on the command line. */
static void write_line(void *context, const Form *form, char *out, size_t size)
{
    const Start *start = &((Starting *)context)->start;
    snprintf(out, size, "lathe run %s", start->items[start->row].name);
    for (int i = 0; i < form->count; i++) {
        char name[96];
        const FormField *field = &form->fields[i];
        if (!form_changed(field)) continue;
        snprintf(name, sizeof name, is_own(field) ? "--%s " : "--set %s=", field->name);
        put_word(name, field->value, out, size);
    }
}

static void add_parameter(Form *form, const RecipeParam *param)
{
    FormField *field = form_add(form, param->name, param->has_value ? param->value : "");
    if (!field) return;
    field->option = &parameter;
    snprintf(field->range, sizeof field->range, "%s", param->range);
    snprintf(field->doc, sizeof field->doc, "%s", param->doc);
}

static void add_own(Form *form, const char *name, const char *range, const char *doc)
{
    FormField *field = form_find(form, name) ? NULL : form_add(form, name, "");
    if (!field) return;
    snprintf(field->range, sizeof field->range, "%s", range);
    snprintf(field->doc, sizeof field->doc, "%s", doc);
}

static void add_own_fields(Form *form)
{
    static const char *const texts[][2] = {
        {"the path of a new directory", "where the run is kept; without it, the next free one in runs/"},
        {"an integer of at least 0", "seed of weights, order, masks and dropout; 1 unless said"},
        {"an integer of at least 1", "threads; one for each processor unless said; results do not depend on it"},
        {"an integer of at least 1", "steps, instead of the usual number"}};
    for (int i = 0; i < 4; i++) add_own(form, own_fields[i], texts[i][0], texts[i][1]);
}

static Status fill_form(void *context, int item)
{
    Starting *starting = context;
    Start *start = &starting->start;
    RecipeParam param;
    int count;
    recipe_free(starting->recipe);
    starting->recipe = NULL;
    TRY(recipe_load(starting->host, start->items[item].path, &starting->recipe));
    TRY(recipe_param_count(starting->recipe, &count));
    start->form.port = (FormPort){check_value, NULL, write_line, starting};
    snprintf(start->form.title, sizeof start->form.title, "%s", start->items[item].name);
    for (int i = 0; i < count && i < FORM_FIELDS - 4; i++) {
        TRY(recipe_param(starting->recipe, i, &param));
        add_parameter(&start->form, &param);
    }
    add_own_fields(&start->form);
    return STATUS_OK;
}

/* --- how long it takes here --- */

/* Answers from before at once; what is selected for a while is measured. */
static void ask_time(Starting *starting, StartTime *time)
{
    const Arguments *arguments = &starting->words.arguments;
    Hash key;
    if (estimator_key(arguments, &key) != STATUS_OK) return;
    if (!hash_equal(key, starting->wanted)) {
        estimator_stop(&starting->estimator);
        if (starting->timed) starting->timed->asking = false;
        starting->timed = NULL;
        starting->wanted = key;
        starting->since = clock_seconds();
        *time = (StartTime){.seconds = estimator_known(key)};
    }
    bool open = time->seconds <= 0 && !time->trouble[0] && !time->asking;
    if (!open || clock_seconds() - starting->since < rest_seconds) return;
    time->asking = estimator_ask(&starting->estimator, arguments, key) == STATUS_OK;
    starting->timed = time;
}

static void take_answer(Starting *starting)
{
    double seconds;
    char trouble[START_TEXT];
    if (!estimator_poll(&starting->estimator, &seconds, trouble, sizeof trouble)) return;
    if (starting->timed) {
        starting->timed->seconds = seconds;
        starting->timed->asking = false;
        memcpy(starting->timed->trouble, trouble, sizeof trouble);
    }
    starting->timed = NULL;
}

static void tick(void *context)
{
    Starting *starting = context;
    Start *start = &starting->start;
    take_answer(starting);
    if (start->row >= start->item_count || start->items[start->row].kind != START_RECIPE || start->form.editing)
        return;
    take_words(&start->items[start->row], start->filling ? &start->form : NULL, &starting->words);
    ask_time(starting, start->filling ? &start->time : &start->items[start->row].time);
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
    char at[THOUSANDS_BYTES], all[THOUSANDS_BYTES];
    snprintf(item->doc, sizeof item->doc, "step %s of %s, %s", thousands(step, at), thousands(steps, all),
             recipe ? file_name(recipe) : "");
    json_decref(config);
}

/* Anew, in place of those that are there. */
static void add_runs(Start *start)
{
    Recent list[16];
    int count = 0;
    while (start->item_count && start->items[start->item_count - 1].kind != START_RECIPE) start->item_count--;
    find_runs("runs", list, &count);
    find_runs("", list, &count);
    for (int i = 0; i < count; i++) add_run(start, list[i].path);
    if (start->row >= start->item_count) start->row = start->item_count ? start->item_count - 1 : 0;
}

/* --- what was chosen --- */

/* The form stays as it was where the run did not come to be. */
static int train(Starting *starting)
{
    Start *start = &starting->start;
    char directory[START_PATH + 16];
    const Arguments *arguments = &starting->words.arguments;
    take_words(&start->items[start->row], &start->form, &starting->words);
    int result = command_run(arguments);
    snprintf(directory, sizeof directory, "%s/config.json", arguments->out ? arguments->out : "");
    bool failed = result != 0 && (!arguments->out || !file_exists(directory));
    if (failed)
        snprintf(start->form.note, sizeof start->form.note, "it was not started%s%s",
                 start->time.trouble[0] ? ": " : "; the reason stands on the terminal above", start->time.trouble);
    start->filling = failed;
    return result;
}

static int open_run(const StartItem *item, bool trains)
{
    int code = 0;
    Arguments arguments = command_nothing();
    arguments.resume = item->path;
    if (trains) return command_run(&arguments);
    Status status = attend_run(item->path, NULL, &code);
    return status == STATUS_OK ? code : command_fail(status);
}

static int follow(Starting *starting, StartChoice choice)
{
    Start *start = &starting->start;
    int result =
        choice == START_TRAIN ? train(starting) : open_run(&start->items[start->row], choice == START_RESUME);
    add_runs(start);
    return result;
}

static Status prepare(Starting *starting)
{
    starting->start.port = (StartPort){fill_form, tick, starting};
    TRY(host_new(NULL, &starting->host));
    TRY(recipe_list(add_recipe, starting));
    add_runs(&starting->start);
    return STATUS_OK;
}

/* The list again after each run, until somebody leaves it. */
static int go_round(Starting *starting)
{
    Start *start = &starting->start;
    int result = 0;
    while (true) {
        start->choice = START_NOTHING;
        Status status = attend_start(start);
        StartChoice choice = start->choice;
        estimator_stop(&starting->estimator);
        starting->wanted = (Hash){0, 0};
        starting->timed = NULL;
        if (status != STATUS_OK) return command_fail(status);
        if (choice == START_LEAVE) return result;
        result = follow(starting, choice);
    }
}

int command_start(void)
{
    Starting *starting;
    Status status = memory_new(1, sizeof *starting, &starting);
    if (status != STATUS_OK) return command_fail(status);
    status = prepare(starting);
    int result = status == STATUS_OK ? go_round(starting) : command_fail(status);
    estimator_stop(&starting->estimator);
    recipe_free(starting->recipe);
    host_free(starting->host);
    start_free(&starting->start);
    memory_free(starting);
    return result;
}
