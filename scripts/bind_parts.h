/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of a session before there is one: what models.bert {...}, objectives.mlm {...}, optim.adamw {...} and
 * schedules.cosine {...} give. A Part is a Lua userdata; its config is its own. */
#ifndef LATHE_SCRIPTS_BIND_PARTS_H
#define LATHE_SCRIPTS_BIND_PARTS_H

#include "engine/objectives/objective.h"
#include "scripts/bind.h"

enum { PART_PATH_SIZE = 1024 };
enum { PART_LOSS = 1, PART_TEXT /* user values: the function of objectives.custom, and its text or nil */ };

typedef struct Part {
    const RecordKind *kind;
    Record record;
    void *config;
    /* Of objectives and models; empty: what the engine chooses. */
    char name[OBJECTIVE_NAME_SIZE], model[OBJECTIVE_NAME_SIZE], source[OBJECTIVE_NAME_SIZE];
    double weight;
    bool enabled;
    /* Of a model that is loaded: the directory (empty: drawn), that of adapters beside it (empty: none), and
     * whether all must fit. */
    char directory[PART_PATH_SIZE], adapter[PART_PATH_SIZE];
    bool strict;
    const char *text; /* Lua for the function of objectives.custom, NULL: not known; a user value holds it */
} Part;

extern const RecordKind bind_models, bind_objectives, bind_optimizers, bind_schedules;

void bind_open_parts(lua_State *L);
/* models.load (scripts/bind_pretrained.c), after the global lathe is there. */
void bind_open_pretrained(lua_State *L);
/* The model of a part, drawn below the key or loaded; says what did not fit. The caller owns it. */
Model *bind_make_model(lua_State *L, const Part *part, const char *name, RandomKey key);
/* Pushes a part for a model with the record's defaults, and reads its name from the table at the index. */
Part *bind_push_model_part(lua_State *L, const ModelRecord *record);
void bind_read_part_name(lua_State *L, int index, Part *part);
/* The part at the index. Errors: it is something else, or of another kind. */
Part *bind_check_part(lua_State *L, int index, const RecordKind *kind, const char *what);
/* The line of Lua that makes the part again, with every option: optim.adamw { lr = 0.01, ... }. */
Status bind_part_line(const Part *part, Buffer *out) STATUS_CHECKED;
/* The same for a record and a config that belong to a session. */
Status bind_record_line(const char *library, const char *name, const Option *options, const void *config,
                        Buffer *out) STATUS_CHECKED;
/* objectives.custom { loss = f }, for the function at the index; pushes it. */
void bind_push_custom(lua_State *L, int index);
/* Makes the function of the part at the index again from its text, which is looked for in the line that was typed:
 * so that the run and a replay of it call the same (scripts/lib/function_text.lua). Errors: no text; it reaches
 * what a replay would not have. */
void bind_need_text(lua_State *L, int index);

#endif
