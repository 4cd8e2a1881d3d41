/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions beside windows of their paragraphs, [CLS] question [SEP] window [SEP], with the places of the answer's
 * first and last token: start_positions and end_positions i32[B], both 0 ([CLS]) where the window does not hold the
 * answer. The source is counted; let go with source_unref(). */
#ifndef LATHE_DATASETS_SQUAD_SOURCE_H
#define LATHE_DATASETS_SQUAD_SOURCE_H

#include "datasets/squad.h"
#include "datasets/tokenized_encode.h"
#include "engine/base/option.h"
#include "engine/train/source.h"

typedef struct SquadConfig {
    int64_t length, stride, question_length, batch_size, seed;
    bool shuffle, lenient;
    double valid;
    char held_out[OPTION_TEXT_SIZE];
} SquadConfig;

extern const Option squad_options[];

/* Devlin et al. 2019, section 4.2 and 4.3. Where no file is held out, a share of the questions is. Errors: as
 * squad_read(); a tokenizer that does not tell where its tokens stand; a length without room for a window. */
Status squad_sources(const char *path, const Encoder *encoder, const SquadConfig *config, Source **train,
                     Source **valid) STATUS_CHECKED;

#endif
