/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a run was made with, for config.json: the versions of the libraries that the engine uses, the processor, the
 * number of threads. The same journal gives the same bits only where the parts that decide bits agree. Values
 * belong to the caller (json_decref). */
#ifndef LATHE_IO_METADATA_H
#define LATHE_IO_METADATA_H

#include "engine/io/json.h"

/* {"lathe": "0.1.0", "compiler": ..., "libraries": {"openblas": {"config", "core", "threading"}, "onednn",
 * "jansson", "glibc", "xxhash"}, "cpu": {"name", "vector_level", "features": [...], "processors"}, "threads": 2}.
 * Rooms above add their own libraries to "libraries". */
Status metadata_json(json_t **out) STATUS_CHECKED;

/* Appends a line for each thing that may change bits and differs between the metadata of a run and now: "openblas
 * core was Zen, now SkylakeX". Nothing where all agree; what one of them lacks is not compared. */
Status metadata_differences(const json_t *then, const json_t *now, Buffer *out) STATUS_CHECKED;

#endif
