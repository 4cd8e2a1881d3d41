/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of all ops, made from ops.list. */
#include "engine/ops/op.h"

#include <string.h>

#define OP(name) extern const Op op_##name;
#include "engine/ops/ops.list"
#undef OP

#define OP(name) &op_##name,
const Op *const op_records[] = {
#include "engine/ops/ops.list"
};
#undef OP

const int op_record_count = sizeof op_records / sizeof *op_records;

const Op *op_find(const char *name)
{
    for (int i = 0; i < op_record_count; i++)
        if (strcmp(op_records[i]->name, name) == 0) return op_records[i];
    return NULL;
}
