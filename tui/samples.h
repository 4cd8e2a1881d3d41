/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the model makes of held-out text, as lines for people. */
#ifndef LATHE_TUI_SAMPLES_H
#define LATHE_TUI_SAMPLES_H

#include "engine/train/session.h"

#include <stdio.h>

/* Each changes nothing of the state. A line without indent is a heading; with four spaces it is a detail of the one
 * above. */

/* Prints count masked held-out examples with the predicted words; nothing where no objective masks words; and as
 * many with words that a generator put in and what the discriminator thinks of them. guesses:
 * for each word the likeliest five in a line of their own. */
Status samples_masks(Session *session, int count, bool guesses, FILE *out) STATUS_CHECKED;

/* Prints count held-out examples with the classes that the objectives of whole examples see in them. */
Status samples_classes(Session *session, int count, FILE *out) STATUS_CHECKED;

/* Prints a text of at most so many tokens (200) that the model writes; nothing where no objective is one of text,
 * or the model cannot. */
Status samples_text(Session *session, int64_t tokens, FILE *out) STATUS_CHECKED;

#endif
