/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trunk runs once, without being recorded; each objective then gets a pass of its own that begins at the
 * trunk's output, so the way back ends there. Parameters want no gradient meanwhile. */
#include "engine/train/shares.h"

#include "engine/autograd/functions.h"
#include "engine/base/memory.h"

#include <math.h>
#include <string.h>

/* --- parameters that want no gradient --- */

static Status want_gradient(void *context, Param *param)
{
    param->value->requires_grad = *(const bool *)context && !param->frozen;
    return STATUS_OK;
}

static void set_wanted(Session *session, bool wanted)
{
    for (int i = 0; i < session->model_count; i++) {
        Status status = module_each_param(session->models[i]->root, want_gradient, &wanted);
        (void)status; /* the visit cannot fail */
    }
}

/* --- one objective --- */

/* A pass over the same batch that has nothing but the trunk's output, as a leaf. */
static Status behind_trunk(Forward *shared, Tensor **trunk, Forward **out)
{
    TRY(forward_output(shared, shared->model->record->outputs[0].name, trunk));
    TRY(forward_new(shared->model, shared->tape, shared->batch, out));
    (*out)->outputs[0] = *trunk;
    return STATUS_OK;
}

/* The trunks that the objective reads, computed; in: passes that begin behind them. */
static Status input_behind_trunks(Passes *passes, const Objective *objective, Tensor *trunks[2], ObjectiveInput *in)
{
    TRY(passes_input(passes, objective, in));
    TRY(behind_trunk(in->pass, &trunks[0], &in->pass));
    return in->target ? behind_trunk(in->target, &trunks[1], &in->target) : STATUS_OK;
}

/* Adds the squares of the gradient at the trunk, and forgets it. */
static void take_gradient(Tensor *trunk, double *squares, bool *reached)
{
    if (!trunk || !trunk->grad) return;
    for (int64_t i = 0, n = tensor_count(trunk->grad); i < n; i++)
        *squares += tensor_get(trunk->grad, i) * tensor_get(trunk->grad, i);
    *reached = true;
    tensor_unref(trunk->grad);
    trunk->grad = NULL;
}

static Status objective_norm(Passes *passes, const Objective *objective, double *norm)
{
    Tape *tape = passes->session->tape;
    Tensor *trunks[2] = {NULL, NULL}, *loss, *weighted;
    ObjectiveInput input;
    double squares = 0;
    bool reached = false;
    session_set_mode(passes->session, true);
    tape_set_mode(tape, true, false);
    TRY(input_behind_trunks(passes, objective, trunks, &input));
    for (int i = 0; i < 2; i++)
        if (trunks[i]) trunks[i]->requires_grad = true;
    tape_set_mode(tape, true, true);
    TRY(objective_loss(objective, &input, &loss, NULL));
    TRY(f_scale(tape, loss, objective->weight, &weighted));
    if (weighted->node) TRY(tape_backward(tape, weighted, NULL));
    for (int i = 0; i < 2; i++) take_gradient(trunks[i], &squares, &reached);
    *norm = reached ? sqrt(squares) : (double)NAN;
    return STATUS_OK;
}

/* --- all --- */

static Status all_norms(Passes *passes, const StepPlace *place, double *norms)
{
    Session *session = passes->session;
    Cursor cursors[SESSION_MAX_SOURCES];
    memcpy(cursors, place->cursors, sizeof cursors);
    for (int i = 0; i < session->objective_count; i++)
        if (objective_active(session->objectives[i])) TRY(passes_read(passes, cursors, session->objectives[i]));
    for (int i = 0; i < session->objective_count; i++)
        if (objective_active(session->objectives[i]))
            TRY(objective_norm(passes, session->objectives[i], &norms[i]));
    return STATUS_OK;
}

static void norms_to_shares(const Session *session, GradientShares *out)
{
    for (int i = 0; i < session->objective_count; i++) {
        double sum = 0;
        for (int j = 0; j < session->objective_count; j++) {
            bool together = strcmp(session->objectives[i]->model, session->objectives[j]->model) == 0;
            if (together && !isnan(out->norms[j])) sum += out->norms[j];
        }
        out->shares[i] = sum > 0 ? out->norms[i] / sum : (double)NAN;
    }
}

Status session_gradient_shares(Session *session, const StepPlace *place, GradientShares *out)
{
    Passes passes = {.session = session, .key = random_key(session->seed, "views")};
    const TapeObserver *before = tape_observer(session->tape);
    RandomKey dropout = random_subkey(random_key(session->seed, "dropout"), (uint64_t)place->step);
    passes.dropout = random_subkey(dropout, 0);
    *out = (GradientShares){.step = place->step + 1};
    for (int i = 0; i < SESSION_MAX_OBJECTIVES; i++) out->norms[i] = out->shares[i] = (double)NAN;
    TRY(session_check(session));
    tape_observe(session->tape, NULL);
    session->busy = true;
    set_wanted(session, false);
    Status status = all_norms(&passes, place, out->norms);
    set_wanted(session, true);
    session->busy = false;
    tape_observe(session->tape, before);
    passes_clear(&passes);
    tape_reset(session->tape);
    if (status == STATUS_OK) norms_to_shares(session, out);
    return status;
}
