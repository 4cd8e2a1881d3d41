/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe bench [NAME...] */
#include "engine/base/names.h"
#include "engine/base/threads.h"
#include "engine/io/metadata.h"
#include "engine/kernels/libraries.h"
#include "tui/bench_report.h"
#include "tui/command.h"

#include <stdio.h>
#include <string.h>

/* Matrix products of BERT: rows, columns, inner size. */
static const int64_t products[][3] = {{4096, 128, 128}, {4096, 512, 128},  {4096, 1024, 256},
                                      {1024, 768, 768}, {1024, 3072, 768}, {2048, 2048, 2048}};
enum { PRODUCTS = sizeof products / sizeof *products };

static Status find_record(const char *name, const BenchRecord **out)
{
    for (int i = 0; i < bench_record_count; i++) {
        *out = &bench_records[i];
        if (strcmp((*out)->name, name) == 0) return STATUS_OK;
    }
    const char *near = names_nearest(name, bench_records, (size_t)bench_record_count, sizeof *bench_records);
    return status_fail(STATUS_INVALID, "there is no benchmark '%s'%s%s%s", name, near ? "; did you mean '" : "",
                       near ? near : "; 'lathe bench --help' lists them", near ? "'?" : "");
}

static Status read_config(const Arguments *arguments, BenchConfig *out)
{
    option_defaults(bench_options, out);
    for (int i = 0; i < arguments->set_count; i++) {
        char name[64];
        const char *text = arguments->sets[i], *value = strchr(text, '=');
        snprintf(name, sizeof name, "%.*s", value ? (int)(value - text) : 0, text);
        if (!value) return status_fail(STATUS_INVALID, "--set takes NAME=VALUE; got '%s'", text);
        TRY(option_set_text(bench_options, out, "bench", name, value + 1));
    }
    return STATUS_OK;
}

/* --- the benchmarks --- */

static Status gemm_json(const int64_t size[3], double flops, json_t *rows)
{
    json_t *row;
    TRY(json_new_object(&row));
    TRY(json_append(rows, row));
    TRY(json_set_text(row, "name", "gemm"));
    TRY(json_set_integer(row, "m", size[0]));
    TRY(json_set_integer(row, "n", size[1]));
    TRY(json_set_integer(row, "k", size[2]));
    return json_set_number(row, "gflops", 1e-9 * flops);
}

static Status run_gemm(const BenchConfig *config, json_t *rows)
{
    DType precision = config->precision ? DTYPE_BF16 : DTYPE_F32;
    if (!rows)
        printf("gemm: products of matrices [m,k] x [k,n]%s\n  %6s %6s %6s %9s\n", config->precision ? ", bf16" : "",
               "m", "n", "k", "GFLOP/s");
    for (int i = 0; i < PRODUCTS; i++) {
        const int64_t *size = products[i];
        double flops;
        TRY(bench_gemm(size[0], size[1], size[2], precision, &flops));
        if (rows)
            TRY(gemm_json(size, flops, rows));
        else
            printf("  %6lld %6lld %6lld %9.1f\n", (long long)size[0], (long long)size[1], (long long)size[2],
                   1e-9 * flops);
    }
    return STATUS_OK;
}

/* Whether time grows as arithmetic does: twice the length, width or batch. */
static Status run_scaling(const BenchRecord *record, const BenchConfig *asked, int64_t steps, json_t *rows)
{
    static const char *const names[] = {"as it is", "twice the length", "twice the width", "twice the batch"};
    BenchConfig base = bench_config(record, asked);
    BenchResult first = {0}, result;
    if (!rows)
        printf("scaling: %s\n  %-18s %9s %9s %9s %9s\n", record->doc, "", "ms", "GFLOP/s", "time x", "FLOPs x");
    for (int i = 0; i < 4; i++) {
        BenchConfig config = base;
        config.length *= i == 1 ? 2 : 1;
        config.width *= i == 2 ? 2 : 1;
        config.batch *= i == 3 ? 2 : 1;
        TRY(record->run(record, &config, steps, &result));
        if (i == 0) first = result;
        if (rows)
            TRY(bench_json(&result, rows));
        else
            printf("  %-18s %9.1f %9.1f %9.2f %9.2f\n", names[i], 1e3 * result.seconds,
                   1e-9 * result.flops / result.seconds, result.seconds / first.seconds,
                   result.flops / first.flops);
    }
    return STATUS_OK;
}

static Status run_one(const BenchRecord *record, const BenchConfig *config, int64_t steps, json_t *rows)
{
    BenchResult result;
    bool scaling = strcmp(record->name, "scaling") == 0;
    if (!record->run) return run_gemm(config, rows);
    if (!rows) fprintf(stderr, "%s ...\n", record->name);
    if (scaling) return run_scaling(record, config, steps, rows);
    TRY(record->run(record, config, steps, &result));
    if (rows) return bench_json(&result, rows);
    bench_print(&result);
    return STATUS_OK;
}

static void print_machine(void)
{
    const char *onednn = libraries_onednn_version();
    printf("%d threads, %s, %s%s, bf16 %s\n", threads_count(), libraries_vector_level(),
           onednn ? "oneDNN " : "OpenBLAS", onednn ? onednn : "", libraries_bf16());
}

typedef struct Bench {
    const BenchRecord *records[COMMAND_MAX_NAMES];
    int count;
    BenchConfig config;
} Bench;

static Status choose(const Arguments *arguments, Bench *out)
{
    static const char *const standard[] = {"gemm", "bert-tiny", "bert-mini"};
    const char *const *names = arguments->name_count ? arguments->names : standard;
    out->count = arguments->name_count ? arguments->name_count : 3;
    for (int i = 0; i < out->count; i++) TRY(find_record(names[i], &out->records[i]));
    return read_config(arguments, &out->config);
}

static Status run_all(const Bench *bench, int64_t steps, json_t *rows)
{
    if (!rows) print_machine();
    for (int i = 0; i < bench->count; i++) TRY(run_one(bench->records[i], &bench->config, steps, rows));
    return STATUS_OK;
}

static Status run_json(const Bench *bench, int64_t steps)
{
    json_t *document, *rows, *machine;
    Buffer text = {0};
    TRY(json_new_object(&document));
    Status status = metadata_json(&machine);
    if (status == STATUS_OK) status = json_set(document, "machine", machine);
    if (status == STATUS_OK) status = json_new_array(&rows);
    if (status == STATUS_OK) status = json_set(document, "rows", rows);
    if (status == STATUS_OK) status = run_all(bench, steps, rows);
    if (status == STATUS_OK) status = json_print(document, 2, &text);
    if (status == STATUS_OK) puts(text.data);
    buffer_free(&text);
    json_decref(document);
    return status;
}

int command_bench(const Arguments *arguments)
{
    Bench bench;
    if (choose(arguments, &bench) != STATUS_OK) {
        command_fail(STATUS_INVALID);
        return EXIT_USAGE;
    }
    Status status = arguments->json ? run_json(&bench, arguments->steps) : run_all(&bench, arguments->steps, NULL);
    return status == STATUS_OK ? 0 : command_fail(status);
}
