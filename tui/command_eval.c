/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe eval DIR */
#include "engine/train/run.h"
#include "scripts/library.h"
#include "tui/progress.h"
#include "tui/run_setup.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static void evaluating(void *context, int64_t done, int64_t all)
{
    progress_task(context, "evaluating", done, all);
}

static Status print_json(const Evaluation *evaluation)
{
    json_t *document;
    Buffer text = {0};
    TRY(json_new_object(&document));
    Status status = evaluation_json(evaluation, document);
    if (status == STATUS_OK) status = json_print(document, 2, &text);
    if (status == STATUS_OK) puts(text.data);
    buffer_free(&text);
    json_decref(document);
    return status;
}

/* run:minimal_pairs(path) */
static int print_pairs(lua_State *L)
{
    const char *path = lua_touserdata(L, 1);
    library_push(L, "run");
    lua_getfield(L, -1, "minimal_pairs");
    lua_insert(L, -2);
    lua_pushstring(L, path);
    lua_call(L, 2, 1);
    puts(luaL_tolstring(L, -1, NULL));
    return 0;
}

static Status evaluate_run(const Arguments *arguments, RunSetup *setup)
{
    Evaluation evaluation;
    char text[PROGRESS_LINE];
    TRY(run_setup_final(arguments->names[0], arguments, setup));
    TRY(run_load_weights(setup->session, arguments->names[0]));
    if (arguments->pairs) return host_protect(setup->host, print_pairs, (void *)(uintptr_t)arguments->pairs);
    Progress progress =
        progress_new(arguments->json ? stderr : stdout, isatty(arguments->json ? 2 : 1), setup->session, 0);
    EvaluationOptions options = {
        .source = "valid", .baselines = true, .progress = evaluating, .context = &progress};
    TRY(evaluate(setup->session, &options, &evaluation));
    progress_finish(&progress);
    if (arguments->json) return print_json(&evaluation);
    progress_evaluation(setup->session, &evaluation, text, sizeof text);
    puts(text);
    progress_confusion(&progress, &evaluation);
    return STATUS_OK;
}

int command_eval(const Arguments *arguments)
{
    RunSetup setup = {0};
    Status status = evaluate_run(arguments, &setup);
    int result = status == STATUS_OK ? 0 : command_fail(status);
    run_setup_free(&setup);
    return result;
}
