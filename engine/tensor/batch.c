/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/tensor/batch.h"

#include <stdio.h>
#include <string.h>

static int place_of(const Batch *batch, const char *name)
{
    for (int i = 0; i < batch->count; i++)
        if (strcmp(batch->names[i], name) == 0) return i;
    return -1;
}

Status batch_put(Batch *batch, const char *name, Tensor *tensor)
{
    int place = place_of(batch, name);
    if (place < 0 && (batch->count == BATCH_MAX_FIELDS || strlen(name) >= BATCH_NAME_SIZE)) {
        tensor_unref(tensor);
        return status_fail(STATUS_INVALID,
                           "a batch has at most %d fields with names shorter than %d bytes; '%s' is one too many",
                           BATCH_MAX_FIELDS, BATCH_NAME_SIZE, name);
    }
    if (place < 0) {
        place = batch->count++;
        snprintf(batch->names[place], BATCH_NAME_SIZE, "%s", name);
    } else
        tensor_unref(batch->fields[place]);
    batch->fields[place] = tensor;
    return STATUS_OK;
}

Tensor *batch_find(const Batch *batch, const char *name)
{
    int place = place_of(batch, name);
    return place < 0 ? NULL : batch->fields[place];
}

Status batch_get(const Batch *batch, const char *name, Tensor **out)
{
    *out = batch_find(batch, name);
    if (*out) return STATUS_OK;
    char have[BATCH_MAX_FIELDS * (BATCH_NAME_SIZE + 2)] = "nothing";
    size_t used = 0;
    for (int i = 0; i < batch->count; i++)
        used += (size_t)snprintf(have + used, sizeof have - used, i ? ", %s" : "%s", batch->names[i]);
    return status_fail(STATUS_INVALID, "the batch has no field '%s'; it has %s", name, have);
}

void batch_share(Batch *to, const Batch *from)
{
    *to = *from;
    for (int i = 0; i < to->count; i++) tensor_ref(to->fields[i]);
}

void batch_clear(Batch *batch)
{
    for (int i = 0; i < batch->count; i++) tensor_unref(batch->fields[i]);
    *batch = (Batch){0};
}
