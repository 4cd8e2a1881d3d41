/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Storages that are made ahead for copies (tensor_own()). The first writing to new memory costs a fault for every
 * page, on virtual machines many times the copy itself; here it is spread over steps before a copy is wanted. One
 * pool, the engine thread's; spare_clear() empties it. */
#ifndef LATHE_TENSOR_SPARE_H
#define LATHE_TENSOR_SPARE_H

#include "engine/tensor/storage.h"

enum { SPARE_LEAST = 1 << 16 }; /* bytes: less costs little anyway */

/* There are to be storages of these sizes in bytes, others go: makes some of what is missing, writing to at most
 * 'budget' bytes of them now. Sizes of less than SPARE_LEAST are passed over. Where memory is short there are
 * fewer. */
void spare_prepare(const size_t *sizes, int64_t count, size_t budget);
/* One of that size, the caller's; NULL: none is ready. */
Storage *spare_take(size_t bytes);
/* Of all, ready or not. */
size_t spare_bytes(void);
void spare_clear(void);

#endif
