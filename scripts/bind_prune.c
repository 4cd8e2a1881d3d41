/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run:prune {...}: pruning as one edit, or a table of what it would change; run:sparsity(). */
#include "engine/base/thousands.h"
#include "engine/train/pruning.h"
#include "scripts/bind_class.h"
#include "scripts/bind_edit.h"

#include <stdio.h>
#include <string.h>

#define PLAN_TYPE  "lathe.pruning"
#define TABLE_TYPE "lathe.sparsity"

/* --- the criteria, for help() --- */

static bool get_criterion(int index, Record *out)
{
    if (index >= criterion_record_count) return false;
    const CriterionRecord *record = criterion_records[index];
    *out = (Record){.name = record->name, .doc = record->doc, .source = record->source, .data = record};
    return true;
}

static int name_criterion(lua_State *L, const Record *record)
{
    return luaL_error(L, "a criterion is named: run:prune { criterion = \"%s\", sparsity = 0.5 }", record->name);
}

const RecordKind bind_criteria = {"criteria",    "criterion",    "which weights run:prune takes",
                                  get_criterion, name_criterion, NULL};

/* --- tables of sparsities --- */

static Status table_line(const char *path, int64_t weights, int64_t before, int64_t after, Buffer *out)
{
    double all = weights ? (double)weights : 1;
    char zeros[THOUSANDS_BYTES], of[THOUSANDS_BYTES];
    if (before >= 0) TRY(buffer_printf(out, "%5.1f %% -> ", 100 * (double)before / all));
    return buffer_printf(out, "%5.1f %%  %11s of %11s  %s\n", 100 * (double)after / all, thousands(after, zeros),
                         thousands(weights, of), path);
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

/* Into the table at the top. before -1: not said. */
static void set_counts(lua_State *L, int64_t weights, int64_t before, int64_t after)
{
    set_integer(L, "weights", weights);
    if (before >= 0) set_integer(L, "before", before);
    set_integer(L, "pruned", after);
    lua_pushnumber(L, weights ? (double)after / (double)weights : 0);
    lua_setfield(L, -2, "sparsity");
}

typedef struct Table {
    lua_State *L;
    Buffer *text;
    int64_t weights, before, after; /* sums */
    lua_Integer rows;
} Table;

/* Pushes the text and the table that rows go to. */
static Table push_table(lua_State *L)
{
    Table table = {.L = L, .text = host_push_buffer(L), .before = -1};
    lua_newtable(L);
    return table;
}

static Status add_row(Table *table, const Param *param, int64_t before, int64_t after)
{
    lua_State *L = table->L;
    int64_t weights = tensor_count(param->value);
    table->weights += weights;
    table->after += after;
    TRY(table_line(param->path, weights, before, after, table->text));
    lua_createtable(L, 0, 5);
    lua_pushstring(L, param->path);
    lua_setfield(L, -2, "name");
    set_counts(L, weights, before, after);
    lua_rawseti(L, -2, ++table->rows);
    return STATUS_OK;
}

static int table_tostring(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "text");
    return 1;
}

static void finish_table(Table *table)
{
    lua_State *L = table->L;
    host_check(L, table->rows ? table_line("all", table->weights, table->before, table->after, table->text)
                              : buffer_text(table->text,
                                            "no parameter has a mask; run:prune { sparsity = 0.5 } makes some\n"));
    set_counts(L, table->weights, table->before, table->after);
    lua_pushlstring(L, table->text->data, table->text->length - 1);
    lua_setfield(L, -2, "text");
    luaL_setmetatable(L, TABLE_TYPE);
}

static Status add_masked(void *context, Param *param)
{
    return param->mask ? add_row(context, param, -1, param->pruned) : STATUS_OK;
}

/* run:sparsity(): the parameters that have a mask */
static int sparsity(lua_State *L)
{
    const SessionHandle *handle = bind_check_session(L, 1);
    Table table = push_table(L);
    for (int i = 0; i < handle->session->model_count; i++)
        host_check(L, module_each_param(handle->session->models[i]->root, add_masked, &table));
    finish_table(&table);
    return 1;
}

/* --- run:prune --- */

typedef struct Pruning {
    PruneConfig config;
    PrunePlan plan;
} Pruning;

static int free_pruning(lua_State *L)
{
    Pruning *pruning = luaL_checkudata(L, 1, PLAN_TYPE);
    prune_clear(&pruning->plan);
    return 0;
}

static Pruning *push_pruning(lua_State *L)
{
    Pruning *pruning = lua_newuserdatauv(L, sizeof *pruning, 0);
    *pruning = (Pruning){0};
    option_defaults(prune_options, &pruning->config);
    luaL_setmetatable(L, PLAN_TYPE);
    return pruning;
}

/* params = run.model.bert.encoder is params = "bert.encoder". */
static void read_params(lua_State *L, PruneConfig *config)
{
    char path[MODULE_PATH_SIZE];
    lua_getfield(L, 2, "params");
    int index = lua_gettop(L);
    const Module *module = bind_test_module(L, index);
    const Param *param = module ? NULL : bind_test_param(L, index);
    if (module) module_path(module, path);
    if (module || param) lua_pushstring(L, param ? param->path : *path ? path : "*");
    if (!lua_isnil(L, -1))
        host_check(L, bind_set_option(L, lua_gettop(L), prune_options, config, "prune", "params"));
    lua_settop(L, index - 1);
}

/* params is also a module; the option says what it is. */
static const RecordWord prune_others[] = {
    {"params", ""}, {"dry_run", "true: a table of what would change, and nothing changes"}, {0}};

/* Whether it only looks. */
static bool read_arguments(lua_State *L, PruneConfig *config)
{
    if (lua_type(L, 2) == LUA_TNUMBER)
        luaL_error(L, "prune takes a table: run:prune { sparsity = %s }", lua_tostring(L, 2));
    bind_check_type(L, 2, LUA_TTABLE, "prune", "a table, as in run:prune {sparsity = 0.5}");
    bind_read_options(L, 2, prune_options, config, "prune", prune_others);
    read_params(L, config);
    lua_getfield(L, 2, "dry_run");
    if (!lua_isnil(L, -1) && !lua_isboolean(L, -1)) luaL_error(L, "prune: dry_run must be true or false");
    bool look = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return look;
}

static int push_plan(lua_State *L, const PrunePlan *plan)
{
    Table table = push_table(L);
    table.before = plan->before;
    for (int r = 0; r < plan->count; r++)
        host_check(L, add_row(&table, plan->rows[r].param, plan->rows[r].before, plan->rows[r].after));
    finish_table(&table);
    return 1;
}

static Status words(const Pruning *pruning, Buffer *out)
{
    const PruneConfig *config = &pruning->config;
    const PrunePlan *plan = &pruning->plan;
    double weights = (double)plan->weights;
    TRY(buffer_printf(out, "%s: %d parameter%s ", config->model, plan->count, plan->count == 1 ? "" : "s"));
    if (config->sparsity <= 0) return buffer_text(out, "without masks");
    bool once = config->schedule == PRUNE_ONCE;
    TRY(buffer_printf(out, "pruned by %s, sparsity %.4g -> %.4g", plan->criterion->name,
                      (double)plan->before / weights, once ? (double)plan->after / weights : config->sparsity));
    if (once) return STATUS_OK;
    return buffer_printf(out, " from step %lld to %lld, every %lld", (long long)config->begin_step,
                         (long long)prune_last_step(config), (long long)config->frequency);
}

/* Not while edits are made again: how the pruned weights lie may be another one there. */
static void refuse_less(lua_State *L, const Pruning *pruning)
{
    const PruneConfig *config = &pruning->config;
    const PrunePlan *plan = &pruning->plan;
    double now = (double)plan->before / (double)plan->weights;
    if (config->sparsity <= 0 || plan->after > plan->before || bind_edits_silent(L)) return;
    if (config->schedule == PRUNE_CUBIC && config->sparsity > now) return;
    char text[64];
    snprintf(text, sizeof text, "%.4g", now);
    luaL_error(L,
               "prune: a share of %s of these weights is pruned already; give a higher sparsity, or take the masks "
               "away with sparsity = 0",
               text);
}

static Status print_line(const PruneConfig *config, Buffer *out)
{
    TRY(buffer_text(out, "run:prune { "));
    TRY(bind_print_options(prune_options, config, out));
    return buffer_text(out, "}");
}

/* The line that takes it back from here on, without masks as before: what was pruned learns again. NULL where these
 * weights had masks before, or may have had a schedule. */
static const char *push_inverse(lua_State *L, const Session *session, const Pruning *pruning)
{
    PruneConfig none;
    Buffer *line = host_push_buffer(L);
    if (pruning->config.sparsity <= 0 || pruning->plan.before > 0 || session->prune_count > 0) return NULL;
    option_defaults(prune_options, &none);
    none.sparsity = 0;
    memcpy(none.params, pruning->config.params, sizeof none.params);
    memcpy(none.model, pruning->config.model, sizeof none.model);
    host_check(L, print_line(&none, line));
    return line->data;
}

/* run:prune { sparsity = 0.5, ... } */
static int prune(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    lua_settop(L, 2);
    bind_need_boundary(L, prune);
    Pruning *pruning = push_pruning(L);
    bool look = read_arguments(L, &pruning->config);
    if (handle->stepping) return luaL_error(L, "prune: nothing can be changed inside a training step");
    host_check(L, session_plan_pruning(handle->session, &pruning->config, look ? PRUNE_LOOK : PRUNE_BESIDE,
                                       &pruning->plan));
    if (look) return push_plan(L, &pruning->plan);
    refuse_less(L, pruning);
    Buffer *effect = host_push_buffer(L), *what = host_push_buffer(L);
    host_check(L, print_line(&pruning->config, effect));
    host_check(L, words(pruning, what));
    bind_edit(L, handle, effect->data, push_inverse(L, handle->session, pruning));
    session_prune(handle->session, &pruning->config, &pruning->plan);
    prune_clear(&pruning->plan);
    bind_edit_done(L, handle, what->data);
    return 0;
}

const BindMethod bind_prune_methods[] = {{.name = "prune",
                                          .arguments = "{ options }",
                                          .doc = "Sets the least important weights of matrices to zero, where they "
                                                 "stay: a mask in each parameter keeps them so "
                                                 "through training, checkpoints, undo and replay. help(criteria) "
                                                 "lists criteria. The cubic schedule: Zhu, Gupta "
                                                 "2017, To prune, or not to prune.",
                                          .call = prune,
                                          .options = prune_options,
                                          .words = prune_others + 1},
                                         {.name = "sparsity",
                                          .arguments = "()",
                                          .doc = "A table of the parameters that have a mask: name, weights, "
                                                 "pruned, sparsity; its own fields weights, pruned and "
                                                 "sparsity are those of all together.",
                                          .call = sparsity},
                                         {0}};

void bind_open_prune(lua_State *L)
{
    luaL_newmetatable(L, PLAN_TYPE);
    lua_pushcfunction(L, free_pruning);
    lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, TABLE_TYPE);
    lua_pushcfunction(L, table_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 2);
}
