/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_size_t in_use, peak;
static atomic_uint_fast64_t allocations, fail_at;
static atomic_int fail_persistent;

static int injected_failure(void)
{
    uint64_t n = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;
    uint64_t at = atomic_load_explicit(&fail_at, memory_order_relaxed);
    if (at == 0) return 0;
    return n == at || (n > at && atomic_load_explicit(&fail_persistent, memory_order_relaxed));
}

static void count_bytes(size_t bytes)
{
    size_t now = atomic_fetch_add_explicit(&in_use, bytes, memory_order_relaxed) + bytes;
    size_t high = atomic_load_explicit(&peak, memory_order_relaxed);
    while (now > high && !atomic_compare_exchange_weak(&peak, &high, now)) {
    }
}

static Status out_of_memory(size_t count, size_t size)
{
    return status_fail(STATUS_NOMEM, "out of memory: %zu x %zu bytes were asked for", count, size);
}

Status memory_new_raw(size_t count, size_t size, void *out)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - MEMORY_ALIGNMENT || injected_failure())
        return out_of_memory(count, size);
    bytes = (bytes + MEMORY_ALIGNMENT - 1) & ~(size_t)(MEMORY_ALIGNMENT - 1);
    if (bytes == 0) bytes = MEMORY_ALIGNMENT;
    void *block = aligned_alloc(MEMORY_ALIGNMENT, bytes);
    if (!block) return out_of_memory(count, size);
    count_bytes(malloc_usable_size(block));
    memcpy(out, &block, sizeof block);
    return STATUS_OK;
}

Status memory_new(size_t count, size_t size, void *out)
{
    void *block;
    TRY(memory_new_raw(count, size, &block));
    memset(block, 0, count * size);
    memcpy(out, &block, sizeof block);
    return STATUS_OK;
}

Status memory_resize(void *block, size_t count, size_t size)
{
    void *old, *fresh;
    memcpy(&old, block, sizeof old);
    TRY(memory_new_raw(count, size, &fresh));
    if (old) {
        size_t had = malloc_usable_size(old);
        memcpy(fresh, old, had < count * size ? had : count * size);
        memory_free(old);
    }
    memcpy(block, &fresh, sizeof fresh);
    return STATUS_OK;
}

Status memory_grow(void *block, int64_t *room, int64_t count, size_t size)
{
    if (count <= *room) return STATUS_OK;
    if (count > INT64_MAX / 4) return out_of_memory((size_t)count, size);
    int64_t fresh = count < 64 ? 64 : count + count / 2;
    TRY(memory_resize(block, (size_t)fresh, size));
    *room = fresh;
    return STATUS_OK;
}

Status memory_copy_bytes(const char *bytes, size_t length, char **out)
{
    if (length == SIZE_MAX) return out_of_memory(length, 1);
    TRY(memory_new_raw(length + 1, 1, out));
    if (length) memcpy(*out, bytes, length);
    (*out)[length] = '\0';
    return STATUS_OK;
}

Status memory_copy_text(const char *text, char **out)
{
    return memory_copy_bytes(text, strlen(text), out);
}

void memory_free(void *block)
{
    if (!block) return;
    atomic_fetch_sub_explicit(&in_use, malloc_usable_size(block), memory_order_relaxed);
    free(block);
}

Status memory_map(size_t bytes, void *out)
{
    if (bytes == 0 || injected_failure()) return out_of_memory(bytes, 1);
    void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return out_of_memory(bytes, 1);
    (void)madvise(block, bytes, MADV_HUGEPAGE); /* the first touch costs a fault a page; advice only */
    count_bytes(bytes);
    memcpy(out, &block, sizeof block);
    return STATUS_OK;
}

void memory_unmap(void *block, size_t bytes)
{
    if (!block) return;
    atomic_fetch_sub_explicit(&in_use, bytes, memory_order_relaxed);
    munmap(block, bytes);
}

size_t memory_in_use(void)
{
    return atomic_load_explicit(&in_use, memory_order_relaxed);
}

size_t memory_peak(void)
{
    return atomic_load_explicit(&peak, memory_order_relaxed);
}

void memory_fail_after(uint64_t n, int persistent)
{
    atomic_store(&allocations, 0);
    atomic_store(&fail_persistent, persistent);
    atomic_store(&fail_at, n);
}

uint64_t memory_allocations(void)
{
    return atomic_load(&allocations);
}
