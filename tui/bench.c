/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/bench.h"

#include "engine/base/memory.h"
#include "engine/io/file.h"
#include "engine/train/session.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

const Option bench_options[] = {
    OPTION_CHOICE_FIELD(BenchConfig, precision, "f32", "f32 bf16", "what products of matrices read"),
    OPTION_BOOLEAN_FIELD(BenchConfig, recompute, 0, "layers are computed once more on the way back"),
    OPTION_INT_FIELD(BenchConfig, layers, 0, 0, 1000, "layers of the model; 0: the benchmark's own, as below"),
    OPTION_INT_FIELD(BenchConfig, width, 0, 0, 1 << 16, "width of the hidden states"),
    OPTION_INT_FIELD(BenchConfig, vocabulary, 0, 0, 1 << 24, "pieces"),
    OPTION_INT_FIELD(BenchConfig, batch, 0, 0, 1 << 20, "sequences of a step"),
    OPTION_INT_FIELD(BenchConfig, length, 0, 0, 1 << 20, "tokens of a sequence"),
    {0},
};

#define CONFIG(l, w, v, b)                                                                                         \
    {                                                                                                              \
        .layers = (l), .width = (w), .vocabulary = (v), .batch = (b), .length = 128                                \
    }

const BenchRecord bench_records[] = {
    {"gemm", "products of matrices as they stand in BERT", NULL, {0}},
    {"bert-tiny", "a training step: 2 layers, 128 wide, vocabulary 8,192, batch 32", bench_step,
     CONFIG(2, 128, 8192, 32)},
    {"bert-mini", "a training step: 4 layers, 256 wide, vocabulary 8,192, batch 32", bench_step,
     CONFIG(4, 256, 8192, 32)},
    {"bert-base", "a training step: 12 layers, 768 wide, vocabulary 30,522, batch 8", bench_step,
     CONFIG(12, 768, 30522, 8)},
    {"bert-infer", "the encoder of a BERT of 12 layers, 768 wide, on one sequence", bench_infer,
     CONFIG(12, 768, 30522, 1)},
    {"scaling", "how the time of bert-mini's step grows with twice the length, width and batch", bench_step,
     CONFIG(4, 256, 8192, 32)},
    {"gpt2-generate", "128 tokens from a GPT-2 of 12 layers, 768 wide, vocabulary 50,257", bench_generate,
     CONFIG(12, 768, 50257, 1)},
    {"live", "what a snapshot, an edit and a prompt that waits cost a run, beside bert-mini's step", bench_live,
     CONFIG(4, 256, 8192, 32)},
    {"open", "metrics and journal of a run of a million steps (or --steps) are opened", bench_open, {0}},
};
const int bench_record_count = sizeof bench_records / sizeof *bench_records;

BenchConfig bench_config(const BenchRecord *record, const BenchConfig *asked)
{
    BenchConfig config = record->config;
    config.precision = asked->precision;
    config.recompute = asked->recompute;
    if (asked->layers) config.layers = asked->layers;
    if (asked->width) config.width = asked->width;
    if (asked->vocabulary) config.vocabulary = asked->vocabulary;
    if (asked->batch) config.batch = asked->batch;
    if (asked->length) config.length = asked->length;
    return config;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double bench_median(double *seconds, int64_t count)
{
    qsort(seconds, (size_t)count, sizeof *seconds, compare_numbers);
    return seconds[count / 2];
}

/* --- files --- */

Status bench_folder(char **out)
{
    const char *base = getenv("TMPDIR");
    TRY(file_join(base && *base ? base : "/tmp", "lathe-bench-XXXXXX", out));
    if (mkdtemp(*out)) return STATUS_OK;
    Status status = file_fail(*out, "made", errno);
    memory_free(*out);
    return status;
}

Status bench_remove_folder(char *path, Status status)
{
    char message[512];
    snprintf(message, sizeof message, "%s", status_message());
    Status removed = file_remove_tree(path);
    memory_free(path);
    return status == STATUS_OK ? removed : status_fail(status, "%s", message);
}

/* --- memory --- */

/* Linux forgets the peak when this file is written to; elsewhere it stays that of the whole process. */
void bench_watch_memory(void)
{
    malloc_trim(0);
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5", file);
    fclose(file);
}

int64_t bench_peak_memory(void)
{
    char line[128];
    long long kilobytes = 0;
    struct rusage usage;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %lld", &kilobytes) == 1) break;
    if (file) fclose(file);
    getrusage(RUSAGE_SELF, &usage);
    return (kilobytes ? kilobytes : (int64_t)usage.ru_maxrss) * 1024;
}
