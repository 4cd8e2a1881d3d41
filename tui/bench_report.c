/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/bench_report.h"

#include <stdio.h>

static void print_head(const BenchResult *r)
{
    const BenchConfig *c = &r->config, *usual = &r->record->config;
    printf("%s: %s", r->record->name, r->record->doc);
    if (c->layers != usual->layers || c->width != usual->width || c->vocabulary != usual->vocabulary ||
        c->batch != usual->batch || c->length != usual->length)
        printf("; here %lld layers, %lld wide, vocabulary %lld, batch %lld, length %lld", (long long)c->layers,
               (long long)c->width, (long long)c->vocabulary, (long long)c->batch, (long long)c->length);
    printf("%s%s\n", c->precision ? ", bf16" : "", c->recompute ? ", recomputed" : "");
}

static const char *op_name(const BenchOp *op, char out[64])
{
    snprintf(out, 64, "%s%s", op->op, op->backward ? " backward" : "");
    return out;
}

static void print_ops(const BenchResult *r)
{
    double all = 0;
    char name[64];
    for (int i = 0; i < r->op_count; i++) all += r->ops[i].seconds;
    printf("  %-32s %9s %6s %9s %8s %9s\n", "op", "ms", "share", "GFLOP/s", "GB/s", "limit ms");
    for (int i = 0; i < r->op_count; i++) {
        const BenchOp *op = &r->ops[i];
        printf("  %-32s %9.3f %5.1f%% %9.1f %8.1f %9.3f\n", op_name(op, name), 1e3 * op->seconds,
               100 * op->seconds / all, 1e-9 * op->flops / op->seconds, 1e-9 * op->bytes / op->seconds,
               1e3 * op->limit);
    }
}

static void print_worst(const BenchResult *r)
{
    int places[3], count = bench_worst(r, places);
    char name[64];
    printf("most above its limit:");
    for (int i = 0; i < count; i++) {
        const BenchOp *op = &r->ops[places[i]];
        printf("%s %s by %.2f ms", i ? "," : "", op_name(op, name), 1e3 * (op->seconds - op->limit));
    }
    puts("");
}

static void print_limits(const BenchResult *r)
{
    printf("  products at the rate of sgemm: %.2f ms, %.0f%% of the whole; memory gives %.1f GB/s; ",
           1e3 * r->sgemm_seconds, 100 * r->sgemm_seconds / r->seconds, 1e-9 * r->read_rate);
    print_worst(r);
}

static void print_generation(const BenchResult *r)
{
    printf("  %.2f ms a token, %.1f tokens/s, reading %.1f GB/s: %.0f%% of the %.1f GB/s that memory gives,"
           " peak memory %.0f MB\n",
           1e3 / r->tokens_per_second, r->tokens_per_second, 1e-9 * r->bytes_per_second,
           100 * r->bytes_per_second / r->read_rate, 1e-9 * r->read_rate, 1e-6 * (double)r->peak_bytes);
    print_ops(r);
    printf("  of all tokens; ");
    print_worst(r);
}

/* "4.10 ms +- 0.20, 0.9% of a step (limit 1%), 0.8% of its processor time" */
static void print_cost(const BenchCost *cost)
{
    printf("  %-48s %8.2f ms +- %.2f", cost->what, 1e3 * cost->seconds, 1e3 * cost->spread);
    if (cost->share != 0)
        printf(", %.2f%% of a step, %.2f%% of its processor time", 100 * cost->share, 100 * cost->busy_share);
    if (cost->limit > 0 && cost->share != 0)
        printf(" (limit %.0f%%)\n", 100 * cost->limit);
    else if (cost->limit > 0)
        printf(" (limit %.0f ms)\n", 1e3 * cost->limit);
    else
        printf(" (%s)\n", cost->seconds < cost->spread ? "not measurable" : "measurable");
}

static void print_costs(const BenchResult *r)
{
    if (r->seconds > 0)
        printf("  a step: %.2f ms, peak memory %.0f MB\n", 1e3 * r->seconds, 1e-6 * (double)r->peak_bytes);
    for (int i = 0; i < r->cost_count; i++) print_cost(&r->costs[i]);
}

void bench_print(const BenchResult *r)
{
    print_head(r);
    if (r->cost_count) {
        print_costs(r);
        return;
    }
    if (r->bytes_per_second > 0) {
        print_generation(r);
        return;
    }
    printf("  %.2f ms, %.0f tokens/s, %.0f GFLOP/s of the model's arithmetic, peak memory %.0f MB\n",
           1e3 * r->seconds, r->tokens_per_second, 1e-9 * r->flops / r->seconds, 1e-6 * (double)r->peak_bytes);
    print_ops(r);
    print_limits(r);
}

/* --- JSON --- */

static Status op_json(const BenchOp *op, json_t *ops)
{
    json_t *object;
    TRY(json_new_object(&object));
    TRY(json_append(ops, object));
    TRY(json_set_text(object, "op", op->op));
    TRY(json_set_boolean(object, "backward", op->backward));
    TRY(json_set_number(object, "seconds", op->seconds));
    TRY(json_set_number(object, "limit_seconds", op->limit));
    TRY(json_set_number(object, "gflops", 1e-9 * op->flops / op->seconds));
    return json_set_number(object, "gbytes_per_second", 1e-9 * op->bytes / op->seconds);
}

static Status worst_json(const BenchResult *r, json_t *row)
{
    int places[3], count = bench_worst(r, places);
    char name[64];
    Buffer text = {0};
    Status status = buffer_text(&text, "");
    for (int i = 0; i < count && status == STATUS_OK; i++)
        status = buffer_printf(&text, "%s%s", i ? ", " : "", op_name(&r->ops[places[i]], name));
    if (status == STATUS_OK) status = json_set_text(row, "most_above_limit", text.data);
    buffer_free(&text);
    return status;
}

static Status costs_json(const BenchResult *r, json_t *row)
{
    json_t *costs, *object;
    TRY(json_new_array(&costs));
    TRY(json_set(row, "costs", costs));
    for (int i = 0; i < r->cost_count; i++) {
        const BenchCost *cost = &r->costs[i];
        TRY(json_new_object(&object));
        TRY(json_append(costs, object));
        TRY(json_set_text(object, "what", cost->what));
        TRY(json_set_number(object, "seconds", cost->seconds));
        TRY(json_set_number(object, "spread_seconds", cost->spread));
        TRY(json_set_number(object, "share", cost->share));
        TRY(json_set_number(object, "processor_share", cost->busy_share));
        TRY(json_set_number(object, "limit", cost->limit));
    }
    return STATUS_OK;
}

static Status step_json(const BenchResult *r, json_t *row)
{
    TRY(json_set_number(row, "gflops", 1e-9 * r->flops / r->seconds));
    TRY(json_set_number(row, "flops", r->flops));
    return json_set_number(row, "sgemm_seconds", r->sgemm_seconds);
}

static Status ops_json(const BenchResult *r, json_t *row)
{
    json_t *ops;
    TRY(worst_json(r, row));
    TRY(json_new_array(&ops));
    TRY(json_set(row, "ops", ops));
    for (int i = 0; i < r->op_count; i++) TRY(op_json(&r->ops[i], ops));
    return STATUS_OK;
}

Status bench_json(const BenchResult *r, json_t *rows)
{
    json_t *row;
    TRY(json_new_object(&row));
    TRY(json_append(rows, row));
    TRY(json_set_text(row, "name", r->record->name));
    TRY(json_set_text(row, "precision", r->config.precision ? "bf16" : "f32"));
    TRY(json_set_number(row, "seconds", r->seconds));
    if (r->cost_count) return costs_json(r, row);
    TRY(json_set_number(row, "tokens_per_second", r->tokens_per_second));
    TRY(json_set_integer(row, "peak_bytes", r->peak_bytes));
    TRY(json_set_number(row, "memory_gbytes_per_second", 1e-9 * r->read_rate));
    if (r->bytes_per_second > 0)
        TRY(json_set_number(row, "gbytes_per_second", 1e-9 * r->bytes_per_second));
    else
        TRY(step_json(r, row));
    return ops_json(r, row);
}
