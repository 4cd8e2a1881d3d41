/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How likely a model takes a text to be. Nobody frees anything. */
#ifndef LATHE_TRAIN_LIKELIHOOD_H
#define LATHE_TRAIN_LIKELIHOOD_H

#include "engine/train/session.h"

typedef struct Likelihood {
    double log_likelihood; /* sum over the tokens, nats */
    int64_t tokens;        /* that were scored */
    int64_t unknown;       /* of them, how many stand for a word that the vocabulary does not have */
} Likelihood;

/* A decoder: each token but the first given those before it. A masked model: each token that is not special ([UNK]
 * counts as text) with it alone masked (pseudo-log-likelihood; Salazar et al. 2020, Masked language model scoring).
 * In evaluation mode; the session is as before. ids: as the model was trained, special tokens included. Errors: the
 * model has neither output; longer than it takes; an id out of range; nothing to score; memory. */
Status session_likelihood(Session *session, Model *model, const Vocabulary *vocabulary, const int32_t *ids,
                          int64_t count, Likelihood *out) STATUS_CHECKED;

#endif
