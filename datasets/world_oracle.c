/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_oracle.h"

#include "datasets/world_lattice.h"
#include "engine/base/memory.h"

#include <math.h>
#include <string.h>

enum { WORD_PIECES_MAX = 64 };

/* From a final state of A to a first state of B. */
typedef struct Link {
    int32_t from, to;
    double probability;
} Link;

struct WorldOracle {
    const World *world;
    WorldOracleOptions options;
    WorldPieces words;
    double *first, *any;          /* [plots]: of a sentence that has a successor, and of any sentence */
    Lattice a, b, a_next, b_next; /* each for itself, and A with B behind it */
    uint32_t *needs;              /* as LatticeScope */
    int32_t *merge;
    Link *links;
    int32_t link_count, link_room;
    uint8_t *selected;          /* [n] */
    int32_t *row;               /* [n]: which selected position it is */
    uint8_t *alive_a, *alive_b; /* as LatticeScope */
    uint8_t *fits;              /* [plots] */
    uint8_t *node_event;        /* [nodes] */
    uint32_t of_thing;          /* the variables that a new thing draws anew */
    int single;                 /* segments are single sentences */
    double *posterior;          /* [count, vocab_size] */
    size_t token_room, alive_room, posterior_room;
};

/* --- making it --- */

static Status encode_words(WorldOracle *oracle, WorldEncode encode, void *context)
{
    int words = world_word_count(oracle->world);
    int32_t total = 0;
    TRY(memory_new(2 * (size_t)words + 1, sizeof(int32_t), &oracle->words.first));
    for (int i = 0; i < 2 * words; i++) {
        char text[WORLD_WORD_SIZE];
        int count = 0;
        world_word_text(oracle->world, i / 2, i % 2, text);
        TRY(memory_resize(&oracle->words.pieces, (size_t)total + WORD_PIECES_MAX, sizeof(int32_t)));
        TRY(encode(context, text, oracle->words.pieces + total, WORD_PIECES_MAX, &count));
        if (count < 1 || count > WORD_PIECES_MAX)
            return status_fail(STATUS_INVALID, "stories: the tokenizer makes %d pieces of '%s'", count, text);
        total += count;
        oracle->words.first[i + 1] = total;
    }
    return STATUS_OK;
}

/* What the plot is at a sentence drawn from a story, when nothing was read yet. */
static Status plot_priors(WorldOracle *oracle)
{
    const World *world = oracle->world;
    int64_t sentences = world->options.sentences, places = sentences > 1 ? sentences - 1 : 1;
    double *now, *then;
    TRY(memory_new((size_t)world->plot_count, sizeof(double), &oracle->first));
    TRY(memory_new((size_t)world->plot_count, sizeof(double), &oracle->any));
    TRY(memory_new(2 * (size_t)world->plot_count, sizeof(double), &now));
    then = now + world->plot_count;
    for (int32_t i = 0; i < world->opening_count; i++)
        now[world->openings[i].plot] += world->openings[i].probability;
    for (int64_t t = 0; t < sentences; t++) {
        memset(then, 0, (size_t)world->plot_count * sizeof(double));
        for (int32_t p = 0; p < world->plot_count; p++) {
            oracle->any[p] += now[p] / (double)sentences;
            if (t < places) oracle->first[p] += now[p] / (double)places;
            for (int32_t m = world->first_move[p]; m < world->first_move[p + 1]; m++)
                then[world->moves[m].plot] += now[p] * world->moves[m].probability;
        }
        memcpy(now, then, (size_t)world->plot_count * sizeof(double));
    }
    memory_free(now);
    return STATUS_OK;
}

/* Nodes stand behind the nodes that they lead to. */
static Status node_needs(WorldOracle *oracle)
{
    const World *world = oracle->world;
    TRY(memory_new(2 * (size_t)world->node_count, sizeof(uint32_t), &oracle->needs));
    TRY(memory_new((size_t)world->node_count, 1, &oracle->node_event));
    for (int32_t i = 1, e = 0; i < world->node_count; e += i++ == world->roots[e])
        oracle->node_event[i] = (uint8_t)e;
    for (int32_t i = 0; i < 2 * world->node_count; i++) {
        const WorldNode *node = &world->nodes[i / 2];
        if (node->kind == WORLD_NODE_FEATURE)
            oracle->needs[i] = world_feature_needs((WorldFeature)node->word, i % 2);
        if (node->kind == WORLD_NODE_FEATURE || node->kind == WORLD_NODE_WORD)
            oracle->needs[i] |= oracle->needs[2 * node->next + i % 2];
        for (int b = 0; node->kind == WORLD_NODE_BRANCH && b < node->word; b++)
            oracle->needs[i] |= oracle->needs[2 * world->branches[node->next + b].node + i % 2];
    }
    return STATUS_OK;
}

/* Sentences depend on the plot by its event, which the node knows, the one who acts and the class of the thing. */
static Status plot_merge(WorldOracle *oracle)
{
    const World *world = oracle->world;
    int32_t first[2][WORLD_CLASSES + 1];
    TRY(memory_new((size_t)world->plot_count, sizeof(int32_t), &oracle->merge));
    memset(first, -1, sizeof first);
    for (int32_t p = 0; p < world->plot_count; p++) {
        int32_t *same = &first[world->plots[p].actor][world->plots[p].class];
        if (*same < 0) *same = p;
        oracle->merge[p] = *same;
    }
    return STATUS_OK;
}

static Status oracle_fill(WorldOracle *oracle, WorldEncode encode, void *context)
{
    const WorldOracleOptions *o = &oracle->options;
    if (!(o->mask_share >= 0 && o->random_share >= 0 && o->keep_share >= 0 && o->next_share >= 0 &&
          o->next_share <= 1) ||
        o->mask_share + o->random_share + o->keep_share <= 0 || o->vocab_size < 1)
        return status_fail(STATUS_INVALID, "stories: shares of corruption must not be negative, and not all 0");
    TRY(memory_new((size_t)oracle->world->plot_count, 1, &oracle->fits));
    TRY(encode_words(oracle, encode, context));
    TRY(node_needs(oracle));
    TRY(plot_merge(oracle));
    return plot_priors(oracle);
}

Status world_oracle_new(const World *world, const WorldOracleOptions *options, WorldEncode encode, void *context,
                        WorldOracle **out)
{
    WorldOracle *oracle;
    TRY(memory_new(1, sizeof *oracle, &oracle));
    oracle->world = world;
    oracle->options = *options;
    oracle->single = options->segment_sentences <= 1;
    oracle->of_thing =
        1u << WORLD_KIND | 1u << WORLD_COUNT | 1u << WORLD_COLOUR | 1u << WORLD_SIZE | 1u << WORLD_SPOT;
    Status status = oracle_fill(oracle, encode, context);
    if (status == STATUS_OK)
        *out = oracle;
    else
        world_oracle_free(oracle);
    return status;
}

void world_oracle_free(WorldOracle *oracle)
{
    if (!oracle) return;
    lattice_free(&oracle->a);
    lattice_free(&oracle->b);
    lattice_free(&oracle->a_next);
    lattice_free(&oracle->b_next);
    memory_free(oracle->needs);
    memory_free(oracle->merge);
    memory_free(oracle->words.first);
    memory_free(oracle->words.pieces);
    memory_free(oracle->first);
    memory_free(oracle->any);
    memory_free(oracle->links);
    memory_free(oracle->selected);
    memory_free(oracle->row);
    memory_free(oracle->alive_a);
    memory_free(oracle->alive_b);
    memory_free(oracle->fits);
    memory_free(oracle->node_event);
    memory_free(oracle->posterior);
    memory_free(oracle);
}

/* --- one pair --- */

typedef struct Pair {
    const int32_t *tokens, *targets, *originals;
    int64_t n, count;
    int32_t first_sep, last_sep; /* the same where there is no B */
    double total_a, total_b, total_next, total;
} Pair;

static Status make_room(WorldOracle *oracle, const Pair *pair)
{
    if ((size_t)pair->n > oracle->token_room) {
        TRY(memory_resize(&oracle->selected, (size_t)pair->n, 1));
        TRY(memory_resize(&oracle->row, (size_t)pair->n, sizeof(int32_t)));
        oracle->token_room = (size_t)pair->n;
    }
    size_t cells = (size_t)pair->count * (size_t)oracle->options.vocab_size;
    if (cells > oracle->posterior_room) {
        TRY(memory_resize(&oracle->posterior, cells, sizeof(double)));
        oracle->posterior_room = cells;
    }
    if (cells) memset(oracle->posterior, 0, cells * sizeof(double));
    size_t alive = (size_t)pair->n * 2 * (size_t)oracle->world->node_count;
    if (alive > oracle->alive_room) {
        TRY(memory_resize(&oracle->alive_a, alive, 1));
        TRY(memory_resize(&oracle->alive_b, alive, 1));
        oracle->alive_room = alive;
    }
    return STATUS_OK;
}

static Status mark_selected(WorldOracle *oracle, const Pair *pair)
{
    memset(oracle->selected, 0, (size_t)pair->n);
    for (int64_t i = 0; i < pair->count; i++) {
        int32_t at = pair->targets[i];
        if (at < 1 || at >= pair->n - 1 || oracle->selected[at] || pair->originals[i] < 0 ||
            pair->originals[i] >= oracle->options.vocab_size)
            return status_fail(STATUS_INVALID, "stories: position %d of %lld tokens cannot be predicted", at,
                               (long long)pair->n);
        oracle->selected[at] = 1;
        oracle->row[at] = (int32_t)i;
    }
    return STATUS_OK;
}

static Status find_segments(WorldOracle *oracle, Pair *pair)
{
    int seps = 0;
    for (int32_t i = 1; i < pair->n; i++) {
        if (pair->tokens[i] != oracle->options.sep || oracle->selected[i]) continue;
        if (seps++ == 0) pair->first_sep = i;
        pair->last_sep = i;
    }
    if (pair->n < 3 || pair->tokens[0] != oracle->options.cls || seps < 1 || seps > 2 ||
        pair->last_sep != pair->n - 1)
        return status_fail(STATUS_INVALID, "stories: the tokens are not [CLS] A [SEP] or [CLS] A [SEP] B [SEP]");
    return STATUS_OK;
}

static WorldEvidence evidence(const WorldOracle *oracle, const Pair *pair, int32_t begin, int32_t end)
{
    const WorldOracleOptions *o = &oracle->options;
    return (WorldEvidence){.tokens = pair->tokens,
                           .selected = oracle->selected,
                           .begin = begin,
                           .end = end,
                           .mask = o->mask,
                           .random = o->random_share / o->vocab_size,
                           .keep = o->keep_share};
}

void world_oracle_set_shares(WorldOracle *oracle, double mask, double random, double keep)
{
    oracle->options.mask_share = mask;
    oracle->options.random_share = random;
    oracle->options.keep_share = keep;
}

static void set_final(Lattice *lattice, double backward)
{
    for (int32_t s = lattice->heads[lattice->evidence.end - lattice->evidence.begin]; s >= 0;
         s = lattice->states[s].next)
        if (lattice_final(lattice, &lattice->states[s])) lattice->states[s].backward = backward;
}

static Status parse_alone(WorldOracle *oracle, Lattice *lattice, const double *prior, int32_t begin, int32_t end,
                          const Pair *pair, double *total)
{
    const WorldValues unknown = world_values_unknown();
    WorldEvidence seen = evidence(oracle, pair, begin, end);
    LatticeScope scope = {.needs = oracle->needs, .keep = LATTICE_ALL};
    int32_t state;
    if (oracle->single) {
        scope.keep = 0;
        scope.merge = oracle->merge;
    }
    TRY(lattice_begin(lattice, oracle->world, &oracle->words, &seen, &scope));
    for (int32_t p = 0; p < oracle->world->plot_count; p++)
        if (prior[p] > 0) TRY(lattice_start(lattice, p, &unknown, prior[p], &state));
    TRY(lattice_forward(lattice));
    *total = lattice_total(lattice);
    set_final(lattice, 1);
    lattice_backward(lattice);
    return STATUS_OK;
}

/* What a segment can be at all limits what it can be beside the other one. */
static void mark_alive(const Lattice *lattice, uint8_t *alive)
{
    size_t width = 2 * (size_t)lattice->world->node_count;
    memset(alive, 0, (size_t)(lattice->evidence.end - lattice->evidence.begin + 1) * width);
    for (int32_t s = 0; s < lattice->state_count; s++) {
        const LatticeState *state = &lattice->states[s];
        size_t row = (size_t)(state->position - lattice->evidence.begin) * width;
        if (state->backward > 0) alive[row + 2 * (size_t)state->node + state->initial] = 1;
    }
}

/* Which plots a sentence of B may have. */
static void mark_fitting(WorldOracle *oracle)
{
    const World *world = oracle->world;
    const Lattice *b = &oracle->b;
    memset(oracle->fits, 0, (size_t)world->plot_count);
    for (int32_t s = b->heads[0]; s >= 0; s = b->states[s].next) {
        const LatticeState *start = &b->states[s];
        if (!(start->backward > 0)) continue;
        for (int32_t p = 0; p < world->plot_count; p++)
            if (world->roots[world->plots[p].event] == start->node &&
                (oracle->single ? oracle->merge[p] : p) == start->plot)
                oracle->fits[p] = 1;
    }
}

/* What the words of B follow from, as far as A may have settled it: without what B's event draws anew. */
static uint32_t needs_of_b(const WorldOracle *oracle)
{
    const World *world = oracle->world;
    const Lattice *b = &oracle->b;
    uint32_t needs = 0;
    for (int32_t i = 0; i < b->arc_count; i++) {
        const LatticeArc *arc = &b->arcs[i];
        const WorldNode *node = &world->nodes[arc->node];
        if (node->kind != WORLD_NODE_FEATURE || !(b->states[arc->to].backward > 0)) continue;
        uint32_t own = world_feature_needs((WorldFeature)node->word, world->plots[b->states[arc->from].plot].actor);
        uint8_t renews = world->grammar->events[oracle->node_event[arc->node]].renews;
        if ((renews & WORLD_NEW_THING) && (own & oracle->of_thing))
            own = (own & ~oracle->of_thing) | 1u << WORLD_KIND | 1u << WORLD_THEME; /* another kind of the theme */
        if ((renews & WORLD_NEW_SPOT) && (own & 1u << WORLD_SPOT))
            own = (own & ~(1u << WORLD_SPOT)) | 1u << WORLD_THEME;
        needs |= own;
    }
    return needs;
}

static int leads_on(const WorldOracle *oracle, int32_t plot)
{
    const World *world = oracle->world;
    for (int32_t m = world->first_move[plot]; m < world->first_move[plot + 1]; m++)
        if (oracle->fits[world->moves[m].plot]) return 1;
    return 0;
}

/* A again, as far as it may be followed by B. */
static Status parse_a_before_b(WorldOracle *oracle, const Pair *pair)
{
    const WorldValues unknown = world_values_unknown();
    WorldEvidence seen = evidence(oracle, pair, 1, pair->first_sep);
    LatticeScope scope = {.needs = oracle->needs, .alive = oracle->alive_a, .keep = LATTICE_ALL};
    int32_t state;
    if (oracle->single) scope.keep = needs_of_b(oracle);
    TRY(lattice_begin(&oracle->a_next, oracle->world, &oracle->words, &seen, &scope));
    for (int32_t p = 0; p < oracle->world->plot_count; p++)
        if (oracle->first[p] > 0 && (!oracle->single || leads_on(oracle, p)))
            TRY(lattice_start(&oracle->a_next, p, &unknown, oracle->first[p], &state));
    return lattice_forward(&oracle->a_next);
}

static Status add_link(WorldOracle *oracle, int32_t from, int32_t to, double probability)
{
    if (oracle->link_count == oracle->link_room) {
        int32_t room = oracle->link_room ? 2 * oracle->link_room : 1024;
        TRY(memory_resize(&oracle->links, (size_t)room, sizeof(Link)));
        oracle->link_room = room;
    }
    oracle->links[oracle->link_count++] = (Link){from, to, probability};
    return STATUS_OK;
}

/* The sentences that may follow the end of A in this state. */
static Status link_state(WorldOracle *oracle, int32_t from)
{
    const World *world = oracle->world;
    const LatticeState *end = &oracle->a_next.states[from];
    for (int32_t m = world->first_move[end->plot]; m < world->first_move[end->plot + 1]; m++) {
        const WorldMove *move = &world->moves[m];
        WorldValues values = end->values;
        int32_t to;
        if (!oracle->fits[move->plot]) continue;
        world_values_renew(&world->grammar->events[world->plots[move->plot].event], &values);
        TRY(lattice_start(&oracle->b_next, move->plot, &values, end->forward * move->probability, &to));
        if (to >= 0) TRY(add_link(oracle, from, to, move->probability));
    }
    return STATUS_OK;
}

static Status parse_b_behind_a(WorldOracle *oracle, const Pair *pair)
{
    const Lattice *a = &oracle->a_next;
    WorldEvidence seen = evidence(oracle, pair, pair->first_sep + 1, pair->last_sep);
    LatticeScope scope = {.needs = oracle->needs, .alive = oracle->alive_b, .keep = LATTICE_ALL};
    if (oracle->single) {
        scope.keep = 0;
        scope.merge = oracle->merge;
    }
    oracle->link_count = 0;
    TRY(lattice_begin(&oracle->b_next, oracle->world, &oracle->words, &seen, &scope));
    for (int32_t s = a->heads[a->evidence.end - a->evidence.begin]; s >= 0; s = a->states[s].next)
        if (lattice_final(a, &a->states[s])) TRY(link_state(oracle, s));
    return lattice_forward(&oracle->b_next);
}

static Status parse_next(WorldOracle *oracle, Pair *pair)
{
    mark_alive(&oracle->a, oracle->alive_a);
    mark_alive(&oracle->b, oracle->alive_b);
    mark_fitting(oracle);
    TRY(parse_a_before_b(oracle, pair));
    TRY(parse_b_behind_a(oracle, pair));
    pair->total_next = lattice_total(&oracle->b_next);
    set_final(&oracle->b_next, 1);
    lattice_backward(&oracle->b_next);
    for (int32_t i = 0; i < oracle->link_count; i++) {
        const Link *link = &oracle->links[i];
        oracle->a_next.states[link->from].backward += link->probability * oracle->b_next.states[link->to].backward;
    }
    lattice_backward(&oracle->a_next);
    return STATUS_OK;
}

static void collect(WorldOracle *oracle, const Lattice *lattice, double weight)
{
    for (int32_t i = 0; i < lattice->arc_count; i++) {
        const LatticeArc *arc = &lattice->arcs[i];
        const LatticeState *from = &lattice->states[arc->from];
        double mass = weight * from->forward * arc->weight * lattice->states[arc->to].backward;
        if (arc->word < 0 || !(mass > 0)) continue;
        int32_t first = oracle->words.first[arc->word], count = oracle->words.first[arc->word + 1] - first;
        for (int32_t k = 0; k < count; k++)
            if (oracle->selected[from->position + k])
                oracle->posterior[(size_t)oracle->row[from->position + k] * (size_t)oracle->options.vocab_size +
                                  (size_t)oracle->words.pieces[first + k]] += mass;
    }
}

static Status judge(WorldOracle *oracle, const Pair *pair, WorldGuess *out)
{
    for (int64_t i = 0; i < pair->count; i++) {
        double *row = oracle->posterior + i * oracle->options.vocab_size;
        int32_t best = 0;
        for (int32_t v = 0; v < oracle->options.vocab_size; v++) {
            row[v] /= pair->total;
            if (row[v] > row[best]) best = v;
            if (row[v] > 0) out->entropy -= row[v] * log(row[v]);
        }
        if (!(row[pair->originals[i]] > 0))
            return status_fail(STATUS_INVALID, "stories: token %d at position %d is impossible there",
                               pair->originals[i], pair->targets[i]);
        out->nll -= log(row[pair->originals[i]]);
        out->correct += best == pair->originals[i];
    }
    return STATUS_OK;
}

static Status parse_pair(WorldOracle *oracle, Pair *pair)
{
    double next = oracle->options.next_share;
    TRY(parse_alone(oracle, &oracle->a, oracle->first, 1, pair->first_sep, pair, &pair->total_a));
    if (pair->first_sep == pair->last_sep) {
        pair->total = pair->total_a;
        collect(oracle, &oracle->a, 1);
        return STATUS_OK;
    }
    TRY(parse_alone(oracle, &oracle->b, oracle->any, pair->first_sep + 1, pair->last_sep, pair, &pair->total_b));
    TRY(parse_next(oracle, pair));
    pair->total = next * pair->total_next + (1 - next) * pair->total_a * pair->total_b;
    collect(oracle, &oracle->a, (1 - next) * pair->total_b);
    collect(oracle, &oracle->b, (1 - next) * pair->total_a);
    collect(oracle, &oracle->a_next, next);
    collect(oracle, &oracle->b_next, next);
    return STATUS_OK;
}

Status world_oracle_pair(WorldOracle *oracle, const int32_t *tokens, int64_t n, const int32_t *selected,
                         const int32_t *originals, int64_t count, WorldGuess *out, double *posterior)
{
    Pair pair = {.tokens = tokens, .targets = selected, .originals = originals, .n = n, .count = count};
    if (n < 3 || n > INT32_MAX / 2 || count < 0 || count > n)
        return status_fail(STATUS_INVALID, "stories: %lld tokens are no pair of sentences", (long long)n);
    TRY(make_room(oracle, &pair));
    TRY(mark_selected(oracle, &pair));
    TRY(find_segments(oracle, &pair));
    TRY(parse_pair(oracle, &pair));
    if (!(pair.total > 0))
        return status_fail(STATUS_INVALID, "stories: the tokens are not sentences of this world");
    *out = (WorldGuess){.log_prior = log(pair.total)};
    if (pair.first_sep != pair.last_sep) out->next = oracle->options.next_share * pair.total_next / pair.total;
    TRY(judge(oracle, &pair, out));
    if (posterior && count)
        memcpy(posterior, oracle->posterior, (size_t)count * (size_t)oracle->options.vocab_size * sizeof(double));
    return STATUS_OK;
}
