/* SPDX-License-Identifier: GPL-3.0-or-later */
/* run:evaluate("valid"): a pass over a data source, changing nothing. */
#include "engine/train/evaluate.h"
#include "scripts/bind_class.h"
#include "scripts/bind_session.h"

#include <math.h>

static void set_known(lua_State *L, const char *key, double value)
{
    if (isnan(value)) return;
    lua_pushnumber(L, value);
    lua_setfield(L, -2, key);
}

static void push_class(lua_State *L, const ClassScores *scores, int64_t class)
{
    ClassScore score = class_score(scores, class);
    lua_newtable(L);
    if (scores->names) lua_pushstring(L, scores->names[class]);
    if (scores->names) lua_setfield(L, -2, "name");
    lua_pushinteger(L, score.examples);
    lua_setfield(L, -2, "examples");
    set_known(L, "precision", score.precision);
    set_known(L, "recall", score.recall);
    set_known(L, "f1", score.f1);
}

/* classes[i] and confusion[i][k] (label i, answer k), from 1 as all lists of Lua. */
static void push_classes(lua_State *L, const ClassScores *scores)
{
    if (scores->count == 0) return;
    set_known(L, "precision", scores->precision);
    set_known(L, "recall", scores->recall);
    set_known(L, "f1", scores->f1);
    if (scores->count > CONFUSION_CLASSES) return;
    lua_newtable(L);
    for (int64_t i = 0; i < scores->count; i++) {
        push_class(L, scores, i);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "classes");
    lua_newtable(L);
    for (int64_t i = 0; i < scores->count; i++) {
        lua_newtable(L);
        for (int64_t k = 0; k < scores->count; k++) {
            lua_pushinteger(L, scores->confusion[i][k]);
            lua_rawseti(L, -2, k + 1);
        }
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "confusion");
}

static void push_score(lua_State *L, const Score *score)
{
    lua_newtable(L);
    set_known(L, "loss", score->loss);
    set_known(L, "accuracy", score->accuracy);
    set_known(L, "perplexity", score->perplexity);
    set_known(L, "bits_per_byte", score->bits_per_byte);
    lua_pushinteger(L, score->targets);
    lua_setfield(L, -2, "targets");
    push_classes(L, &score->classes);
    if (score->answers.questions == 0) return;
    lua_pushinteger(L, score->answers.questions);
    lua_setfield(L, -2, "questions");
    set_known(L, "exact_match", score->answers.exact_match);
    set_known(L, "f1", score->answers.f1);
}

/* run:evaluate(source, batches): { NAME = { loss, accuracy, targets }, ... } by objective; batches 0: all. */
static int evaluate_session(lua_State *L)
{
    SessionHandle *handle = bind_check_session(L, 1);
    EvaluationOptions options = {.source = luaL_optstring(L, 2, "valid"), .batches = luaL_optinteger(L, 3, 0)};
    lua_settop(L, 3);
    host_need_boundary(L, evaluate_session);
    if (handle->stepping) return luaL_error(L, "evaluate: a training step is under way");
    Evaluation *evaluation = lua_newuserdatauv(L, sizeof *evaluation, 0);
    Tape *before = host_step_tape(handle->host);
    Status status = evaluate(handle->session, &options, evaluation);
    host_set_tape(handle->host, before);
    host_check(L, status);
    lua_newtable(L);
    for (int i = 0; i < evaluation->count; i++) {
        if (isnan(evaluation->scores[i].loss)) continue;
        push_score(L, &evaluation->scores[i]);
        lua_setfield(L, -2, evaluation->scores[i].name);
    }
    return 1;
}

const BindMethod bind_evaluate_methods[] = {
    {.name = "evaluate",
     .arguments = "(source, batches)",
     .doc = "Losses, accuracies, perplexities, and of classes precision, recall, F1 and confusion[label][answer], "
            "on a data source (\"valid\" "
            "unless said), by objective, on so many batches (all "
            "unless said). It changes nothing.",
     .call = evaluate_session},
    {0}};
