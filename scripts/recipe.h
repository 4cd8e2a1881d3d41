/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recipes: Lua files that return recipe { doc, params, build }. A Recipe holds the loaded value inside its host:
 * recipe_free() it before the host. */
#ifndef LATHE_SCRIPTS_RECIPE_H
#define LATHE_SCRIPTS_RECIPE_H

#include "engine/io/metrics_store.h"
#include "scripts/host.h"

typedef struct Recipe Recipe;

/* One declared parameter. Texts belong to the struct. */
typedef struct RecipeParam {
    char name[64], kind[16]; /* kind: integer, number, boolean, text, file, choice */
    char doc[256], range[128];
    char standard[4096], value[4096]; /* the default and the value now, as --set would be given; "" where none */
    bool has_default, has_value;
} RecipeParam;

/* Finds the file of a recipe: a path (with a slash, or ending in .lua and existing), then NAME.lua in the folders
 * of $LATHE_PATH, the XDG data folder (lathe/recipes), the installed folder and the source tree. Errors: not found,
 * with the places that were looked at. */
Status recipe_find(const char *name, Buffer *path) STATUS_CHECKED;

/* Calls visit for each recipe in those folders, in that order and by name: the same name may come again. Stops at
 * the first failure. */
Status recipe_list(Status (*visit)(void *context, const char *name, const char *path),
                   void *context) STATUS_CHECKED;

/* Finds, reads and runs it. name as the user gave it: messages speak of it. The journal of a run is a recipe, too,
 * whose planned edits are the journal's. Errors: not found; a journal that goes back or branches, a syntax error or
 * any other Lua error (with file and line), not a recipe. */
Status recipe_load(Host *host, const char *name, Recipe **out) STATUS_CHECKED;
void recipe_free(Recipe *recipe);
/* Where it was found. */
const char *recipe_path(const Recipe *recipe);

/* Appends its text, that a run keeps. */
Status recipe_read_text(const Recipe *recipe, Buffer *out) STATUS_CHECKED;

/* What a recipe that was exported says beside its parameters: its "seed"; "stop", the step after which its run
 * leaves. -1: nothing. */
Status recipe_setting(Recipe *recipe, const char *name, int64_t *out) STATUS_CHECKED;

/* Sets a parameter from text. Errors: unknown name (with the nearest), wrong kind, out of range, a missing file. */
Status recipe_set(Recipe *recipe, const char *name, const char *value) STATUS_CHECKED;
/* The same from one text "name=value". Errors: also no '='. */
Status recipe_set_pair(Recipe *recipe, const char *pair) STATUS_CHECKED;

Status recipe_param_count(Recipe *recipe, int *out) STATUS_CHECKED;
/* The i-th parameter, in order of name. */
Status recipe_param(Recipe *recipe, int i, RecipeParam *out) STATUS_CHECKED;
/* The text of "lathe run RECIPE --help". */
Status recipe_help(Recipe *recipe, Buffer *out) STATUS_CHECKED;

/* Calls check(run, metrics) of a recipe that has one, with the last values of the metrics. Errors: its own. */
Status recipe_check(Recipe *recipe, const MetricsStore *metrics) STATUS_CHECKED;

/* Calls build(p) and leaves its one result on the host's stack. */
Status recipe_build(Recipe *recipe) STATUS_CHECKED;

#endif
