/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tickets are handed out in order of the cursor: ticket t is made in slot t % slots. 'head' is the next ticket that
 * loader_next() will take, 'tail' the next one that a thread will begin; at most slots - 1 stand between them,
 * because the slot taken last still belongs to the caller. One more slot, behind the ring, is for batches that the
 * caller makes itself. */
#include "datasets/loader.h"

#include "engine/base/memory.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS_PER_THREAD = 2, MESSAGE_SIZE = 512 };

typedef struct Ticket {
    Cursor cursor;
    bool done;
    Status status;
    char message[MESSAGE_SIZE];
} Ticket;

struct Loader {
    const LoaderType *type;
    const void *context;
    int64_t examples;
    int threads, started; /* wanted and running */
    int64_t slots;        /* of the ring */
    char *memory;         /* [slots + 1] slots */
    Ticket *tickets;      /* [slots] */
    pthread_t ids[LOADER_MAX_THREADS];
    pthread_mutex_t mutex;
    pthread_cond_t work, ready; /* something to begin; something was finished */
    /* guarded by the mutex */
    int64_t head, tail;
    int busy; /* threads inside make() */
    bool running, leaving;
    Cursor cursor; /* of the ticket 'tail' */
    int64_t batch_size;
};

int64_t cursor_advance(Cursor *cursor, int64_t examples, int64_t batch_size)
{
    int64_t left = examples - cursor->index;
    int64_t count = batch_size < left ? batch_size : left;
    cursor->index += count;
    if (cursor->index >= examples) {
        cursor->index = 0;
        cursor->epoch++;
    }
    return count;
}

static void *slot_of(const Loader *loader, int64_t place)
{
    return loader->memory + (size_t)place * loader->type->slot_size;
}

static bool same_cursor(const Cursor *a, const Cursor *b)
{
    return a->seed == b->seed && a->epoch == b->epoch && a->index == b->index;
}

/* Called with the mutex held, which is let go while the batch is made. */
static void work_ticket(Loader *loader)
{
    int64_t place = loader->tail++ % loader->slots;
    Ticket *ticket = &loader->tickets[place];
    ticket->cursor = loader->cursor;
    ticket->done = false;
    int64_t count = cursor_advance(&loader->cursor, loader->examples, loader->batch_size);
    loader->busy++;
    pthread_mutex_unlock(&loader->mutex);
    Status status = loader->type->make(loader->context, slot_of(loader, place), &ticket->cursor, count);
    if (status != STATUS_OK) snprintf(ticket->message, sizeof ticket->message, "%s", status_message());
    pthread_mutex_lock(&loader->mutex);
    ticket->status = status;
    ticket->done = true;
    loader->busy--;
    pthread_cond_broadcast(&loader->ready);
}

static void *thread_main(void *argument)
{
    Loader *loader = argument;
    pthread_mutex_lock(&loader->mutex);
    while (!loader->leaving) {
        if (loader->running && loader->tail - loader->head < loader->slots - 1)
            work_ticket(loader);
        else
            pthread_cond_wait(&loader->work, &loader->mutex);
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

/* Signals are the engine thread's business. */
static Status start_threads(Loader *loader)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = 0;
    while (loader->started < loader->threads && error == 0) {
        error = pthread_create(&loader->ids[loader->started], NULL, thread_main, loader);
        if (error == 0) loader->started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error == 0) return STATUS_OK;
    return status_fail(STATUS_IO, "cannot start loader thread %d: %s; loader_threads = 0 does without",
                       loader->started, strerror(error));
}

Status loader_new(const LoaderType *type, const void *context, int64_t examples, int threads, Loader **out)
{
    Loader *loader;
    if (threads < 0) threads = 0;
    if (threads > LOADER_MAX_THREADS) threads = LOADER_MAX_THREADS;
    TRY(memory_new(1, sizeof *loader, &loader));
    loader->type = type;
    loader->context = context;
    loader->examples = examples;
    loader->threads = threads;
    loader->slots = threads ? (int64_t)SLOTS_PER_THREAD * threads + 1 : 0;
    Status status = memory_new((size_t)loader->slots + 1, type->slot_size, &loader->memory);
    if (status == STATUS_OK) status = memory_new((size_t)loader->slots, sizeof(Ticket), &loader->tickets);
    if (status != STATUS_OK) {
        memory_free(loader->memory);
        memory_free(loader);
        return status;
    }
    pthread_mutex_init(&loader->mutex, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->ready, NULL);
    *out = loader;
    return STATUS_OK;
}

/* With the mutex held: no thread works afterwards, and the queue is empty. */
static void stop_queue(Loader *loader)
{
    loader->running = false;
    while (loader->busy) pthread_cond_wait(&loader->ready, &loader->mutex);
    loader->head = loader->tail = 0;
}

void loader_flush(Loader *loader)
{
    if (!loader) return;
    pthread_mutex_lock(&loader->mutex);
    stop_queue(loader);
    pthread_mutex_unlock(&loader->mutex);
}

static void start_queue(Loader *loader, const Cursor *cursor, int64_t batch_size)
{
    pthread_mutex_lock(&loader->mutex);
    loader->cursor = *cursor;
    loader->batch_size = batch_size;
    loader->running = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
}

/* The batch in this thread; the others begin with the one behind it. */
static Status make_here(Loader *loader, Cursor *cursor, int64_t batch_size, void **slot)
{
    Cursor behind = *cursor;
    int64_t count = cursor_advance(&behind, loader->examples, batch_size);
    if (loader->threads) {
        if (loader->started < loader->threads) TRY(start_threads(loader));
        start_queue(loader, &behind, batch_size);
    }
    void *own = slot_of(loader, loader->slots);
    Status status = loader->type->make(loader->context, own, cursor, count);
    if (status != STATUS_OK) {
        loader_flush(loader);
        return status;
    }
    *cursor = behind;
    *slot = own;
    return STATUS_OK;
}

/* With the mutex held. */
static bool next_is_queued(const Loader *loader, const Cursor *cursor, int64_t batch_size)
{
    if (!loader->running || loader->batch_size != batch_size) return false;
    const Cursor *first =
        loader->head < loader->tail ? &loader->tickets[loader->head % loader->slots].cursor : &loader->cursor;
    return same_cursor(first, cursor);
}

/* With the mutex held, which is let go. */
static Status take_queued(Loader *loader, Cursor *cursor, int64_t batch_size, void **slot)
{
    int64_t place = loader->head % loader->slots;
    Ticket *ticket = &loader->tickets[place];
    while (loader->head >= loader->tail || !ticket->done) pthread_cond_wait(&loader->ready, &loader->mutex);
    Status status = ticket->status;
    if (status != STATUS_OK) {
        stop_queue(loader);
        pthread_mutex_unlock(&loader->mutex);
        return status_fail(status, "%s", ticket->message);
    }
    loader->head++;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    cursor_advance(cursor, loader->examples, batch_size);
    *slot = slot_of(loader, place);
    return STATUS_OK;
}

Status loader_next(Loader *loader, Cursor *cursor, int64_t batch_size, void **slot)
{
    if (batch_size < 1)
        return status_fail(STATUS_INVALID, "batch_size must be at least 1; got %lld", (long long)batch_size);
    if (cursor->epoch < 0 || cursor->index < 0 || cursor->index >= loader->examples)
        return status_fail(STATUS_INVALID, "the cursor is at example %lld of epoch %lld, but an epoch has %lld",
                           (long long)cursor->index, (long long)cursor->epoch, (long long)loader->examples);
    pthread_mutex_lock(&loader->mutex);
    if (next_is_queued(loader, cursor, batch_size)) return take_queued(loader, cursor, batch_size, slot);
    stop_queue(loader);
    pthread_mutex_unlock(&loader->mutex);
    return make_here(loader, cursor, batch_size, slot);
}

void loader_free(Loader *loader)
{
    if (!loader) return;
    pthread_mutex_lock(&loader->mutex);
    stop_queue(loader);
    loader->leaving = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->mutex);
    for (int i = 0; i < loader->started; i++) pthread_join(loader->ids[i], NULL);
    for (int64_t i = 0; i <= loader->slots; i++) loader->type->clear(slot_of(loader, i));
    pthread_cond_destroy(&loader->ready);
    pthread_cond_destroy(&loader->work);
    pthread_mutex_destroy(&loader->mutex);
    memory_free(loader->memory);
    memory_free(loader->tickets);
    memory_free(loader);
}
