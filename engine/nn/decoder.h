/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Generation: a causal model that is fed tokens and gives the logits of the next one. Keys and values of earlier
 * tokens are kept, so that each token is computed once. A Decoder borrows its model, which must not change while it
 * is used; decoder_free() frees the rest. One sequence at a time, no dropout, no gradients. */
#ifndef LATHE_NN_DECODER_H
#define LATHE_NN_DECODER_H

#include "engine/nn/model.h"

typedef struct Decoder Decoder;

/* capacity: most tokens in all. precision: of products, DTYPE_F32 or DTYPE_BF16. cached false: everything is
 * computed again for each token, as a check. Errors: the
 * model is no decoder, the capacity is beyond its context, memory. */
Status decoder_new(Model *model, int64_t capacity, DType precision, bool cached, Decoder **out) STATUS_CHECKED;
void decoder_free(Decoder *decoder);

/* Goes on with count tokens (at least 1). *logits: f32[vocab] of the token behind the last one, until the next
 * call. Errors: no room, an id outside the vocabulary, cancelled, memory; the decoder then stands where it stood.
 */
Status decoder_feed(Decoder *decoder, const int32_t *ids, int64_t count, const float **logits) STATUS_CHECKED;
/* Forgets all tokens. */
void decoder_reset(Decoder *decoder);

/* The tape of its passes, for who looks at their ops. */
Tape *decoder_tape(Decoder *decoder);
int64_t decoder_length(const Decoder *decoder);
/* Logits of a token. */
int64_t decoder_vocabulary(const Decoder *decoder);

#endif
