/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the model makes of held-out text, as lines for people. */
#ifndef LATHE_TUI_SAMPLES_H
#define LATHE_TUI_SAMPLES_H

#include "engine/train/session.h"

#include <stdio.h>

/* Prints count masked held-out examples with the predicted words, and as many with words that a generator put in
 * and what the discriminator thinks of them; nothing where no objective does so. Changes nothing of the state. */
Status samples_masks(Session *session, int count, FILE *out) STATUS_CHECKED;

/* Prints a short text that the model writes; nothing where no objective is one of text, or the model cannot. */
Status samples_text(Session *session, FILE *out) STATUS_CHECKED;

#endif
