/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sparse rows of numbers in the format of SVM-light: "label index:value ... # comment", one example a line. Kept as
 * they are, handed out as dense batches: features f32[B,features], labels i32[B], example_ids i64[B]. The source is
 * counted; let go with source_unref(). */
#ifndef LATHE_DATASETS_SVMLIGHT_H
#define LATHE_DATASETS_SVMLIGHT_H

#include "engine/base/option.h"
#include "engine/train/source.h"

typedef enum SvmlightValues { SVMLIGHT_RAW, SVMLIGHT_BINARY, SVMLIGHT_LOG } SvmlightValues;

enum { SVMLIGHT_MAX_FEATURES = 1 << 24, SVMLIGHT_MAX_CLASSES = 1 << 16, SVMLIGHT_MAX_BATCH = 1 << 20 };

typedef struct SvmlightConfig {
    int64_t batch_size, features, first_index, values; /* values: SvmlightValues */
    char labels[OPTION_TEXT_SIZE];
    double valid;
    bool shuffle;
    int64_t seed;
} SvmlightConfig;

extern const Option svmlight_options[];

/* The share 'valid' of the examples is held out; *valid is NULL where that is 0. Errors name path, line and remedy:
 * not a number, not finite, an index out of range, twice or out of order, a label that is not in 'labels'. */
Status svmlight_read(const char *path, const SvmlightConfig *config, Source **train, Source **valid) STATUS_CHECKED;

#endif
