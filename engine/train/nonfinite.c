/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a step stopped being finite. A step that counts pays nothing for this: it is run again, which gives the
 * same bits, with a look at every op. */
#include "engine/tensor/statistics.h"
#include "engine/train/session.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_EXAMPLES = 8, NOTE_SIZE = 1400 };

typedef struct Search {
    bool found, backward, batch_known;
    Buffer call, batch;
} Search;

static bool is_finite(const Tensor *tensor)
{
    if (!tensor || (tensor->dtype != DTYPE_F32 && tensor->dtype != DTYPE_BF16)) return true;
    Statistics s = tensor_statistics(tensor);
    return s.nan + s.infinite == 0;
}

static Status put_tensor(Buffer *out, const char *name, const Tensor *tensor)
{
    char shape[TENSOR_TEXT_SIZE], range[STATISTICS_TEXT_SIZE];
    if (!tensor) return STATUS_OK;
    Statistics s = tensor_statistics(tensor);
    TRY(buffer_printf(out, "\n    %-10s %s %s", name, tensor_describe(tensor, shape), statistics_text(&s, range)));
    return tensor->param ? buffer_printf(out, "  (%s)", tensor->param->path) : STATUS_OK;
}

static Status put_call(Buffer *out, const Node *node, bool backward)
{
    int named = op_input_count(node->op);
    TRY(buffer_printf(out, "\n  first in %s%s%s (%s)", node->op->name, node->path[0] ? " of " : "", node->path,
                      backward ? "the way back" : "forward"));
    for (int i = 0; i < node->input_count; i++)
        TRY(put_tensor(out, node->op->inputs[i < named ? i : named - 1].name, node->inputs[i]));
    for (int i = 0; i < node->output_count && !backward; i++) TRY(put_tensor(out, "output", node->outputs[i]));
    for (int i = 0; i < node->output_count && backward; i++)
        TRY(put_tensor(out, "gradient of output", node->grad_outputs[i]));
    return STATUS_OK;
}

/* The first call that gives something that is not finite. */
static Status look_at(void *context, const Node *node, bool backward, double seconds)
{
    Search *search = context;
    bool good = true;
    (void)seconds;
    if (search->found) return STATUS_OK;
    for (int i = 0; i < node->output_count && !backward; i++) good &= is_finite(node->outputs[i]);
    for (int i = 0; i < node->input_count && backward; i++)
        if (node->needs_grad[i]) good &= is_finite(*node_gradient_place(node->inputs[i]));
    if (good) return STATUS_OK;
    search->found = true;
    search->backward = backward;
    search->batch_known = backward; /* of a forward pass it is told right after the loss */
    return put_call(&search->call, node, backward);
}

static Status put_examples(Buffer *out, const Batch *batch)
{
    const Tensor *ids = batch_find(batch, "example_ids");
    int64_t count = ids ? tensor_count(ids) : 0;
    for (int64_t i = 0; i < count && i < SHOWN_EXAMPLES; i++)
        TRY(buffer_printf(out, "%s%lld", i ? ", " : ", examples ", (long long)tensor_get(ids, i)));
    if (count > SHOWN_EXAMPLES) TRY(buffer_printf(out, ", ... (%lld more)", (long long)(count - SHOWN_EXAMPLES)));
    return STATUS_OK;
}

static Status tell_batch(void *context, const Session *session, int objective, const Forward *pass,
                         const Prediction *prediction)
{
    Search *search = context;
    (void)prediction;
    if (search->batch_known) return STATUS_OK;
    search->batch_known = search->found;
    buffer_clear(&search->batch);
    TRY(buffer_printf(&search->batch, "\n  batch of step %lld: '%s', epoch %lld",
                      (long long)session->tried.step + 1, session->objectives[objective]->source,
                      (long long)pass->batch->epoch));
    return put_examples(&search->batch, pass->batch);
}

static Status look_at_gradients(void *context, const Session *session)
{
    bool *bad = context;
    for (int i = 0; i < session->model_count; i++) *bad |= gradient_nonfinite(session->models[i]->root) != NULL;
    return STATUS_OK;
}

/* Which objectives have, each for itself, a gradient that is not finite; none: only their sum is not. */
static Status name_objectives(Session *session, Buffer *out)
{
    int named = 0;
    for (int i = 0; i < session->objective_count; i++) {
        const Objective *objective = session->objectives[i];
        bool bad = false;
        SessionLook look = {
            .place = &session->tried, .only = objective, .finished = look_at_gradients, .context = &bad};
        StepMetrics metrics;
        if (!objective->enabled || !(objective->weight > 0)) continue;
        TRY(session_look(session, &look, &metrics));
        if (bad) TRY(buffer_printf(out, "%s'%s'", named++ ? ", " : "\n  gradient of objective ", objective->name));
    }
    return named ? STATUS_OK : buffer_text(out, "\n  gradient of all objectives together");
}

Status session_explain_nonfinite(Session *session)
{
    char message[2048];
    Buffer objectives = {0};
    Search search = {0};
    TapeObserver tape = {look_at, &search};
    StepObserver observer = {tell_batch, &search};
    SessionLook look = {.place = &session->tried, .tape = &tape, .observer = &observer};
    StepMetrics metrics;
    snprintf(message, sizeof message, "%s", status_message());
    Status status = session_look(session, &look, &metrics);
    if (status == STATUS_OK && (!search.found || search.backward)) status = name_objectives(session, &objectives);
    if (status != STATUS_CANCELLED) /* without a reason is better than no message */
        status =
            status_fail(STATUS_NONFINITE, "%s%s%.*s%s", message, objectives.data ? objectives.data : "", NOTE_SIZE,
                        search.call.data ? search.call.data : "", search.batch.data ? search.batch.data : "");
    buffer_free(&objectives);
    buffer_free(&search.call);
    buffer_free(&search.batch);
    return status;
}
