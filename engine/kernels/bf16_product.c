/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/kernels/bf16_product.h"

#include "engine/base/memory.h"
#include "engine/base/threads.h"

#include <string.h>
#ifdef HAVE_ONEDNN
#include <dnnl.h>
#endif

static bool pretending;

void bf16_pretend_missing(bool missing)
{
    pretending = missing;
}

#ifdef HAVE_ONEDNN

enum {
    BUCKETS = 256,
    MOST = 512 /* products kept; a step of BERT needs about 40, each another 8 for every number of masked words */
};

/* What a thread runs a product with: a primitive may run on several threads at once, its memory objects may not. */
typedef struct Slot {
    dnnl_memory_t a, b, c, scratch;
} Slot;

struct Bf16Product {
    Bf16Shape shape;
    dnnl_primitive_t primitive;
    dnnl_primitive_desc_t description;
    Slot slots[THREADS_MAX];
    int ready; /* slots */
    uint64_t used;
    Bf16Product *next; /* of the bucket */
};

static Bf16Product *buckets[BUCKETS];
static int64_t product_count;
static uint64_t uses;
static dnnl_engine_t engine;
static dnnl_stream_t stream;

/* oneDNN's own scratchpads belong to the thread that made the primitive: each thread has one of ours. */
static struct {
    void *data;
    size_t size;
} scratchpads[THREADS_MAX];

static Status check(dnnl_status_t status, const char *what)
{
    if (status == dnnl_success) return STATUS_OK;
    if (status == dnnl_out_of_memory) return status_fail(STATUS_NOMEM, "out of memory: oneDNN, %s", what);
    return status_fail(STATUS_INVALID, "oneDNN: %s failed with status %d", what, (int)status);
}

bool bf16_native(void)
{
    return !pretending && dnnl_get_effective_cpu_isa() >= dnnl_cpu_isa_avx512_core_bf16;
}

static Status start(void)
{
    if (stream) return STATUS_OK;
    if (!engine) TRY(check(dnnl_engine_create(&engine, dnnl_cpu, 0), "making an engine"));
    return check(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "making a stream");
}

/* --- making --- */

static Status describe(const Bf16Shape *s, dnnl_matmul_desc_t *out)
{
    dnnl_memory_desc_t a, b, c;
    dnnl_dims_t strides_a = {s->transpose_a ? 1 : s->lda, s->transpose_a ? s->lda : 1};
    dnnl_dims_t strides_b = {s->transpose_b ? 1 : s->ldb, s->transpose_b ? s->ldb : 1};
    TRY(check(dnnl_memory_desc_init_by_strides(&a, 2, (dnnl_dims_t){s->m, s->k}, dnnl_bf16, strides_a), "a"));
    TRY(check(dnnl_memory_desc_init_by_strides(&b, 2, (dnnl_dims_t){s->k, s->n}, dnnl_bf16, strides_b), "b"));
    TRY(check(
        dnnl_memory_desc_init_by_strides(&c, 2, (dnnl_dims_t){s->m, s->n}, dnnl_f32, (dnnl_dims_t){s->ldc, 1}),
        "c"));
    return check(dnnl_matmul_desc_init(out, &a, &b, NULL, &c), "describing a product");
}

static Status set_attributes(const Bf16Shape *shape, dnnl_primitive_attr_t attributes)
{
    dnnl_post_ops_t sum;
    TRY(check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "scratchpads"));
    if (!shape->accumulate) return STATUS_OK;
    TRY(check(dnnl_post_ops_create(&sum), "sums"));
    Status status = check(dnnl_post_ops_append_sum(sum, 1), "sums");
    if (status == STATUS_OK) status = check(dnnl_primitive_attr_set_post_ops(attributes, sum), "sums");
    dnnl_post_ops_destroy(sum);
    return status;
}

static Status make_primitive(Bf16Product *product)
{
    dnnl_matmul_desc_t matmul;
    dnnl_primitive_attr_t attributes;
    TRY(describe(&product->shape, &matmul));
    TRY(check(dnnl_primitive_attr_create(&attributes), "attributes"));
    Status status = set_attributes(&product->shape, attributes);
    if (status == STATUS_OK)
        status = check(dnnl_primitive_desc_create(&product->description, &matmul, attributes, engine, NULL),
                       "choosing a kernel");
    dnnl_primitive_attr_destroy(attributes);
    TRY(status);
    return check(dnnl_primitive_create(&product->primitive, product->description), "making a kernel");
}

static void product_free(Bf16Product *product)
{
    for (int i = 0; i < THREADS_MAX; i++) { /* one that broke off half way is not counted as ready */
        Slot *slot = &product->slots[i];
        if (slot->a) dnnl_memory_destroy(slot->a);
        if (slot->b) dnnl_memory_destroy(slot->b);
        if (slot->c) dnnl_memory_destroy(slot->c);
        if (slot->scratch) dnnl_memory_destroy(slot->scratch);
    }
    if (product->primitive) dnnl_primitive_destroy(product->primitive);
    if (product->description) dnnl_primitive_desc_destroy(product->description);
    memory_free(product);
}

static Status make_memory(const Bf16Product *product, dnnl_query_t what, dnnl_memory_t *out)
{
    const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(product->description, what, 0);
    return *out ? STATUS_OK : check(dnnl_memory_create(out, md, engine, DNNL_MEMORY_NONE), "a memory object");
}

static Status grow_scratchpad(int thread, size_t size)
{
    void *data;
    if (scratchpads[thread].size >= size) return STATUS_OK;
    TRY(memory_new_raw(size, 1, &data));
    memory_free(scratchpads[thread].data);
    scratchpads[thread].data = data;
    scratchpads[thread].size = size;
    return STATUS_OK;
}

static Status make_slots(Bf16Product *product)
{
    const dnnl_memory_desc_t *pad = dnnl_primitive_desc_query_md(product->description, dnnl_query_scratchpad_md, 0);
    for (; product->ready < threads_count(); product->ready++) {
        Slot *slot = &product->slots[product->ready];
        TRY(grow_scratchpad(product->ready, dnnl_memory_desc_get_size(pad)));
        TRY(make_memory(product, dnnl_query_src_md, &slot->a));
        TRY(make_memory(product, dnnl_query_weights_md, &slot->b));
        TRY(make_memory(product, dnnl_query_dst_md, &slot->c));
        TRY(make_memory(product, dnnl_query_scratchpad_md, &slot->scratch));
    }
    return STATUS_OK;
}

static Status product_new(const Bf16Shape *shape, Bf16Product **out)
{
    Bf16Product *product;
    TRY(start());
    TRY(memory_new(1, sizeof *product, &product));
    product->shape = *shape;
    Status status = make_primitive(product);
    if (status == STATUS_OK)
        *out = product;
    else
        product_free(product);
    return status;
}

/* --- finding --- */

static Bf16Product **bucket_of(const Bf16Shape *s)
{
    uint64_t hash = 14695981039346656037u;
    const int64_t parts[] = {
        s->m, s->n, s->k, s->lda, s->ldb, s->ldc, s->transpose_a + 2 * s->transpose_b + 4 * s->accumulate};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ (uint64_t)parts[i]) * 0x9e3779b97f4a7c15u, hash ^= hash >> 29;
    return &buckets[hash % BUCKETS];
}

static bool same(const Bf16Shape *a, const Bf16Shape *b)
{
    return a->m == b->m && a->n == b->n && a->k == b->k && a->lda == b->lda && a->ldb == b->ldb &&
           a->ldc == b->ldc && a->transpose_a == b->transpose_a && a->transpose_b == b->transpose_b &&
           a->accumulate == b->accumulate;
}

Status bf16_find(const Bf16Shape *shape, const Bf16Product **out)
{
    Bf16Product **bucket = bucket_of(shape), *product = *bucket;
    while (product && !same(&product->shape, shape)) product = product->next;
    if (!product) {
        TRY(product_new(shape, &product));
        product->next = *bucket;
        *bucket = product;
        product_count++;
    }
    product->used = ++uses;
    TRY(make_slots(product));
    *out = product;
    return STATUS_OK;
}

static void forget_older(uint64_t limit)
{
    for (int i = 0; i < BUCKETS; i++) {
        Bf16Product **at = &buckets[i];
        while (*at) {
            Bf16Product *product = *at;
            if (product->used > limit) {
                at = &product->next;
                continue;
            }
            *at = product->next;
            product_free(product);
            product_count--;
        }
    }
}

void bf16_trim(void)
{
    for (uint64_t span = uses / 2; product_count > MOST; span /= 2) forget_older(uses - span);
}

void bf16_forget(void)
{
    forget_older(uses);
    for (int i = 0; i < THREADS_MAX; i++) {
        memory_free(scratchpads[i].data);
        scratchpads[i].data = NULL;
        scratchpads[i].size = 0;
    }
}

void bf16_run(const Bf16Product *product, const uint16_t *a, const uint16_t *b, float *c)
{
    int thread = threads_index();
    const Slot *slot = &product->slots[thread];
    dnnl_memory_set_data_handle(slot->a, (void *)a);
    dnnl_memory_set_data_handle(slot->b, (void *)b);
    dnnl_memory_set_data_handle(slot->c, c);
    dnnl_memory_set_data_handle(slot->scratch, scratchpads[thread].data);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, slot->a},
                                    {DNNL_ARG_WEIGHTS, slot->b},
                                    {DNNL_ARG_DST, slot->c},
                                    {DNNL_ARG_SCRATCHPAD, slot->scratch}};
    dnnl_primitive_execute(product->primitive, stream, 4, args);
}

#else

bool bf16_native(void)
{
    return false;
}

Status bf16_find(const Bf16Shape *shape, const Bf16Product **out)
{
    (void)shape, (void)out;
    return status_fail(STATUS_INVALID, "this build has no oneDNN");
}

void bf16_trim(void)
{
}

void bf16_forget(void)
{
}

void bf16_run(const Bf16Product *product, const uint16_t *a, const uint16_t *b, float *c)
{
    (void)product, (void)a, (void)b, (void)c;
}

#endif
