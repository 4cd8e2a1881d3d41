/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Kinds of Lua objects as records: tensors, tokenizers, corpora, data sources, runs, modules, parameters. From a
 * record follow x.name and x:name(), the error for a name that is not there (with the nearest one), how many
 * arguments a method takes, help(x), help(x.name) and completion. Records are constant. */
#ifndef LATHE_SCRIPTS_BIND_CLASS_H
#define LATHE_SCRIPTS_BIND_CLASS_H

#include "scripts/bind.h"

/* x.name. push: the object is at index 1, pushes the value and returns 1. */
typedef struct BindField {
    const char *name, *doc;
    lua_CFunction push;
} BindField;

/* x:name(...). arguments: as they are shown, "(start, stop)"; one more than it names is an error, unless it ends
 * with
 * "...)". options and words: what its table of options may hold, for help and completion; NULL: none. */
typedef struct BindMethod {
    const char *name, *arguments, *doc;
    lua_CFunction call;
    const Option *options;
    const RecordWord *words;
} BindMethod;

typedef struct BindClass {
    const char *type;           /* of the metatable */
    const char *name, *article; /* "tokenizer", "a" */
    const char *doc;
    const BindField *fields;       /* end with {0}; NULL: none */
    const BindMethod *methods[10]; /* lists, each ending with {0} */
} BindClass;

#define BIND_CLASSES "lathe.classes" /* in the registry: classes (light userdata) by name */

/* The i-th method of all lists, NULL past the end. */
const BindMethod *bind_class_method(const BindClass *class, int i);

/* Makes the metatable, with these events on top of __index, __members, __help and __doc. */
void bind_open_class(lua_State *L, const BindClass *class, const luaL_Reg *events);
/* Pushes the value of the field, or the method, that the string at index 2 names; false: there is neither. For
 * classes whose own __index looks elsewhere, too. */
bool bind_push_member(lua_State *L, const BindClass *class);
/* Raises the error for a name that is not there: "owner has no ...". owner NULL: the class; more: further names,
 * ending with NULL; NULL: none. */
int bind_unknown_member(lua_State *L, const BindClass *class, const char *owner, const char *name,
                        const char *const *more);
/* Pushes a list of the names of fields and methods. */
void bind_push_members(lua_State *L, const BindClass *class);
/* Pushes what the field or method is that the string at index 2 names, for completion; nil: there is none. */
void bind_push_member_doc(lua_State *L, const BindClass *class);
/* The method at the index, NULL where it is something else; and its class. */
const BindMethod *bind_test_method(lua_State *L, int index, const BindClass **class);

/* help(x) and help(x.name) */
Status bind_help_class(const BindClass *class, Buffer *out) STATUS_CHECKED;
Status bind_help_method(const BindClass *class, const BindMethod *method, Buffer *out) STATUS_CHECKED;

#endif
