/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_lattice.h"

#include "engine/base/hash.h"
#include "engine/base/memory.h"

#include <string.h>

Status lattice_begin(Lattice *lattice, const World *world, const WorldPieces *words, const WorldEvidence *evidence,
                     const LatticeScope *scope)
{
    int32_t positions = evidence->end - evidence->begin + 1;
    lattice->world = world;
    lattice->words = words;
    lattice->evidence = *evidence;
    lattice->scope = *scope;
    lattice->state_count = lattice->arc_count = 0;
    if (positions > lattice->position_room) {
        TRY(memory_resize(&lattice->heads, (size_t)positions, sizeof(int32_t)));
        TRY(memory_resize(&lattice->tails, (size_t)positions, sizeof(int32_t)));
        lattice->position_room = positions;
    }
    memset(lattice->heads, -1, (size_t)positions * sizeof(int32_t));
    memset(lattice->tails, -1, (size_t)positions * sizeof(int32_t));
    if (lattice->slots) memset(lattice->slots, 0, (size_t)lattice->slot_room * sizeof(int32_t));
    return STATUS_OK;
}

void lattice_free(Lattice *lattice)
{
    memory_free(lattice->states);
    memory_free(lattice->arcs);
    memory_free(lattice->slots);
    memory_free(lattice->heads);
    memory_free(lattice->tails);
    *lattice = (Lattice){0};
}

/* --- states: equal ones are one --- */

static uint64_t state_hash(const LatticeState *state)
{
    uint64_t words[2], mixed;
    memcpy(words, &state->values, sizeof words);
    mixed = words[0] * 0x9E3779B97F4A7C15u ^ (words[1] + 0x7F4A7C15u) * 0xC2B2AE3D27D4EB4Fu;
    mixed ^= ((uint64_t)(uint32_t)state->plot << 40 ^ (uint64_t)(uint32_t)state->node << 16 ^
              (uint64_t)(uint32_t)state->position << 1 ^ state->initial) *
             0x165667B19E3779F9u;
    return mixed ^ mixed >> 29 ^ mixed >> 47;
}

static int state_equal(const LatticeState *a, const LatticeState *b)
{
    return a->node == b->node && a->position == b->position && a->plot == b->plot && a->initial == b->initial &&
           memcmp(&a->values, &b->values, sizeof a->values) == 0;
}

static void slot_put(Lattice *lattice, int32_t number)
{
    uint64_t mask = (uint64_t)lattice->slot_room - 1, at = state_hash(&lattice->states[number]) & mask;
    while (lattice->slots[at]) at = (at + 1) & mask;
    lattice->slots[at] = number + 1;
}

static Status states_grow(Lattice *lattice)
{
    int32_t room = lattice->state_room ? 2 * lattice->state_room : 4096;
    if (room > INT32_MAX / 4)
        return status_fail(STATUS_NOMEM, "stories: too many derivations of one sentence pair");
    TRY(memory_resize(&lattice->states, (size_t)room, sizeof *lattice->states));
    lattice->state_room = room;
    TRY(memory_resize(&lattice->slots, 2 * (size_t)room, sizeof *lattice->slots));
    lattice->slot_room = 2 * room;
    memset(lattice->slots, 0, 2 * (size_t)room * sizeof *lattice->slots);
    for (int32_t i = 0; i < lattice->state_count; i++) slot_put(lattice, i);
    return STATUS_OK;
}

static void list_append(Lattice *lattice, int32_t number)
{
    int32_t place = lattice->states[number].position - lattice->evidence.begin;
    if (lattice->tails[place] < 0)
        lattice->heads[place] = number;
    else
        lattice->states[lattice->tails[place]].next = number;
    lattice->tails[place] = number;
}

static Status state_find(Lattice *lattice, const LatticeState *wanted, int32_t *out)
{
    if (lattice->state_count == lattice->state_room) TRY(states_grow(lattice));
    uint64_t mask = (uint64_t)lattice->slot_room - 1, at = state_hash(wanted) & mask;
    for (; lattice->slots[at]; at = (at + 1) & mask)
        if (state_equal(&lattice->states[lattice->slots[at] - 1], wanted)) {
            *out = lattice->slots[at] - 1;
            return STATUS_OK;
        }
    *out = lattice->state_count++;
    LatticeState *state = &lattice->states[*out];
    *state = *wanted;
    state->forward = state->backward = 0;
    state->next = -1;
    lattice->slots[at] = *out + 1;
    list_append(lattice, *out);
    return STATUS_OK;
}

static int is_alive(const Lattice *lattice, const LatticeState *state)
{
    if (!lattice->scope.alive) return 1;
    size_t row = (size_t)(state->position - lattice->evidence.begin) * 2 * (size_t)lattice->world->node_count;
    return lattice->scope.alive[row + 2 * (size_t)state->node + state->initial];
}

void lattice_forget(uint32_t needed, WorldValues *values)
{
    if (needed == LATTICE_ALL) return;
    needed = world_needs_parents(needed, values);
    if (values->v[WORLD_KIND] != WORLD_UNKNOWN || !(needed & 1u << WORLD_KIND))
        values->past_kinds[0] = values->past_kinds[1] = WORLD_UNKNOWN;
    if (!(needed & 1u << WORLD_PLACE)) values->left = WORLD_UNKNOWN;
    for (int i = 0; i < WORLD_VARIABLES; i++)
        if (!(needed >> i & 1)) values->v[i] = WORLD_UNKNOWN;
}

/* The state as it is kept. */
static LatticeState state_reduce(const Lattice *lattice, const LatticeState *state)
{
    LatticeState out = *state;
    uint32_t keep = lattice->scope.keep;
    if (lattice->scope.merge) out.plot = lattice->scope.merge[out.plot];
    if (keep != LATTICE_ALL)
        keep |= lattice->scope.needs[2 * state->node + lattice->world->plots[state->plot].actor];
    lattice_forget(keep, &out.values);
    return out;
}

static Status arc_add(Lattice *lattice, int32_t from, const LatticeState *to, int32_t word, int32_t node,
                      double weight)
{
    int32_t target;
    if (!is_alive(lattice, to)) return STATUS_OK;
    LatticeState reduced = state_reduce(lattice, to);
    TRY(state_find(lattice, &reduced, &target));
    if (lattice->arc_count == lattice->arc_room) {
        int32_t room = lattice->arc_room ? 2 * lattice->arc_room : 4096;
        if (room > INT32_MAX / 4)
            return status_fail(STATUS_NOMEM, "stories: too many derivations of one sentence pair");
        TRY(memory_resize(&lattice->arcs, (size_t)room, sizeof *lattice->arcs));
        lattice->arc_room = room;
    }
    lattice->arcs[lattice->arc_count++] = (LatticeArc){from, target, word, node, weight};
    lattice->states[target].forward += lattice->states[from].forward * weight;
    return STATUS_OK;
}

/* --- the grammar's moves --- */

typedef struct Walk {
    Lattice *lattice;
    int32_t from; /* the state that is expanded */
    int32_t position, plot;
    int initial;
} Walk;

/* The probability of what is seen at the position, were it this word; 0: it cannot be. */
static double likelihood(const Walk *walk, int32_t word)
{
    const WorldEvidence *seen = &walk->lattice->evidence;
    const WorldPieces *words = walk->lattice->words;
    const int32_t *pieces = words->pieces + words->first[word];
    int32_t count = words->first[word + 1] - words->first[word];
    double product = 1;
    if (walk->position + count > seen->end) return 0;
    for (int32_t i = 0; i < count; i++) {
        int32_t token = seen->tokens[walk->position + i];
        if (!seen->selected[walk->position + i]) {
            if (token != pieces[i]) return 0;
        } else if (token != seen->mask) {
            product *= seen->random + (token == pieces[i] ? seen->keep : 0);
        }
    }
    return product;
}

static Status emit(const Walk *walk, const WorldNode *node, uint16_t word, const WorldValues *values, double weight)
{
    const World *world = walk->lattice->world;
    const WorldPieces *words = walk->lattice->words;
    int32_t variant = 2 * word + walk->initial;
    weight *= likelihood(walk, variant);
    if (weight <= 0) return STATUS_OK;
    LatticeState to = {.values = *values, .plot = walk->plot, .node = node->next};
    to.position = walk->position + words->first[variant + 1] - words->first[variant];
    to.initial = world->words[word].glue == WORLD_GLUE_RIGHT;
    return arc_add(walk->lattice, walk->from, &to, variant, (int32_t)(node - world->nodes), weight);
}

/* Draws the variables that the feature's word follows from, in the order of their parents, then emits it. */
static Status emit_feature(const Walk *walk, const WorldNode *node, uint32_t needs, const WorldValues *values,
                           double weight)
{
    const World *world = walk->lattice->world;
    const WorldPlot *plot = &world->plots[walk->plot];
    while (needs && values->v[__builtin_ctz(needs)] != WORLD_UNKNOWN) needs &= needs - 1;
    if (!needs)
        return emit(walk, node, world_feature_word(world, (WorldFeature)node->word, plot, values), values, weight);
    int variable = __builtin_ctz(needs);
    uint8_t domain[WORLD_DOMAIN_MAX];
    const double *probabilities;
    int count = world_domain(world, plot, values, variable, domain, &probabilities);
    for (int i = 0; i < count; i++) {
        double probability = probabilities ? probabilities[i] : 1.0 / count;
        WorldValues known = *values;
        if (probability <= 0) continue;
        world_values_set(&known, variable, domain[i]);
        TRY(emit_feature(walk, node, needs & (needs - 1), &known, weight * probability));
    }
    return STATUS_OK;
}

static Status expand_node(const Walk *walk, int32_t number, const WorldValues *values, double weight)
{
    const World *world = walk->lattice->world;
    const WorldNode *node = &world->nodes[number];
    switch ((WorldNodeKind)node->kind) {
    case WORLD_NODE_WORD: return emit(walk, node, node->word, values, weight);
    case WORLD_NODE_FEATURE: {
        uint32_t needs = world_feature_needs((WorldFeature)node->word, world->plots[walk->plot].actor);
        return emit_feature(walk, node, world_needs_parents(needs, values), values, weight);
    }
    case WORLD_NODE_BRANCH:
        for (int i = 0; i < node->word; i++) {
            const WorldBranch *branch = &world->branches[node->next + i];
            TRY(expand_node(walk, branch->node, values, weight * branch->probability));
        }
        return STATUS_OK;
    case WORLD_NODE_END: break;
    }
    LatticeState end = {.values = *values, .plot = walk->plot, .node = number, .position = walk->position};
    return arc_add(walk->lattice, walk->from, &end, -1, number, weight);
}

/* Behind a sentence that does not end the text, the next one begins. */
static Status next_sentences(const Walk *walk, const WorldValues *values)
{
    const World *world = walk->lattice->world;
    if (walk->position == walk->lattice->evidence.end || walk->lattice->scope.keep != LATTICE_ALL) return STATUS_OK;
    for (int32_t m = world->first_move[walk->plot]; m < world->first_move[walk->plot + 1]; m++) {
        const WorldPlot *plot = &world->plots[world->moves[m].plot];
        LatticeState to = {
            .values = *values, .plot = world->moves[m].plot, .position = walk->position, .initial = 1};
        to.node = world->roots[plot->event];
        world_values_renew(&world->grammar->events[plot->event], &to.values);
        TRY(arc_add(walk->lattice, walk->from, &to, -1, to.node, world->moves[m].probability));
    }
    return STATUS_OK;
}

static Status expand_state(Lattice *lattice, int32_t number)
{
    const LatticeState state = lattice->states[number]; /* a copy: the array may move */
    Walk walk = {lattice, number, state.position, state.plot, state.initial};
    if (lattice->world->nodes[state.node].kind == WORLD_NODE_END) return next_sentences(&walk, &state.values);
    return expand_node(&walk, state.node, &state.values, 1);
}

Status lattice_start(Lattice *lattice, int32_t plot, const WorldValues *values, double probability, int32_t *state)
{
    const World *world = lattice->world;
    LatticeState start = {.values = *values, .plot = plot, .position = lattice->evidence.begin, .initial = 1};
    start.node = world->roots[world->plots[plot].event];
    *state = -1;
    if (!is_alive(lattice, &start)) return STATUS_OK;
    start = state_reduce(lattice, &start);
    TRY(state_find(lattice, &start, state));
    lattice->states[*state].forward += probability;
    return STATUS_OK;
}

/* States of one position are reached only from earlier ones or from ones before them in the list. */
Status lattice_forward(Lattice *lattice)
{
    for (int32_t place = 0; place <= lattice->evidence.end - lattice->evidence.begin; place++)
        for (int32_t s = lattice->heads[place]; s >= 0; s = lattice->states[s].next) TRY(expand_state(lattice, s));
    return STATUS_OK;
}

int lattice_final(const Lattice *lattice, const LatticeState *state)
{
    return state->position == lattice->evidence.end && lattice->world->nodes[state->node].kind == WORLD_NODE_END;
}

double lattice_total(const Lattice *lattice)
{
    double total = 0;
    for (int32_t s = lattice->heads[lattice->evidence.end - lattice->evidence.begin]; s >= 0;
         s = lattice->states[s].next)
        if (lattice_final(lattice, &lattice->states[s])) total += lattice->states[s].forward;
    return total;
}

void lattice_backward(Lattice *lattice)
{
    for (int32_t i = lattice->arc_count; i-- > 0;) {
        const LatticeArc *arc = &lattice->arcs[i];
        lattice->states[arc->from].backward += arc->weight * lattice->states[arc->to].backward;
    }
}
