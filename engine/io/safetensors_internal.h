/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reader and the writer of safetensors share. */
#ifndef LATHE_IO_SAFETENSORS_INTERNAL_H
#define LATHE_IO_SAFETENSORS_INTERNAL_H

#include "engine/io/safetensors.h"

#include <stdbool.h>
#include <stdint.h>

enum { SAFETENSORS_HEADER_LIMIT = 100000000, SAFETENSORS_GROUPED_SIZE = 32 };

/* Sets count and bytes from shape and type; false where they overflow. */
bool safetensors_measure(SafetensorsEntry *entry);

/* "12,345" */
const char *safetensors_grouped(uint64_t number, char out[SAFETENSORS_GROUPED_SIZE]);

#endif
