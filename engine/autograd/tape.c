/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/autograd/tape_internal.h"

#include "engine/base/cancel.h"
#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/turns.h"

#include <string.h>

Status tape_new(Arena *arena, Tape **out)
{
    Tape *tape;
    TRY(memory_new(1, sizeof *tape, &tape));
    tape->arena = arena;
    *out = tape;
    return STATUS_OK;
}

void tape_free(Tape *tape)
{
    if (!tape) return;
    tape_reset(tape);
    memory_free(tape->nodes);
    memory_free(tape->profile);
    memory_free(tape->loose);
    memory_free(tape);
}

/* An arena tape holds only the inputs that live elsewhere; arena tensors are its own. */
static bool holds(const Node *node, const Tensor *input)
{
    return input && !(node->arena && input->arena);
}

void tape_reset(Tape *tape)
{
    for (int64_t n = 0; n < tape->count; n++) {
        Node *node = tape->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            if (holds(node, node->inputs[i])) tensor_unref(node->inputs[i]);
    }
    tape->count = 0;
    tape->depth = 0;
    tape->path = "";
    tape->calls = 0; /* what a step draws does not depend on what was done before it */
    if (tape->arena) arena_reset(tape->arena);
}

Arena *tape_arena(const Tape *tape)
{
    return tape->arena;
}

void tape_set_mode(Tape *tape, bool training, bool recording)
{
    tape->training = training;
    tape->recording = recording;
}

bool tape_training(const Tape *tape)
{
    return tape->training;
}

bool tape_recording(const Tape *tape)
{
    return tape->recording;
}

void tape_set_random(Tape *tape, RandomKey key)
{
    tape->random = key;
}

void tape_set_recompute(Tape *tape, bool recompute)
{
    tape->recompute = recompute;
}

TapePlace tape_place(const Tape *tape)
{
    return (TapePlace){tape->path, tape->calls, tape->random, tape->training, tape->recording, tape->cache};
}

void tape_set_place(Tape *tape, const TapePlace *place)
{
    tape->path = place->path;
    tape->calls = place->calls;
    tape->random = place->random;
    tape->training = place->training;
    tape->recording = place->recording;
    tape->cache = place->cache;
}

void tape_set_precision(Tape *tape, DType precision)
{
    tape->precision = precision;
}

RandomKey tape_random(const Tape *tape)
{
    return tape->random;
}

void tape_set_reference(Tape *tape, bool on)
{
    tape->reference = on;
}

void tape_set_cache(Tape *tape, void *cache)
{
    tape->cache = cache;
}

void tape_set_turns(Tape *tape, bool turns)
{
    tape->turns = turns;
}

static Status rest(const Tape *tape)
{
    if (tape->turns) turns_give();
    return cancel_check();
}

/* --- where we are in the module tree --- */

Status tape_enter(Tape *tape, const char *name)
{
    if (tape->depth == TAPE_MAX_DEPTH)
        return status_fail(STATUS_INVALID, "modules are nested more than %d deep at '%s'", TAPE_MAX_DEPTH,
                           tape_path(tape));
    const char *outer = tape_path(tape);
    size_t have = strlen(outer), more = strlen(name);
    char *path;
    if (!tape->arena)
        path = tape->pool_path; /* nodes in the pool carry no path */
    else
        TRY(arena_take(tape->arena, have + more + 2, &path));
    if (tape->arena) {
        memcpy(path, outer, have);
        if (have) path[have++] = '.';
        memcpy(path + have, name, more + 1);
    }
    tape->frames[tape->depth++] = (Frame){tape->path, tape->calls};
    tape->path = path;
    tape->calls = 0;
    return STATUS_OK;
}

void tape_leave(Tape *tape)
{
    if (tape->depth == 0) return;
    Frame frame = tape->frames[--tape->depth];
    tape->path = frame.path;
    tape->calls = frame.calls;
}

const char *tape_path(const Tape *tape)
{
    return tape->path ? tape->path : "";
}

/* --- profile --- */

static bool same_entry(const ProfileEntry *entry, const Node *node, bool backward)
{
    size_t length = strlen(node->path), skip = length < sizeof entry->path ? 0 : length - sizeof entry->path + 1;
    return entry->op == node->op && entry->backward == backward && strcmp(entry->path, node->path + skip) == 0;
}

static ProfileEntry *profile_entry(Tape *tape, const Node *node, bool backward)
{
    for (int i = 0; i < tape->profile_count; i++)
        if (same_entry(&tape->profile[i], node, backward)) return &tape->profile[i];
    if (tape->profile_count == tape->profile_capacity) {
        int capacity = tape->profile_capacity ? tape->profile_capacity * 2 : 64;
        if (memory_resize(&tape->profile, (size_t)capacity, sizeof *tape->profile) != STATUS_OK) return NULL;
        tape->profile_capacity = capacity;
    }
    ProfileEntry *entry = &tape->profile[tape->profile_count++];
    size_t length = strlen(node->path), skip = length < sizeof entry->path ? 0 : length - sizeof entry->path + 1;
    *entry = (ProfileEntry){.op = node->op, .backward = backward};
    memcpy(entry->path, node->path + skip, length - skip + 1);
    return entry;
}

/* Looking may fail for lack of memory, and then only the look is lost. */
static void profile_add(Tape *tape, const Node *node, bool backward, double seconds)
{
    ProfileEntry *entry = profile_entry(tape, node, backward);
    if (!entry) return;
    entry->calls++;
    entry->seconds += seconds;
    entry->flops += node_flops(node) * (backward ? 2 : 1);
    entry->bytes += node_bytes(node) * (backward ? 2 : 1);
}

void tape_profile(Tape *tape, bool on)
{
    tape->profiling = on;
    if (on) tape->profile_count = 0;
}

const ProfileEntry *tape_profile_entries(const Tape *tape, int *count)
{
    *count = tape->profile_count;
    return tape->profile;
}

/* --- observers --- */

void tape_observe(Tape *tape, const TapeObserver *observer)
{
    tape->observer = observer;
}

const TapeObserver *tape_observer(const Tape *tape)
{
    return tape->observer;
}

/* What a call may cost for nobody: two tests. */
static double start_call(const Tape *tape)
{
    return tape->profiling || tape->observer ? clock_seconds() : 0;
}

static Status end_call(Tape *tape, const Node *node, bool backward, double start)
{
    if (!tape->profiling && !tape->observer) return STATUS_OK;
    double seconds = clock_seconds() - start;
    if (tape->profiling) profile_add(tape, node, backward, seconds);
    if (!tape->observer || (tape->again && !backward)) return STATUS_OK; /* they saw it the first time */
    return tape->observer->called(tape->observer->context, node, backward, seconds);
}

/* --- nodes --- */

void tape_drop_saved(Node *node)
{
    for (int i = 0; i < node->saved_count; i++) tensor_unref(node->saved[i]);
    for (int i = 0; i < OP_MAX_INPUTS; i++) tensor_unref(node->pending[i]);
    for (int i = 0; i < OP_MAX_OUTPUTS; i++) tensor_unref(node->grad_outputs[i]);
    memset(node->pending, 0, sizeof node->pending);
    memset(node->grad_outputs, 0, sizeof node->grad_outputs);
    node->saved_count = 0;
}

static void node_free(Node *node)
{
    tape_drop_saved(node);
    for (int i = 0; i < node->input_count; i++)
        if (holds(node, node->inputs[i])) tensor_unref(node->inputs[i]);
    if (node->arena) return;
    memory_free(node->attrs);
    memory_free(node);
}

/* Called when an output dies. A long chain of nodes is freed in a loop, not by recursion: the stack is short. */
static void release_output(Tensor *tensor)
{
    static Node *waiting;
    static bool busy;
    Node *node = tensor->node;
    if (node->arena) return; /* it stays, so that a second backward can say that it was used up */
    tensor->node = NULL;
    node->outputs[tensor->output_index] = NULL;
    if (--node->refs > 0) return;
    node->next = waiting;
    waiting = node;
    if (busy) return;
    busy = true;
    while (waiting) {
        Node *dead = waiting;
        waiting = dead->next;
        node_free(dead);
    }
    busy = false;
}

static Status new_node(Tape *tape, const Op *op, const void *attrs, Node **out)
{
    Node *node;
    if (tape->arena) {
        TRY(arena_take(tape->arena, sizeof *node, &node));
        memset(node, 0, sizeof *node);
        if (op->attrs_size) TRY(arena_take(tape->arena, op->attrs_size, &node->attrs));
    } else {
        TRY(memory_new(1, sizeof *node, &node));
        Status status = op->attrs_size ? memory_new(1, op->attrs_size, &node->attrs) : STATUS_OK;
        if (status != STATUS_OK) {
            memory_free(node);
            return status;
        }
    }
    if (attrs && op->attrs_size)
        memcpy(node->attrs, attrs, op->attrs_size);
    else if (op->attrs_size)
        option_defaults(op->attrs, node->attrs);
    node->op = op;
    node->arena = tape->arena;
    node->path = tape->arena ? tape_path(tape) : "";
    node->training = tape->training;
    node->recording = tape->recording && !tape->reference;
    node->reference = tape->reference && op->reference;
    node->precision = tape->precision;
    node->cache = tape->cache;
    node->sequence = tape_next_sequence();
    if (op->random)
        node->random = random_subkey(random_subkey_name(tape->random, tape_path(tape)), (uint64_t)tape->calls++);
    *out = node;
    return STATUS_OK;
}

uint64_t tape_next_sequence(void)
{
    static uint64_t sequence;
    return ++sequence;
}

static Status check_input(const Tape *tape, const Op *op, int i, const Tensor *input)
{
    const OpInput *spec = op_input(op, i);
    char text[TENSOR_TEXT_SIZE];
    if (!input)
        return spec->optional ? STATUS_OK : status_fail(STATUS_INVALID, "%s: %s is missing", op->name, spec->name);
    if (spec->any || tape_holds_half(tape, op, i, input)) return STATUS_OK;
    DType real = tape_operand_type(tape, op);
    bool fits = spec->integer ? input->dtype == DTYPE_I32
                              : input->dtype == real || (spec->exact && !dtype_is_real(input->dtype));
    if (!fits)
        return status_fail(STATUS_INVALID, "%s: %s is %s, but it must be %s", op->name, spec->name,
                           tensor_describe(input, text), spec->integer ? "i32; :to('i32') makes it so" : "f32");
    return STATUS_OK;
}

static Status check_count(const Op *op, int count)
{
    int named = op_input_count(op);
    if (count <= OP_MAX_INPUTS && (count <= named || op->variadic)) return STATUS_OK;
    return status_fail(STATUS_INVALID, "%s: takes %d inputs, got %d", op->name,
                       op->variadic ? OP_MAX_INPUTS : named, count);
}

static Status check_inputs(const Tape *tape, const Op *op, Tensor *const *inputs, int count)
{
    int named = op_input_count(op);
    for (int i = 0; i < count || i < named; i++) TRY(check_input(tape, op, i, i < count ? inputs[i] : NULL));
    return STATUS_OK;
}

/* A part that runs without being recorded: whether it would have been. */
static void note_wanted(Tape *tape, Tensor *const *inputs, int count)
{
    for (int i = 0; i < count && tape->collecting; i++) tape->wanted |= inputs[i] && inputs[i]->requires_grad;
}

static bool take_inputs(Node *node, Tensor *const *inputs, int count)
{
    bool any = false;
    for (int i = 0; i < count; i++) {
        node->inputs[i] = inputs[i];
        node->input_versions[i] = inputs[i] ? storage_version(inputs[i]->storage) : 0;
        if (holds(node, inputs[i])) tensor_ref(inputs[i]);
        node->needs_grad[i] = node->recording && !node->op->constant && inputs[i] && inputs[i]->requires_grad;
        any |= node->needs_grad[i];
    }
    node->input_count = count;
    node->recording = any;
    return any;
}

static Status remember(Tape *tape, Node *node)
{
    if (!tape->arena) return STATUS_OK;
    if (tape->count == tape->capacity) {
        int64_t capacity = tape->capacity ? tape->capacity * 2 : 512;
        TRY(memory_resize(&tape->nodes, (size_t)capacity, sizeof *tape->nodes));
        tape->capacity = capacity;
    }
    tape->nodes[tape->count++] = node;
    return STATUS_OK;
}

static void attach_outputs(Node *node)
{
    for (int i = 0; i < node->output_count; i++) {
        Tensor *output = node->outputs[i];
        if (!dtype_is_real(output->dtype)) continue;
        output->node = node;
        output->output_index = i;
        output->requires_grad = true;
        output->node_release = release_output;
        node->refs++;
    }
}

static Status run_forward(Tape *tape, Node *node)
{
    double start = start_call(tape);
    Status status = node->reference ? node->op->reference(node) : node->op->forward(node);
    node_drop_scratch(node);
    TRY(status);
    return end_call(tape, node, false, start);
}

static Status with_path(const Node *node, Status status)
{
    return status != STATUS_OK && status != STATUS_CANCELLED && node->path[0]
               ? status_context(status, "%s", node->path)
               : status;
}

Status tape_call(Tape *tape, const Op *op, Tensor *const *inputs, int input_count, const void *attrs,
                 Tensor **outputs, int *made)
{
    Node *node;
    TRY(check_inputs(tape, op, inputs, input_count));
    TRY(new_node(tape, op, attrs, &node));
    note_wanted(tape, inputs, input_count);
    bool differentiable = take_inputs(node, inputs, input_count);
    Status status = run_forward(tape, node);
    if (status == STATUS_OK) /* what is collected is not recorded */
        status = differentiable ? remember(tape, node) : tape_collect(tape, node->outputs, node->output_count);
    if (status != STATUS_OK) {
        status = with_path(node, status);
        for (int i = 0; i < node->output_count; i++) tensor_unref(node->outputs[i]);
        node_free(node);
        return status;
    }
    *made = node->output_count;
    for (int i = 0; i < node->output_count; i++) outputs[i] = node->outputs[i];
    if (differentiable) attach_outputs(node);
    if (!differentiable || node->refs == 0) { /* only integers came out: nothing will ever run backwards */
        if (differentiable && tape->arena) tape->count--;
        node_free(node);
    }
    return STATUS_OK;
}

Status tape_apply(Tape *tape, const Op *op, Tensor *const *inputs, int input_count, const void *attrs,
                  Tensor **outputs)
{
    int made;
    TRY(rest(tape));
    TRY(check_count(op, input_count));
    if (tape_needs_promotion(tape, op, inputs, input_count))
        return tape_apply_promoted(tape, op, inputs, input_count, attrs, outputs);
    return tape_call(tape, op, inputs, input_count, attrs, outputs, &made);
}

/* What the way back reads must be what it was. What an op saves of its own making nobody else can reach. */
static Status check_unchanged(const Node *node)
{
    bool same = true;
    for (int i = 0; i < node->saved_count; i++)
        same &= storage_version(node->saved[i]->storage) == node->saved_versions[i];
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && op_input(node->op, i)->integer)
            same &= storage_version(node->inputs[i]->storage) == node->input_versions[i];
    if (same) return STATUS_OK;
    return status_fail(STATUS_INVALID,
                       "the gradient of %s needs its operands as they were, but one was assigned to since; compute "
                       "it again, or assign to a :clone()",
                       node->op->name);
}

Status tape_add_node(Tape *tape, const Op *op, Tensor *x, Tensor *y, const void *attrs)
{
    Node *node;
    TRY(new_node(tape, op, attrs, &node));
    take_inputs(node, &x, 1);
    node->recording = true; /* parameters inside may want gradients, whatever x does */
    TRY(node_save(node, x));
    node->outputs[node->output_count++] = y;
    TRY(remember(tape, node));
    attach_outputs(node);
    return STATUS_OK;
}

Status tape_run_backward(Tape *tape, Node *node)
{
    bool reached = false;
    for (int i = 0; i < node->output_count; i++) reached |= node->grad_outputs[i] != NULL;
    if (!reached) return STATUS_OK;
    TRY(rest(tape));
    if (node->done)
        return status_fail(STATUS_INVALID, "%s was already differentiated; compute it again to call backward again",
                           node->op->name);
    if (!node->op->backward)
        return status_fail(STATUS_INVALID, "%s has no gradient: %s", node->op->name,
                           node->op->no_backward ? node->op->no_backward : "it is not differentiable");
    TRY(check_unchanged(node));
    double start = start_call(tape);
    Status status = node->op->backward(node);
    if (status == STATUS_OK) status = node_finish_backward(node);
    node_drop_scratch(node);
    if (status == STATUS_OK) status = end_call(tape, node, true, start);
    return with_path(node, status);
}
