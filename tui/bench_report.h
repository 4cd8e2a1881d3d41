/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a benchmark found, as text on standard output and as JSON. */
#ifndef LATHE_TUI_BENCH_REPORT_H
#define LATHE_TUI_BENCH_REPORT_H

#include "engine/io/json.h"
#include "tui/bench.h"

void bench_print(const BenchResult *result);
/* A row of the list: an object. */
Status bench_json(const BenchResult *result, json_t *rows) STATUS_CHECKED;

#endif
