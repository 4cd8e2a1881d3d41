/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe estimate RECIPE */
#include "engine/base/thousands.h"
#include "engine/base/threads.h"
#include "engine/train/estimate.h"
#include "scripts/bind_session.h"
#include "tui/progress.h"
#include "tui/run_setup.h"

#include <stdio.h>

static Status step(void *context, Session *session, StepMetrics *out)
{
    return bind_step(context, session, out);
}

static Status fill_json(const Estimate *e, json_t *out)
{
    json_t *memory;
    TRY(json_set_integer(out, "parameters", e->parameters));
    TRY(json_set_integer(out, "steps", e->steps));
    TRY(json_set_integer(out, "tokens_per_step", e->tokens));
    TRY(json_set_integer(out, "examples_per_step", e->examples));
    TRY(json_set_number(out, "step_flops", e->step_flops));
    TRY(json_set_text(out, "flops_by", e->formula ? "formula" : "count"));
    TRY(json_set_number(out, "run_flops", e->step_flops * (double)e->steps));
    TRY(json_set_number(out, "step_seconds", e->step_seconds));
    TRY(json_set_number(out, "run_seconds", e->step_seconds * (double)e->steps));
    TRY(json_set_number(out, "gflops", 1e-9 * e->step_flops / e->step_seconds));
    TRY(json_set_integer(out, "threads", threads_count()));
    TRY(json_new_object(&memory));
    TRY(json_set(out, "memory", memory));
    TRY(json_set_integer(memory, "parameters", e->parameter_bytes));
    TRY(json_set_integer(memory, "gradients", e->gradient_bytes));
    TRY(json_set_integer(memory, "optimizer", e->optimizer_bytes));
    TRY(json_set_integer(memory, "activations", e->activation_bytes));
    TRY(json_set_integer(memory, "process", e->process_bytes));
    return json_set_integer(memory, "machine", e->machine_bytes);
}

static Status print_json(const Estimate *estimate)
{
    json_t *document;
    Buffer text = {0};
    TRY(json_new_object(&document));
    Status status = fill_json(estimate, document);
    if (status == STATUS_OK) status = json_print(document, 2, &text);
    if (status == STATUS_OK) puts(text.data);
    buffer_free(&text);
    json_decref(document);
    return status;
}

static const char *duration(double seconds, char out[64])
{
    if (seconds < 1)
        snprintf(out, 64, "%.1f ms", 1e3 * seconds);
    else if (seconds < 120)
        snprintf(out, 64, "%.1f s", seconds);
    else if (seconds < 2 * 86400)
        snprintf(out, 64, "%.0f:%02.0f h", (double)(int64_t)(seconds / 3600), (double)((int64_t)seconds / 60 % 60));
    else
        snprintf(out, 64, "%.1f days", seconds / 86400);
    return out;
}

static void print_text(const Estimate *e)
{
    char a[64], b[64];
    double mb = 1e-6, steps = (double)e->steps;
    printf("parameters  %s\n", thousands(e->parameters, a));
    printf("arithmetic  %.3g FLOP a step (%s), %.3g in %s steps\n", e->step_flops,
           e->formula ? "the model's formula" : "counted", e->step_flops * steps, thousands(e->steps, a));
    printf("memory      %.1f MB: parameters %.1f, gradients %.1f, optimizer %.1f, activations %.1f; with data and "
           "program %.0f of %.0f MB\n",
           mb * (double)(e->parameter_bytes + e->gradient_bytes + e->optimizer_bytes + e->activation_bytes),
           mb * (double)e->parameter_bytes, mb * (double)e->gradient_bytes, mb * (double)e->optimizer_bytes,
           mb * (double)e->activation_bytes, mb * (double)e->process_bytes, mb * (double)e->machine_bytes);
    printf("time        %s a step, %s in all with %d threads, evaluations apart\n", duration(e->step_seconds, a),
           duration(e->step_seconds * steps, b), threads_count());
    printf("speed       %s tokens/s, %.1f GFLOP/s\n", thousands((int64_t)((double)e->tokens / e->step_seconds), a),
           1e-9 * e->step_flops / e->step_seconds);
}

static Status estimate(const Arguments *arguments, RunSetup *setup)
{
    Estimate result;
    TRY(run_setup_recipe(arguments, setup));
    TRY(run_setup_build(setup, arguments->steps));
    TRY(session_estimate(setup->session, step, setup->host, &result));
    if (arguments->json) return print_json(&result);
    print_text(&result);
    return STATUS_OK;
}

int command_estimate(const Arguments *arguments)
{
    RunSetup setup = {0};
    Status status = estimate(arguments, &setup);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    run_setup_free(&setup);
    return result;
}
