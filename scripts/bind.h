/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Everything that Lua sees, derived from the records. A kind of record (ops, objectives, models, ...) is one entry
 * of record_kinds[]; its library in Lua, help(), completion and argument checking follow from it. Values pushed
 * here belong to Lua's collector. Functions with a lua_State raise Lua errors: call them under host_call() or
 * host_protect(), holding no C memory. */
#ifndef LATHE_SCRIPTS_BIND_H
#define LATHE_SCRIPTS_BIND_H

#include "scripts/host.h"

/* An argument that is no Option: what it is called and what it must be. Lists end with {0}. */
typedef struct RecordWord {
    const char *name, *doc;
} RecordWord;

/* One record of any kind, as far as Lua is concerned. Constant. */
typedef struct Record {
    const char *name, *doc, *source;
    const OpInput *inputs;       /* of an op; NULL elsewhere */
    const RecordWord *arguments; /* before the table of options; NULL: none */
    const Option *options;       /* NULL: none */
    const RecordWord *words;     /* what else the table of options may hold; NULL: nothing */
    const void *data;            /* the record itself */
} Record;

typedef struct RecordKind {
    const char *library, *word, *doc;                /* "objectives", "objective", what the library is for */
    bool (*get)(int index, Record *out);             /* false past the end */
    int (*call)(lua_State *L, const Record *record); /* a Lua C function: objectives.mlm(...) */
    const Option *common; /* options that every record of the kind takes as well; NULL: none */
} RecordKind;

extern const RecordKind *const record_kinds[]; /* ends with NULL */

/* Defines all of it as globals of a new state. */
void bind_open(lua_State *L);

/* --- records --- */

/* Reads the table at the index into config, which holds the defaults. other: further keys that somebody else reads,
 * NULL: none. Errors: unknown key (with the nearest), wrong type, out of range, a
 * required one missing; config is unchanged then, as far as it was not read. */
void bind_read_options(lua_State *L, int index, const Option *options, void *config, const char *owner,
                       const RecordWord *other);
/* Sets one option from the Lua value at the index. */
Status bind_set_option(lua_State *L, int index, const Option *options, void *config, const char *owner,
                       const char *name) STATUS_CHECKED;
/* Pushes the value of one option. */
void bind_push_option(lua_State *L, const Option *option, const void *config);
/* Pushes a table with all of them. */
void bind_push_options(lua_State *L, const Option *options, const void *config);
/* "name = value, " for each option, as Lua reads them back to the same bits. */
Status bind_print_options(const Option *options, const void *config, Buffer *out) STATUS_CHECKED;
/* A value of an option as Lua. */
Status bind_option_value(const Option *option, const void *config, Buffer *out) STATUS_CHECKED;
/* The text between quotation marks, as Lua reads it back, in one line. */
Status bind_print_text(const char *text, Buffer *out) STATUS_CHECKED;
/* The Lua text that makes the value at the index again ("data.stories {}"), so that the journal can say it of an
 * edit that is made with it. bind_push_call() pushes it; NULL, and nil pushed, where nobody has set it. */
void bind_set_call(lua_State *L, int index, const char *call);
const char *bind_push_call(lua_State *L, int index);
/* Pushes the record as a callable Lua value. */
void bind_push_record(lua_State *L, const RecordKind *kind, const Record *record);
/* The record at the index, NULL where it is something else. */
const Record *bind_test_record(lua_State *L, int index, const RecordKind **kind);
void bind_open_records(lua_State *L);
/* Pushes what the value at the index is, for messages: "a number", "a tokenizer", "an optimizer", "nothing". */
const char *bind_type_name(lua_State *L, int index);
/* Raises "who takes wanted; got a number" unless the value at the index has that type of Lua. */
void bind_check_type(lua_State *L, int index, int type, const char *who, const char *wanted);

/* "wordpiece" where the library is one of the other's (tokenizers.wordpiece), else NULL. */
const char *bind_part_of(const RecordKind *part, const RecordKind *whole);

/* "data.text(path, { options })" */
Status bind_print_signature(const RecordKind *kind, const Record *record, Buffer *out) STATUS_CHECKED;
/* The manual text of one record: signature, words, options with ranges and defaults, source. */
Status bind_help_record(const RecordKind *kind, const Record *record, Buffer *out) STATUS_CHECKED;
/* help(x), for the Lua value at index 1. */
int bind_help(lua_State *L);

/* --- tensors --- */

/* Whether the arena still lives and stands in that generation; era: of the last time that this was known, updated.
 */
bool bind_step_lives(lua_State *L, const Arena *arena, uint64_t generation, uint64_t *era);

typedef struct TensorHandle {
    Tensor *tensor; /* held when it lives in the pool */
    Arena *arena;
    uint64_t generation, era;
} TensorHandle;

/* Pushes a handle without tensor, to be filled by bind_fill_tensor(): so that no reference is lost on a Lua error.
 */
TensorHandle *bind_new_tensor(lua_State *L);
/* The handle takes over the caller's reference (a tensor in the pool) or borrows (one in an arena). */
void bind_fill_tensor(lua_State *L, TensorHandle *handle, Tensor *tensor);
/* bind_new_tensor() and bind_fill_tensor() with a new reference. */
void bind_push_tensor(lua_State *L, Tensor *tensor);
/* The tensor at the index. Errors: something else; a tensor of a dead step. */
Tensor *bind_check_tensor(lua_State *L, int index);
/* NULL where it is something else. */
Tensor *bind_test_tensor(lua_State *L, int index);
/* Pushes a list of the sizes, and returns 1. */
int bind_push_shape(lua_State *L, const Tensor *tensor);
/* Sets __add and so on in the table at the top: for everything that counts as a tensor. */
void bind_add_operators(lua_State *L);
void bind_open_tensors(lua_State *L);
/* tensor, zeros, ones, ... (scripts/bind_make.c) */
void bind_open_makers(lua_State *L);
/* Whether the value at the index is a tensor, or gives one (a parameter; __tensor of its metatable). */
bool bind_counts_as_tensor(lua_State *L, int index);
/* Pushes the Lua value at the index as a tensor: a number becomes a scalar, a table of numbers its tensor. Errors:
 * numbers that the dtype does not have. */
Tensor *bind_push_as_tensor(lua_State *L, int index, DType dtype);
/* Whether the value at the index is an integer or a table of nothing but integers. */
bool bind_holds_integers(lua_State *L, int index);
/* Sets an element from the number at the index. Errors: it is none; one that the dtype does not have. what:
 * "element 3", for messages. */
void bind_set_element(lua_State *L, int index, const char *what, Tensor *tensor, int64_t place);

/* --- ops --- */

extern const RecordKind bind_ops;
/* Calls an op with the Lua arguments from index first on; pushes the outputs and returns how many. */
int bind_call_op(lua_State *L, const Op *op, int first);
/* Calls an op by name on arguments that are already at first and above. */
int bind_call_named_op(lua_State *L, const char *name, int first);

/* gradcheck(f, x, y, ..., {options}) -> the largest error. */
int bind_gradcheck(lua_State *L);

/* --- functions written in C for the Lua library (scripts/bind_lathe.c) --- */
void bind_open_lathe(lua_State *L);
/* For the recipe of a run: os and io work with a warning; in a restricted host they say why they do not. */
int bind_guard_system(lua_State *L);

#endif
