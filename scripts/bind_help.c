/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help(x): manual texts made from the records. */
#include "scripts/bind_class.h"
#include "scripts/bind_session.h"

#include <string.h>

enum { TEXT_WIDTH = 88 };

/* Words with line breaks, each new line indented. */
static Status put_wrapped(Buffer *out, const char *text, int indent)
{
    int column = indent;
    TRY(buffer_printf(out, "%*s", indent, ""));
    while (*text) {
        size_t word = strcspn(text, " \n");
        if (column > indent && column + 1 + (int)word > TEXT_WIDTH) {
            TRY(buffer_printf(out, "\n%*s", indent, ""));
            column = indent;
        }
        if (column > indent) {
            TRY(buffer_text(out, " "));
            column++;
        }
        TRY(buffer_append(out, text, word));
        column += (int)word;
        text += word + (text[word] != '\0');
        if (text[-1] == '\n' && *text) {
            TRY(buffer_printf(out, "\n%*s", indent, ""));
            column = indent;
        }
    }
    return buffer_text(out, "\n");
}

static bool ends_sentence(const char *text, size_t at)
{
    if (text[at] == '\0' || text[at] == '\n') return true;
    bool stop = text[at] == ';' || (text[at] == '.' && at > 0 && text[at - 1] != '.' && text[at + 1] != '.');
    return stop && (text[at + 1] == ' ' || text[at + 1] == '\0');
}

/* The first sentence in at most 'room' columns: whole words, with "..." where some are missing. */
static Status put_brief(Buffer *out, const char *text, size_t room)
{
    size_t length = 0, fits = 0;
    while (!ends_sentence(text, length)) length++;
    if (length <= room) return buffer_append(out, text, length);
    for (size_t i = 0; i + 4 <= room; i++)
        if (text[i] == ' ') fits = i;
    TRY(buffer_append(out, text, fits));
    return buffer_text(out, " ...");
}

static Status put_comma(Buffer *out, int *count)
{
    return (*count)++ ? buffer_text(out, ", ") : STATUS_OK;
}

/* "optim.adamw { options }", "data.text(path, { options })", "ops.sum(x, { options })" */
Status bind_print_signature(const RecordKind *kind, const Record *record, Buffer *out)
{
    bool table = record->options || record->words || kind->common;
    int count = 0;
    TRY(buffer_printf(out, "%s%s%s", kind->library, *kind->library ? "." : "", record->name));
    if (table && !record->inputs && !record->arguments) return buffer_text(out, " { options }");
    TRY(buffer_text(out, "("));
    for (const OpInput *input = record->inputs; input && input->name; input++) {
        TRY(put_comma(out, &count));
        TRY(buffer_printf(out, "%s%s", input->name, input->optional ? "?" : ""));
    }
    for (const RecordWord *argument = record->arguments; argument && argument->name; argument++) {
        TRY(put_comma(out, &count));
        TRY(buffer_text(out, argument->name));
    }
    if (table) TRY(put_comma(out, &count));
    return buffer_text(out, table ? "{ options })" : ")");
}

static Status put_default(const Option *option, Buffer *out)
{
    if (option->required) return buffer_text(out, ", required");
    switch (option->kind) {
    case OPTION_NUMBER:
    case OPTION_INTEGER: return buffer_printf(out, ", default %.10g", option->number);
    case OPTION_BOOLEAN: return buffer_text(out, option->number != 0 ? ", default true" : ", default false");
    case OPTION_INTS:
        return option->text && option->text[0] ? buffer_printf(out, ", default {%s}", option->text) : STATUS_OK;
    default:
        return option->text && option->text[0] ? buffer_printf(out, ", default '%s'", option->text) : STATUS_OK;
    }
}

static Status put_option(const Option *option, Buffer *out)
{
    TRY(buffer_printf(out, "  %-24s ", option->name));
    TRY(option_describe_range(option, out));
    TRY(put_default(option, out));
    TRY(buffer_text(out, "\n"));
    return option->doc && option->doc[0] ? put_wrapped(out, option->doc, 27) : STATUS_OK;
}

static Status put_options(const Option *options, Buffer *out)
{
    for (; options && options->name; options++) TRY(put_option(options, out));
    return STATUS_OK;
}

static Status put_inputs(const OpInput *inputs, Buffer *out)
{
    for (; inputs && inputs->name; inputs++)
        TRY(buffer_printf(out, "  %-24s %s%s%s%s\n", inputs->name, inputs->integer ? "integers" : "tensor",
                          inputs->optional ? ", may be left out" : "", inputs->doc && inputs->doc[0] ? ": " : "",
                          inputs->doc ? inputs->doc : ""));
    return STATUS_OK;
}

static Status put_words(const RecordWord *words, Buffer *out)
{
    for (; words && words->name; words++) {
        TRY(buffer_printf(out, "  %-24s ", words->name));
        Buffer text = {0};
        Status status = put_wrapped(&text, words->doc, 27);
        if (status == STATUS_OK) status = buffer_text(out, text.data + 27);
        buffer_free(&text);
        TRY(status);
    }
    return STATUS_OK;
}

/* What the way back of an op needs. */
static Status put_gradient(const Op *op, Buffer *out)
{
    if (!op->backward)
        return buffer_printf(out, "  No gradient: %s\n", op->no_backward ? op->no_backward : "it is a constant");
    return buffer_printf(out, "  Kept for the gradient: %s%s\n", op->saves ? op->saves : "nothing",
                         op->recompute ? "; cheap to compute again" : "");
}

Status bind_help_record(const RecordKind *kind, const Record *record, Buffer *out)
{
    TRY(bind_print_signature(kind, record, out));
    TRY(buffer_text(out, "\n"));
    if (record->doc) TRY(put_wrapped(out, record->doc, 2));
    TRY(put_inputs(record->inputs, out));
    TRY(put_words(record->arguments, out));
    TRY(put_options(record->options, out));
    TRY(put_words(record->words, out));
    TRY(put_options(kind->common, out));
    if (kind == &bind_ops) TRY(put_gradient(record->data, out));
    if (record->source && record->source[0]) TRY(buffer_printf(out, "  Source: %s\n", record->source));
    return STATUS_OK;
}

static Status put_library(const RecordKind *kind, Buffer *out)
{
    Record record;
    TRY(buffer_printf(out, "%s: %s\n", kind->library, kind->doc));
    for (int i = 0; kind->get(i, &record); i++) {
        TRY(buffer_printf(out, "  %-22s ", record.name));
        TRY(put_brief(out, record.doc ? record.doc : "", TEXT_WIDTH - 25));
        TRY(buffer_text(out, "\n"));
    }
    for (const RecordKind *const *part = record_kinds; *part; part++)
        if (bind_part_of(*part, kind))
            TRY(buffer_printf(out, "  %-22s %s\n", bind_part_of(*part, kind), (*part)->doc));
    return buffer_printf(out, "help(%s.NAME) tells more about one.\n", kind->library);
}

/* --- classes --- */

Status bind_help_method(const BindClass *class, const BindMethod *method, Buffer *out)
{
    TRY(buffer_printf(out, "%s:%s%s%s\n", class->name, method->name, method->arguments[0] == '{' ? " " : "",
                      method->arguments));
    TRY(put_wrapped(out, method->doc, 2));
    TRY(put_options(method->options, out));
    return put_words(method->words, out);
}

static Status put_member(const char *name, const char *arguments, const char *doc, Buffer *out)
{
    int width = (int)strlen(name) + (int)strlen(arguments);
    TRY(buffer_printf(out, "  %s%s%*s", name, arguments, width < 24 ? 25 - width : 2, ""));
    TRY(put_brief(out, doc, TEXT_WIDTH - 27));
    return buffer_text(out, "\n");
}

Status bind_help_class(const BindClass *class, Buffer *out)
{
    TRY(put_wrapped(out, class->doc, 0));
    for (const BindField *field = class->fields; field && field->name; field++)
        TRY(put_member(field->name, "", field->doc, out));
    const BindMethod *method;
    for (int i = 0; (method = bind_class_method(class, i)); i++)
        TRY(put_member(method->name, method->arguments, method->doc, out));
    return STATUS_OK;
}

static Status put_overview(Buffer *out)
{
    TRY(buffer_text(out, "The libraries:\n"));
    for (const RecordKind *const *kind = record_kinds; *kind; kind++)
        TRY(buffer_printf(out, "  %-22s %s\n", (*kind)->library, (*kind)->doc));
    return buffer_text(
        out,
        "Making: session {...}, recipe {...}; tensor {...}, zeros, ones, full, randn, rand, arange, eye, cat, "
        "stack, where;\n"
        "  help(tensor) lists what tensors have, gradcheck(f, x) compares the gradients of your own function.\n"
        "Debugging: summary, hook, watch, break_when, breakpoints, show, tape, profile, time, attention, nudge,\n"
        "  diff_states, histogram, heatmap, plot.\n"
        "A run: run (what it is made of can be assigned), run:adapt, run:prune; on a live one pause, resume, "
        "step,\n"
        "  run_until, stop. History: undo, redo, rewind, revert, snapshot, branch, switch, branches, edits, "
        "compare.\n"
        "Experiments: estimate, sweep, diff, expect.\n"
        "A look at what it learns: predict, gradient_shares. help(\"keys\") lists the keys of the workbench on a "
        "live run.\n"
        "help(x) or ?x tells about x, whatever it is. An expression prints its value. exit() leaves.\n");
}

/* Every record of that name, in every library. */
static Status put_named(const char *name, Buffer *out)
{
    Record record;
    for (const RecordKind *const *kind = record_kinds; *kind; kind++) {
        if (strcmp((*kind)->library, name) == 0) TRY(put_library(*kind, out));
        for (int i = 0; (*kind)->get(i, &record); i++)
            if (strcmp(record.name, name) == 0) TRY(bind_help_record(*kind, &record, out));
    }
    return STATUS_OK;
}

/* --- options and members by name: "run.clip_norm", "objectives.nsp.weight", "optimizer.lr", "tensor.slice" --- */

/* The option of an owner, with the owner's name before it. */
static Status put_owned(const char *library, const char *owner, const Option *option, Buffer *out)
{
    if (!option) return STATUS_OK;
    TRY(buffer_printf(out, "%s%s%s.%s\n", library, *library ? "." : "", owner, option->name));
    return put_option(option, out);
}

/* Whether the text ends with the name, all of it or behind a dot. */
static bool ends_with(const char *text, size_t length, const char *name)
{
    size_t size = strlen(name);
    return length >= size && memcmp(text + length - size, name, size) == 0 &&
           (length == size || text[length - size - 1] == '.');
}

/* Of the records of a kind that the owner (length bytes; none: all) names, or of all that it is the word for, as
 * "optimizer" is. */
static Status put_options_of(const RecordKind *kind, const char *owner, size_t length, const char *name,
                             Buffer *out)
{
    Record record;
    for (int i = 0; kind->get(i, &record); i++) {
        if (length && !ends_with(owner, length, record.name) && !ends_with(owner, length, kind->word)) continue;
        const Option *option = option_find(record.options, name);
        if (!option) option = option_find(kind->common, name);
        TRY(put_owned(kind->library, record.name, option, out));
    }
    return STATUS_OK;
}

static Status put_options_named(const char *path, Buffer *out)
{
    const char *dot = strrchr(path, '.'), *name = dot ? dot + 1 : path;
    size_t length = dot ? (size_t)(dot - path) : 0;
    if (!length || ends_with(path, length, "run") || ends_with(path, length, "session"))
        TRY(put_owned("", "run", option_find(bind_live_session, name), out));
    for (const RecordKind *const *kind = record_kinds; *kind; kind++)
        TRY(put_options_of(*kind, path, length, name, out));
    return STATUS_OK;
}

/* "tensor.slice", "run.model": a member of a class. */
static Status put_member_named(lua_State *L, const char *path, Buffer *out)
{
    const char *dot = strrchr(path, '.');
    const BindMethod *method;
    if (!dot) return STATUS_OK;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, BIND_CLASSES);
    lua_pushlstring(L, path, (size_t)(dot - path));
    lua_rawget(L, -2);
    const BindClass *class = lua_touserdata(L, -1);
    lua_pop(L, 2);
    for (const BindField *field = class ? class->fields : NULL; field && field->name; field++)
        if (strcmp(field->name, dot + 1) == 0) return buffer_printf(out, "%s: %s\n", path, field->doc);
    for (int i = 0; class && (method = bind_class_method(class, i)); i++)
        if (strcmp(method->name, dot + 1) == 0) return bind_help_method(class, method, out);
    return STATUS_OK;
}

static bool is_global(lua_State *L, const char *name)
{
    bool found = lua_getglobal(L, name) != LUA_TNIL;
    lua_pop(L, 1);
    return found;
}

static Status put_help_on_name(lua_State *L, const char *name, Buffer *out)
{
    TRY(put_named(name, out));
    if (out->length || is_global(L, name)) return STATUS_OK;
    TRY(put_options_named(name, out));
    return out->length ? STATUS_OK : put_member_named(L, name, out);
}

static const RecordKind *library_kind(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE || luaL_getmetafield(L, index, "__kind") == LUA_TNIL) return NULL;
    const RecordKind *kind = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return kind;
}

/* The text that Lua code registered for a value (lathe.document), or that its type offers (__help). */
static bool push_registered(lua_State *L)
{
    if (luaL_getmetafield(L, 1, "__help") != LUA_TNIL) {
        if (lua_isfunction(L, -1)) {
            lua_pushvalue(L, 1);
            lua_call(L, 1, 1);
        }
        if (lua_type(L, -1) == LUA_TSTRING) return true;
        lua_pop(L, 1);
    }
    luaL_getsubtable(L, LUA_REGISTRYINDEX, "lathe.documents");
    lua_pushvalue(L, 1);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    return lua_type(L, -1) == LUA_TSTRING;
}

static Status put_help(lua_State *L, Buffer *out)
{
    const RecordKind *kind;
    const BindClass *class;
    const Record *record = bind_test_record(L, 1, &kind);
    const BindMethod *method = bind_test_method(L, 1, &class);
    if (lua_isnoneornil(L, 1)) return put_overview(out);
    if (record) return bind_help_record(kind, record, out);
    if (method) return bind_help_method(class, method, out);
    if ((kind = library_kind(L, 1))) return put_library(kind, out);
    return lua_type(L, 1) == LUA_TSTRING ? put_help_on_name(L, lua_tostring(L, 1), out) : STATUS_OK;
}

/* What the Lua library finds out about a value that no record knows (scripts/lib/inspect.lua). */
static void push_description(lua_State *L)
{
    lua_getglobal(L, "lathe");
    lua_getfield(L, -1, "describe");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    lua_remove(L, -2);
}

int bind_help(lua_State *L)
{
    size_t length;
    lua_settop(L, 1);
    if (lua_isnil(L, 1) || !push_registered(L)) {
        Buffer *out = host_push_buffer(L);
        host_check(L, put_help(L, out));
        bool known = out->length > 0;
        host_buffer_to_string(L, out);
        if (!known) push_description(L);
    }
    const char *text = lua_tolstring(L, -1, &length);
    host_write(host_of(L), text, length);
    if (length && text[length - 1] != '\n') host_write(host_of(L), "\n", 1);
    return 0;
}
