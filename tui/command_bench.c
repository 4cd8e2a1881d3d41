/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe bench [NAME...] */
#include "engine/base/names.h"
#include "engine/base/threads.h"
#include "engine/io/json.h"
#include "engine/kernels/blas_core.h"
#include "tui/bench.h"
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

static Status step_json(const BenchResult *result, json_t *rows)
{
    json_t *row, *ops, *op;
    TRY(json_new_object(&row));
    TRY(json_append(rows, row));
    TRY(json_set_text(row, "name", result->record->name));
    TRY(json_set_number(row, "seconds", result->seconds));
    TRY(json_set_number(row, "tokens_per_second", result->tokens_per_second));
    TRY(json_set_number(row, "gflops", 1e-9 * result->flops / result->seconds));
    TRY(json_set_integer(row, "peak_bytes", result->peak_bytes));
    TRY(json_new_array(&ops));
    TRY(json_set(row, "ops", ops));
    for (int i = 0; i < result->op_count; i++) {
        TRY(json_new_object(&op));
        TRY(json_append(ops, op));
        TRY(json_set_text(op, "op", result->ops[i].op));
        TRY(json_set_boolean(op, "backward", result->ops[i].backward));
        TRY(json_set_number(op, "seconds", result->ops[i].seconds));
        TRY(json_set_number(op, "gflops", 1e-9 * result->ops[i].flops / result->ops[i].seconds));
        TRY(json_set_number(op, "gbytes_per_second", 1e-9 * result->ops[i].bytes / result->ops[i].seconds));
    }
    return STATUS_OK;
}

static Status generate_json(const BenchResult *result, json_t *rows)
{
    json_t *row;
    TRY(json_new_object(&row));
    TRY(json_append(rows, row));
    TRY(json_set_text(row, "name", result->record->name));
    TRY(json_set_number(row, "seconds", result->seconds));
    TRY(json_set_number(row, "tokens_per_second", result->tokens_per_second));
    TRY(json_set_number(row, "gbytes_per_second", 1e-9 * result->bytes_per_second));
    TRY(json_set_number(row, "memory_gbytes_per_second", 1e-9 * result->read_rate));
    return json_set_integer(row, "peak_bytes", result->peak_bytes);
}

static void print_generate(const BenchResult *result)
{
    printf("%s: %s\n  %.2f ms a token, %.1f tokens/s, reading %.1f GB/s: %.0f%% of the %.1f GB/s that memory gives,"
           " peak memory %.0f MB\n",
           result->record->name, result->record->doc, 1e3 / result->tokens_per_second, result->tokens_per_second,
           1e-9 * result->bytes_per_second, 100 * result->bytes_per_second / result->read_rate,
           1e-9 * result->read_rate, 1e-6 * (double)result->peak_bytes);
}

static void print_step(const BenchResult *result)
{
    printf("%s: %s\n  %.1f ms a step, %.0f tokens/s, %.0f GFLOP/s of the model's arithmetic, peak memory %.0f MB\n",
           result->record->name, result->record->doc, 1e3 * result->seconds, result->tokens_per_second,
           1e-9 * result->flops / result->seconds, 1e-6 * (double)result->peak_bytes);
    printf("  %-26s %9s %6s %9s %8s\n", "op", "ms", "share", "GFLOP/s", "GB/s");
    for (int i = 0; i < result->op_count; i++) {
        const BenchOp *op = &result->ops[i];
        char name[64];
        snprintf(name, sizeof name, "%s%s", op->op, op->backward ? " backward" : "");
        printf("  %-26s %9.3f %5.1f%% %9.1f %8.1f\n", name, 1e3 * op->seconds, 100 * op->seconds / result->seconds,
               1e-9 * op->flops / op->seconds, 1e-9 * op->bytes / op->seconds);
    }
}

static Status run_gemm(json_t *rows)
{
    json_t *row;
    if (!rows) printf("gemm: products of matrices [m,k] x [k,n]\n  %6s %6s %6s %9s\n", "m", "n", "k", "GFLOP/s");
    for (int i = 0; i < PRODUCTS; i++) {
        double gflops;
        TRY(bench_gemm(products[i][0], products[i][1], products[i][2], &gflops));
        if (!rows)
            printf("  %6lld %6lld %6lld %9.1f\n", (long long)products[i][0], (long long)products[i][1],
                   (long long)products[i][2], gflops);
        else {
            TRY(json_new_object(&row));
            TRY(json_append(rows, row));
            TRY(json_set_text(row, "name", "gemm"));
            TRY(json_set_integer(row, "m", products[i][0]));
            TRY(json_set_integer(row, "n", products[i][1]));
            TRY(json_set_integer(row, "k", products[i][2]));
            TRY(json_set_number(row, "gflops", gflops));
        }
    }
    return STATUS_OK;
}

static Status run_one(const char *name, int64_t steps, json_t *rows)
{
    const BenchRecord *record = NULL;
    BenchResult result;
    TRY(find_record(name, &record));
    if (record->kind == BENCH_PRODUCTS) return run_gemm(rows);
    if (!rows) fprintf(stderr, "%s ...\n", name);
    int count = (int)(steps > 64 ? 64 : steps);
    bool generates = record->kind == BENCH_GENERATE;
    TRY(generates ? bench_generate(record, count, &result) : bench_step(record, count, &result));
    if (rows) return generates ? generate_json(&result, rows) : step_json(&result, rows);
    if (generates)
        print_generate(&result);
    else
        print_step(&result);
    return STATUS_OK;
}

static Status run_all(const Arguments *arguments, json_t *rows)
{
    static const char *const standard[] = {"gemm", "bert-tiny", "bert-mini"};
    const char *const *names = arguments->name_count ? arguments->names : standard;
    int count = arguments->name_count ? arguments->name_count : 3;
    if (!rows) printf("%d threads, OpenBLAS %s\n", threads_count(), blas_core_name());
    for (int i = 0; i < count; i++) TRY(run_one(names[i], arguments->steps, rows));
    return STATUS_OK;
}

static Status run_json(const Arguments *arguments)
{
    json_t *document, *rows;
    Buffer text = {0};
    TRY(json_new_object(&document));
    Status status = json_new_array(&rows);
    if (status == STATUS_OK) status = json_set(document, "rows", rows);
    if (status == STATUS_OK) status = json_set_integer(document, "threads", threads_count());
    if (status == STATUS_OK) status = json_set_text(document, "blas", blas_core_name());
    if (status == STATUS_OK) status = run_all(arguments, rows);
    if (status == STATUS_OK) status = json_print(document, 2, &text);
    if (status == STATUS_OK) puts(text.data);
    buffer_free(&text);
    json_decref(document);
    return status;
}

int command_bench(const Arguments *arguments)
{
    Status status = arguments->json ? run_json(arguments) : run_all(arguments, NULL);
    return status == STATUS_OK ? 0 : command_fail(status);
}
