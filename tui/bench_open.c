/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long it takes to open the metrics and the journal of a long run. */
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/io/metrics_store.h"
#include "engine/io/run_directory.h"
#include "scripts/host.h"
#include "scripts/library.h"
#include "tui/bench.h"

#include <stdlib.h>
#include <unistd.h>

enum { METRICS = 8, OPENINGS = 11, COLUMNS = 200, EDIT_EVERY = 500 };

/* --- a run of so many steps --- */

static Status write_rows(const char *path, int64_t steps)
{
    static const char *const names[METRICS] = {"loss",      "loss.mlm",          "loss.nsp", "lr",
                                               "grad_norm", "tokens_per_second", "seconds",  "sparsity"};
    MetricsWriter *writer;
    MetricsValue values[METRICS];
    TRY(metrics_writer_open(path, &writer));
    metrics_writer_hold(writer);
    Random random = random_stream(random_key(1, "bench"));
    Status status = STATUS_OK;
    for (int64_t step = 1; status == STATUS_OK && step <= steps; step++) {
        for (int i = 0; i < METRICS; i++) values[i] = (MetricsValue){names[i], random_uniform(&random)};
        status = metrics_writer_put(writer, step, values, METRICS);
    }
    if (status == STATUS_OK) status = metrics_writer_release(writer);
    metrics_writer_close(writer);
    return status;
}

static Status write_journal(const char *path, int64_t steps)
{
    Buffer text = {0};
    Status status = STATUS_OK;
    for (int64_t step = 0; status == STATUS_OK && step <= steps; step += EDIT_EVERY)
        status = buffer_printf(&text,
                               "at(%lld, \"0123456789abcdef0123456789abcdef\")\n"
                               "run.objectives.nsp.weight = 0.%lld\n-- back: run.objectives.nsp.weight = 1.0\n",
                               (long long)step, (long long)step);
    if (status == STATUS_OK) status = file_write(path, text.data, text.length);
    buffer_free(&text);
    return status;
}

static Status write_run(const char *folder, int64_t steps)
{
    char *metrics, *journal;
    TRY(file_join(folder, "metrics.store", &metrics));
    Status status = write_rows(metrics, steps);
    memory_free(metrics);
    TRY(status);
    TRY(file_join(folder, "journal.lua", &journal));
    status = write_journal(journal, steps);
    memory_free(journal);
    return status;
}

/* --- opening it --- */

static Status open_metrics(const char *folder, int64_t steps)
{
    MetricsStore *store;
    MetricsSpan spans[COLUMNS];
    TRY(run_directory_open_metrics(folder, &store));
    Status status = metrics_range(store, "loss", 1, steps, COLUMNS, spans);
    metrics_close(store);
    return status;
}

static int read_entries(lua_State *L)
{
    const Buffer *text = lua_touserdata(L, 1);
    library_require(L, "journal");
    lua_getfield(L, -1, "entries");
    lua_pushlstring(L, text->data, text->length);
    lua_call(L, 1, 1);
    if (luaL_len(L, -1) < 1) return luaL_error(L, "the journal has no entries");
    return 0;
}

static Status open_journal(const char *folder, Host *host)
{
    Buffer text = {0};
    Status status = run_directory_read_journal(folder, &text);
    if (status == STATUS_OK) status = host_protect(host, read_entries, &text);
    buffer_free(&text);
    return status;
}

static Status time_openings(const char *folder, Host *host, int64_t steps, BenchResult *out)
{
    double seconds[OPENINGS];
    for (int i = 0; i < OPENINGS; i++) {
        double start = clock_seconds();
        TRY(open_metrics(folder, steps));
        TRY(open_journal(folder, host));
        seconds[i] = clock_seconds() - start;
    }
    double median = bench_median(seconds, OPENINGS);
    out->costs[out->cost_count++] = (BenchCost){.what = "opening metrics, drawn in 200 columns, and journal",
                                                .seconds = median,
                                                .spread = (seconds[OPENINGS * 3 / 4] - seconds[OPENINGS / 4]) / 2,
                                                .limit = 1};
    return STATUS_OK;
}

Status bench_open(const BenchRecord *record, const BenchConfig *config, int64_t steps, BenchResult *out)
{
    char *folder;
    Host *host;
    if (steps < 1) steps = 1000000;
    *out = (BenchResult){.record = record, .config = record->config};
    (void)config; /* it has no model */
    TRY(bench_folder(&folder));
    Status status = host_new(NULL, &host);
    if (status == STATUS_OK) {
        status = write_run(folder, steps);
        if (status == STATUS_OK) status = time_openings(folder, host, steps, out);
        host_free(host);
    }
    return bench_remove_folder(folder, status);
}
