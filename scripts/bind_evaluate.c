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

static void push_score(lua_State *L, const Score *score)
{
    lua_newtable(L);
    set_known(L, "loss", score->loss);
    set_known(L, "accuracy", score->accuracy);
    set_known(L, "perplexity", score->perplexity);
    set_known(L, "bits_per_byte", score->bits_per_byte);
    lua_pushinteger(L, score->targets);
    lua_setfield(L, -2, "targets");
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

const BindMethod bind_evaluate_methods[] = {{.name = "evaluate",
                                             .arguments = "(source, batches)",
                                             .doc =
                                                 "Losses, accuracies and perplexities on a data source (\"valid\" "
                                                 "unless said), by objective, on so many batches (all "
                                                 "unless said). It changes nothing.",
                                             .call = evaluate_session},
                                            {0}};
