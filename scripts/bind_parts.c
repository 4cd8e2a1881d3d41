/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scripts/bind_parts.h"

#include "engine/optim/optimizer.h"
#include "engine/optim/schedule.h"
#include "scripts/library.h"

#include <stdio.h>
#include <string.h>

#define PART_TYPE "lathe.part"

enum { MOST_OTHERS = 16 };

/* --- the four kinds --- */

static const RecordWord model_words[] = {{"name", "its name in a session of several models"}, {0}};
static const RecordWord custom_words[] = {
    {"loss", "function(model, batch) that returns a loss, or the Lua text of one"}, {0}};

#define GET_FUNCTION(function, type, records, count, words_)                                                       \
    static bool function(int index, Record *out)                                                                   \
    {                                                                                                              \
        if (index >= (count)) return false;                                                                        \
        const type *record = (records)[index];                                                                     \
        *out = (Record){.name = record->name,                                                                      \
                        .doc = record->doc,                                                                        \
                        .source = record->source,                                                                  \
                        .options = record->options,                                                                \
                        .words = words_,                                                                           \
                        .data = record};                                                                           \
        return true;                                                                                               \
    }
GET_FUNCTION(get_model, ModelRecord, model_records, model_record_count, model_words)
GET_FUNCTION(get_objective, ObjectiveRecord, objective_records, objective_record_count,
             record == &objective_custom ? custom_words : NULL)
GET_FUNCTION(get_optimizer, OptimizerRecord, optimizer_records, optimizer_record_count, NULL)
GET_FUNCTION(get_schedule, ScheduleRecord, schedule_records, schedule_record_count, NULL)
#undef GET_FUNCTION

static size_t config_size(const RecordKind *kind, const Record *record)
{
    if (kind == &bind_models) return ((const ModelRecord *)record->data)->config_size;
    if (kind == &bind_objectives) return ((const ObjectiveRecord *)record->data)->config_size;
    return kind == &bind_optimizers ? sizeof(OptimizerConfig) : sizeof(ScheduleConfig);
}

/* What every objective takes; texts are documented here and read by read_name(). */
static const Option objective_common[] = {
    {.name = "weight",
     .doc = "what its loss is multiplied by",
     .kind = OPTION_NUMBER,
     .offset = offsetof(Part, weight),
     .number = 1,
     .max = 1e6,
     .bounded = true},
    {.name = "enabled",
     .doc = "whether it takes part",
     .kind = OPTION_BOOLEAN,
     .offset = offsetof(Part, enabled),
     .number = 1},
    {.name = "name", .doc = "a name of its own, where two are of one kind", .kind = OPTION_TEXT},
    {.name = "model", .doc = "the model that it trains", .kind = OPTION_TEXT, .text = "model"},
    {.name = "source", .doc = "the data source that it reads", .kind = OPTION_TEXT, .text = "train"},
    {0},
};

static int make_objective(lua_State *L, const Record *record);
static int make_model(lua_State *L, const Record *record);
static int make_optimizer(lua_State *L, const Record *record);
static int make_schedule(lua_State *L, const Record *record);

const RecordKind bind_models = {"models", "model", "networks", get_model, make_model, NULL};
const RecordKind bind_objectives = {"objectives",  "objective",    "loss terms, any number at once",
                                    get_objective, make_objective, objective_common};
const RecordKind bind_optimizers = {"optim", "optimizer", "optimizers", get_optimizer, make_optimizer, NULL};
const RecordKind bind_schedules = {"schedules",  "schedule",    "the learning rate over time",
                                   get_schedule, make_schedule, NULL};

/* --- making --- */

static Part *push_part(lua_State *L, const RecordKind *kind, const Record *record)
{
    size_t size = config_size(kind, record), head = (sizeof(Part) + 63) / 64 * 64;
    Part *part = lua_newuserdatauv(L, head + size, 2);
    memset(part, 0, head + size);
    *part = (Part){.kind = kind, .record = *record, .weight = 1, .enabled = true};
    part->config = (char *)part + head;
    option_defaults(record->options, part->config);
    luaL_setmetatable(L, PART_TYPE);
    return part;
}

static void read_name(lua_State *L, int index, const char *key, char out[OBJECTIVE_NAME_SIZE])
{
    if (lua_getfield(L, index, key) != LUA_TNIL) {
        const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
        if (!*name || strlen(name) >= OBJECTIVE_NAME_SIZE || strpbrk(name, "./ \t\n"))
            luaL_error(L, "%s must be a short name without dots, slashes or spaces", key);
        snprintf(out, OBJECTIVE_NAME_SIZE, "%s", name);
    }
    lua_pop(L, 1);
}

static void read_common(lua_State *L, int index, Part *part)
{
    static const char *const numbers[] = {"weight", "enabled"};
    for (int i = 0; i < 2; i++) {
        if (lua_getfield(L, index, numbers[i]) != LUA_TNIL)
            host_check(L, bind_set_option(L, -1, objective_common, part, part->record.name, numbers[i]));
        lua_pop(L, 1);
    }
    read_name(L, index, "name", part->name);
    read_name(L, index, "model", part->model);
    read_name(L, index, "source", part->source);
}

/* What the table may hold beside the record's options. */
static void list_others(const RecordKind *kind, const Record *record, RecordWord out[MOST_OTHERS + 1])
{
    int count = 0;
    for (const Option *option = kind->common; option && option->name && count < MOST_OTHERS; option++)
        out[count++] = (RecordWord){option->name, option->doc};
    for (const RecordWord *word = record->words; word && word->name && count < MOST_OTHERS; word++)
        out[count++] = *word;
    out[count] = (RecordWord){0};
}

/* The argument: one table, or nothing. Returns the kind's part at the top of the stack. */
static Part *part_of_arguments(lua_State *L, const RecordKind *kind, const Record *record)
{
    RecordWord others[MOST_OTHERS + 1];
    list_others(kind, record, others);
    if (lua_gettop(L) > 1 || (!lua_isnoneornil(L, 1) && lua_type(L, 1) != LUA_TTABLE))
        luaL_error(L, "%s.%s takes one table of options, as in %s.%s {name = value}; got %s", kind->library,
                   record->name, kind->library, record->name, bind_type_name(L, 1));
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    Part *part = push_part(L, kind, record);
    bind_read_options(L, 1, record->options, part->config, record->name, others);
    return part;
}

static int make_model(lua_State *L, const Record *record)
{
    Part *part = part_of_arguments(L, &bind_models, record);
    read_name(L, 1, "name", part->name);
    return 1;
}

Part *bind_push_model_part(lua_State *L, const ModelRecord *model)
{
    Record record = {0};
    for (int i = 0; get_model(i, &record) && record.data != model; i++) continue;
    return push_part(L, &bind_models, &record);
}

void bind_read_part_name(lua_State *L, int index, Part *part)
{
    read_name(L, index, "name", part->name);
}

static int make_optimizer(lua_State *L, const Record *record)
{
    part_of_arguments(L, &bind_optimizers, record);
    return 1;
}

static int make_schedule(lua_State *L, const Record *record)
{
    part_of_arguments(L, &bind_schedules, record);
    return 1;
}

/* The text at the top, popped, becomes that of the part at the index, and its function that of the part. */
static void set_text(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    Part *part = lua_touserdata(L, index);
    library_push(L, "engine");
    lua_getfield(L, -1, "function_of_text");
    lua_remove(L, -2);
    lua_pushvalue(L, -2);
    lua_call(L, 1, 1);
    lua_setiuservalue(L, index, PART_LOSS);
    part->text = lua_tostring(L, -1);
    lua_setiuservalue(L, index, PART_TEXT);
}

static int make_objective(lua_State *L, const Record *record)
{
    bool custom = record->data == &objective_custom;
    Part *part = part_of_arguments(L, &bind_objectives, record);
    read_common(L, 1, part);
    if (!custom) return 1;
    int type = lua_getfield(L, 1, "loss");
    if (type == LUA_TSTRING)
        set_text(L, -2);
    else if (type == LUA_TFUNCTION)
        lua_setiuservalue(L, -2, PART_LOSS);
    else
        return luaL_error(
            L, "objectives.custom takes a function, as in objectives.custom {loss = function(model, batch) "
               "return loss end}");
    return 1;
}

void bind_need_text(lua_State *L, int index)
{
    Part *part = bind_check_part(L, index, &bind_objectives, "an objective");
    if (part->text || part->record.data != &objective_custom) return;
    index = lua_absindex(L, index);
    library_push(L, "engine");
    lua_getfield(L, -1, "text_of_function");
    lua_getiuservalue(L, index, PART_LOSS);
    lua_call(L, 1, 1);
    set_text(L, index);
    lua_pop(L, 1);
}

void bind_push_custom(lua_State *L, int index)
{
    Record record = {0};
    index = lua_absindex(L, index);
    for (int i = 0; get_objective(i, &record) && record.data != &objective_custom; i++) continue;
    push_part(L, &bind_objectives, &record);
    lua_pushvalue(L, index);
    lua_setiuservalue(L, -2, PART_LOSS);
}

Part *bind_check_part(lua_State *L, int index, const RecordKind *kind, const char *what)
{
    Part *part = luaL_testudata(L, index, PART_TYPE);
    if (!part || part->kind != kind)
        luaL_error(L, "session: %s must be made by %s, as in %s.NAME {...}; got %s", what, kind->library,
                   kind->library, bind_type_name(L, index));
    return part;
}

/* --- as Lua values --- */

static int part_index(lua_State *L)
{
    Part *part = luaL_checkudata(L, 1, PART_TYPE);
    const char *key = luaL_checkstring(L, 2);
    const Option *option = option_find(part->record.options, key);
    if (option) {
        bind_push_option(L, option, part->config);
        return 1;
    }
    if (part->kind == &bind_objectives && strcmp(key, "weight") == 0) {
        lua_pushnumber(L, part->weight);
        return 1;
    }
    host_check(L, option_unknown(part->record.options, part->record.name, key));
    return 0;
}

static int part_newindex(lua_State *L)
{
    Part *part = luaL_checkudata(L, 1, PART_TYPE);
    const char *key = luaL_checkstring(L, 2);
    if (part->kind == &bind_objectives && strcmp(key, "weight") == 0)
        host_check(L, bind_set_option(L, 3, objective_common, part, part->record.name, key));
    else
        host_check(L, bind_set_option(L, 3, part->record.options, part->config, part->record.name, key));
    return 0;
}

static Status describe(const Part *part, Buffer *out)
{
    TRY(buffer_printf(out, "%s.%s {", part->kind->library, part->record.name));
    bool first = true;
    if (part->kind == &bind_objectives) {
        TRY(buffer_printf(out, "weight = %.10g", part->weight));
        first = false;
    }
    for (const Option *option = part->record.options; option && option->name; option++) {
        bool quoted = option->kind == OPTION_TEXT || option->kind == OPTION_CHOICE;
        TRY(buffer_printf(out, "%s%s = %s", first ? "" : ", ", option->name, quoted ? "'" : ""));
        if (option->kind == OPTION_NUMBER)
            TRY(buffer_printf(out, "%.10g", *(const double *)((const char *)part->config + option->offset)));
        else
            TRY(option_print(option, part->config, out));
        if (quoted) TRY(buffer_text(out, "'"));
        first = false;
    }
    return buffer_text(out, "}");
}

static Status option_lines(const Option *options, const void *config, const char *comma, Buffer *out)
{
    for (; options && options->name; options++, comma = ",") {
        TRY(buffer_printf(out, "%s %s = ", comma, options->name));
        TRY(bind_option_value(options, config, out));
    }
    return STATUS_OK;
}

Status bind_record_line(const char *library, const char *name, const Option *options, const void *config,
                        Buffer *out)
{
    TRY(buffer_printf(out, "%s.%s {", library, name));
    TRY(option_lines(options, config, "", out));
    return buffer_text(out, " }");
}

/* Names are short words without quotes (read_name). */
static Status common_lines(const Part *part, Buffer *out)
{
    const char *const names[][2] = {{"name", part->name}, {"model", part->model}, {"source", part->source}};
    TRY(buffer_text(out, " weight = "));
    TRY(option_print(&objective_common[0], part, out));
    if (!part->enabled) TRY(buffer_text(out, ", enabled = false"));
    for (int i = 0; i < 3; i++) {
        if (!names[i][1][0]) continue;
        TRY(buffer_printf(out, ", %s = ", names[i][0]));
        TRY(bind_print_text(names[i][1], out));
    }
    return STATUS_OK;
}

static Status loaded_line(const Part *part, Buffer *out)
{
    TRY(buffer_text(out, "models.load("));
    TRY(bind_print_text(part->directory, out));
    TRY(buffer_printf(out, ", { strict = %s", part->strict ? "true" : "false"));
    if (part->adapter[0]) {
        TRY(buffer_text(out, ", adapter = "));
        TRY(bind_print_text(part->adapter, out));
    }
    TRY(option_lines(part->record.options, part->config, ",", out));
    return buffer_text(out, " })");
}

Status bind_part_line(const Part *part, Buffer *out)
{
    if (part->directory[0]) return loaded_line(part, out);
    if (part->kind != &bind_objectives)
        return bind_record_line(part->kind->library, part->record.name, part->record.options, part->config, out);
    TRY(buffer_printf(out, "objectives.%s {", part->record.name));
    TRY(common_lines(part, out));
    if (part->text) {
        TRY(buffer_text(out, ", loss = "));
        TRY(bind_print_text(part->text, out));
    }
    TRY(option_lines(part->record.options, part->config, ",", out));
    return buffer_text(out, " }");
}

static int part_tostring(lua_State *L)
{
    Part *part = luaL_checkudata(L, 1, PART_TYPE);
    Buffer *out = host_push_buffer(L);
    host_check(L, describe(part, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int part_help(lua_State *L)
{
    Part *part = luaL_checkudata(L, 1, PART_TYPE);
    Buffer *out = host_push_buffer(L);
    host_check(L, bind_help_record(part->kind, &part->record, out));
    host_buffer_to_string(L, out);
    return 1;
}

static int part_members(lua_State *L)
{
    Part *part = luaL_checkudata(L, 1, PART_TYPE);
    lua_newtable(L);
    for (int i = 0; part->record.options && part->record.options[i].name; i++) {
        lua_pushstring(L, part->record.options[i].name);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* What it is a part of a session as: "objective". */
static int part_word(lua_State *L)
{
    lua_pushstring(L, ((const Part *)luaL_checkudata(L, 1, PART_TYPE))->kind->word);
    return 1;
}

void bind_open_parts(lua_State *L)
{
    static const luaL_Reg events[] = {{"__index", part_index},
                                      {"__newindex", part_newindex},
                                      {"__tostring", part_tostring},
                                      {"__help", part_help},
                                      {"__members", part_members},
                                      {"__word", part_word},
                                      {NULL, NULL}};
    luaL_newmetatable(L, PART_TYPE);
    luaL_setfuncs(L, events, 0);
    lua_pop(L, 1);
}
