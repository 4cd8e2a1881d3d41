/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help(x): manual texts made from the records. */
#include "scripts/bind.h"

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

static Status put_signature(const RecordKind *kind, const Record *record, Buffer *out)
{
    TRY(buffer_printf(out, "%s.%s", kind->library, record->name));
    if (!record->inputs) return buffer_text(out, record->options || kind->common ? " { options }\n" : "()\n");
    TRY(buffer_text(out, "("));
    for (int i = 0; record->inputs[i].name; i++)
        TRY(buffer_printf(out, "%s%s%s", i ? ", " : "", record->inputs[i].name,
                          record->inputs[i].optional ? "?" : ""));
    return buffer_text(out, record->options ? ", { options })\n" : ")\n");
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

static Status put_options(const Option *options, Buffer *out)
{
    for (; options && options->name; options++) {
        TRY(buffer_printf(out, "  %-24s ", options->name));
        TRY(option_describe_range(options, out));
        TRY(put_default(options, out));
        TRY(buffer_text(out, "\n"));
        if (options->doc && options->doc[0]) TRY(put_wrapped(out, options->doc, 27));
    }
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

Status bind_help_record(const RecordKind *kind, const Record *record, Buffer *out)
{
    TRY(put_signature(kind, record, out));
    if (record->doc) TRY(put_wrapped(out, record->doc, 2));
    TRY(put_inputs(record->inputs, out));
    TRY(put_options(record->options, out));
    TRY(put_options(kind->common, out));
    if (record->source && record->source[0]) TRY(buffer_printf(out, "  Source: %s\n", record->source));
    return STATUS_OK;
}

static Status put_library(const RecordKind *kind, Buffer *out)
{
    Record record;
    TRY(buffer_printf(out, "%s: %s\n", kind->library, kind->doc));
    for (int i = 0; kind->get(i, &record); i++) {
        const char *doc = record.doc ? record.doc : "";
        int first = (int)strcspn(doc, ".;\n");
        TRY(buffer_printf(out, "  %-22s %.*s\n", record.name, first > 66 ? 66 : first, doc));
    }
    return buffer_printf(out, "help(%s.NAME) tells more about one.\n", kind->library);
}

static Status put_overview(Buffer *out)
{
    TRY(buffer_text(out, "The libraries:\n"));
    for (const RecordKind *const *kind = record_kinds; *kind; kind++)
        TRY(buffer_printf(out, "  %-12s %s\n", (*kind)->library, (*kind)->doc));
    return buffer_text(
        out,
        "Tensors: tensor{...}, zeros, ones, full, randn, rand, arange, eye; help(tensor) lists methods.\n"
        "gradcheck(f, x) compares the gradients of your own function with differences.\n"
        "Debugging: summary, hook, watch, break_when, breakpoints, show, tape, profile, time, attention, nudge,\n"
        "  diff_states, histogram, heatmap, plot; help(hook) and so on tells about one.\n"
        "A run: run (what it is made of can be assigned), run:adapt, run:prune; on a live one pause, resume, "
        "step,\n"
        "  run_until, stop. History: undo, redo, rewind, revert, snapshot, branch, switch, branches, edits, "
        "compare.\n"
        "Experiments: estimate, sweep, diff, expect.\n"
        "A look at what it learns: predict, gradient_shares. help(\"keys\") lists the keys of the workbench on a "
        "live run.\n"
        "help(x) or ?x tells about x. An expression prints its value. exit() leaves.\n");
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
    const Record *record = bind_test_record(L, 1, &kind);
    if (lua_isnoneornil(L, 1)) return put_overview(out);
    if (record) return bind_help_record(kind, record, out);
    if ((kind = library_kind(L, 1))) return put_library(kind, out);
    if (lua_type(L, 1) == LUA_TSTRING) TRY(put_named(lua_tostring(L, 1), out));
    if (out->length) return STATUS_OK;
    if (lua_type(L, 1) == LUA_TSTRING)
        return buffer_printf(out, "Nothing is known about '%.60s'. help() lists the libraries.\n",
                             lua_tostring(L, 1));
    return buffer_printf(out, "Nothing is known about this %s. help() lists the libraries.\n", luaL_typename(L, 1));
}

int bind_help(lua_State *L)
{
    lua_settop(L, 1);
    if (!lua_isnil(L, 1) && push_registered(L)) {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        host_write(host_of(L), text, length);
        if (length && text[length - 1] != '\n') host_write(host_of(L), "\n", 1);
        return 0;
    }
    Buffer *out = host_push_buffer(L);
    host_check(L, put_help(L, out));
    host_write(host_of(L), out->data, out->length);
    return 0;
}
