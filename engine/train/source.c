/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/train/source.h"

Source *source_ref(Source *source)
{
    source->refs++;
    return source;
}

void source_unref(Source *source)
{
    if (source && --source->refs == 0) source->type->free(source);
}
