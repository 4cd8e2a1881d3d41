/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/source.h"

Status source_next(Source *source, int64_t batch_size, Arena *arena, Cursor *cursor, Batch *out)
{
    int64_t own = source->batch_size;
    source->batch_size = batch_size;
    Status status = source->type->next(source, arena, cursor, out);
    source->batch_size = own;
    return status;
}

Source *source_ref(Source *source)
{
    source->refs++;
    return source;
}

void source_unref(Source *source)
{
    if (source && --source->refs == 0) source->type->free(source);
}
