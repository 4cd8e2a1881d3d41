/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates become nodes of an automaton: words, words that follow from the scene, and branches. They are built
 * from right to left, so that each node knows the one behind it. */
#include "datasets/world_internal.h"
#include "engine/base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 512, ALTERNATIVES_MAX = 32 };

typedef struct Compiler {
    World *world;
    const char *template; /* for messages */
    Buffer text;          /* with macros replaced */
    char tokens[TOKENS_MAX][WORLD_WORD_SIZE];
    int token_count;
} Compiler;

static const struct {
    const char *name;
    uint8_t role;
} features[WORLD_FEATURES] = {[WORLD_F_NAME0] = {"name0", WORLD_ROLE_ACTOR},
                              [WORLD_F_NAME1] = {"name1", WORLD_ROLE_OTHER},
                              [WORLD_F_HE0] = {"he0", WORLD_ROLE_ACTOR},
                              [WORLD_F_HE1] = {"he1", WORLD_ROLE_OTHER},
                              [WORLD_F_HIM0] = {"him0", WORLD_ROLE_ACTOR},
                              [WORLD_F_HIM1] = {"him1", WORLD_ROLE_OTHER},
                              [WORLD_F_HIS0] = {"his0", WORLD_ROLE_ACTOR},
                              [WORLD_F_HIS1] = {"his1", WORLD_ROLE_OTHER},
                              [WORLD_F_GIRL0] = {"girl0", WORLD_ROLE_ACTOR},
                              [WORLD_F_HERO] = {"hero", WORLD_ROLE_ACTOR},
                              [WORLD_F_FRIEND] = {"friend", WORLD_ROLE_ACTOR},
                              [WORLD_F_KIND] = {"kind", WORLD_ROLE_THING},
                              [WORLD_F_COLOUR] = {"colour", WORLD_ROLE_COLOUR},
                              [WORLD_F_SIZE] = {"size", WORLD_ROLE_SIZE},
                              [WORLD_F_A_KIND] = {"a_kind", WORLD_ROLE_COUNT},
                              [WORLD_F_A_COLOUR] = {"a_colour", WORLD_ROLE_COUNT},
                              [WORLD_F_A_SIZE] = {"a_size", WORLD_ROLE_COUNT},
                              [WORLD_F_IT] = {"it", WORLD_ROLE_THING},
                              [WORLD_F_THEY] = {"they", WORLD_ROLE_THING},
                              [WORLD_F_WAS] = {"was", WORLD_ROLE_VERB},
                              [WORLD_F_IS] = {"is", WORLD_ROLE_VERB},
                              [WORLD_F_VERB] = {"verb", WORLD_ROLE_VERB},
                              [WORLD_F_AT] = {"at", WORLD_ROLE_PLACE},
                              [WORLD_F_PLACE] = {"place", WORLD_ROLE_PLACE},
                              [WORLD_F_BY] = {"by", WORLD_ROLE_SPOT},
                              [WORLD_F_SPOT] = {"spot", WORLD_ROLE_SPOT},
                              [WORLD_F_WEATHER] = {"weather", WORLD_ROLE_WEATHER},
                              [WORLD_F_DAY] = {"day", WORLD_ROLE_DAYTIME}};

static Status bad(const Compiler *compiler, const char *what)
{
    return status_fail(STATUS_INVALID, "world: template '%s': %s", compiler->template, what);
}

/* --- nodes --- */

static Status add_node(World *world, WorldNode node, int32_t *out)
{
    int32_t n = world->node_count;
    if ((n & (n - 1)) == 0) TRY(memory_resize(&world->nodes, n ? 2 * (size_t)n : 1, sizeof node));
    world->nodes[n] = node;
    *out = world->node_count++;
    return STATUS_OK;
}

static Status add_branch(World *world, const WorldBranch *branches, int count, int32_t *out)
{
    int32_t first = world->branch_count;
    TRY(memory_resize(&world->branches, (size_t)(first + count), sizeof *branches));
    memcpy(world->branches + first, branches, (size_t)count * sizeof *branches);
    world->branch_count += count;
    return add_node(world, (WorldNode){.kind = WORLD_NODE_BRANCH, .word = (uint16_t)count, .next = first}, out);
}

static Status feature_node(const Compiler *compiler, const char *name, int32_t next, int32_t *out)
{
    for (int f = 0; f < WORLD_FEATURES; f++)
        if (strcmp(features[f].name, name) == 0)
            return add_node(compiler->world, (WorldNode){WORLD_NODE_FEATURE, features[f].role, (uint16_t)f, next},
                            out);
    return bad(compiler, "an unknown @word");
}

static Status word_node(const Compiler *compiler, const char *token, int32_t next, int32_t *out)
{
    char word[WORLD_WORD_SIZE];
    WorldNode node = {WORLD_NODE_WORD, WORLD_ROLE_WORD, 0, next};
    const char *plus = strchr(token, '+');
    memcpy(word, token, WORLD_WORD_SIZE);
    if (strcmp(word, "I") != 0) word[0] = (char)tolower((unsigned char)word[0]);
    if (!isalpha((unsigned char)word[0])) node.role = WORLD_ROLE_PUNCTUATION;
    if (plus) {
        int form = world_form_of_suffix(plus + 1, strlen(plus + 1));
        char lemma[WORLD_WORD_SIZE] = {0};
        if (form < 0) return bad(compiler, "an unknown +form");
        memcpy(lemma, word, (size_t)(plus - token));
        TRY(world_inflect(lemma, (WorldForm)form, word));
        if (form == WORLD_PAST || form == WORLD_PARTICIPLE || form == WORLD_ING) node.role = WORLD_ROLE_VERB;
    }
    TRY(world_intern(compiler->world, word, &node.word));
    return add_node(compiler->world, node, out);
}

/* --- tokens: words, { | } and *3 --- */

static Status add_token(Compiler *compiler, const char *text, size_t length)
{
    if (compiler->token_count == TOKENS_MAX) return bad(compiler, "too long");
    if (length >= WORLD_WORD_SIZE) return bad(compiler, "a word is too long");
    char *token = compiler->tokens[compiler->token_count++];
    memset(token, 0, WORLD_WORD_SIZE);
    memcpy(token, text, length);
    return STATUS_OK;
}

static Status split_tokens(Compiler *compiler)
{
    compiler->token_count = 0;
    for (const char *at = compiler->text.data; *at;) {
        size_t length = *at == ' ' ? 0 : strchr("{|}", *at) ? 1 : 1 + strcspn(at + 1, " {|}*");
        if (length) TRY(add_token(compiler, at, length));
        at += length ? length : 1;
    }
    return STATUS_OK;
}

/* Adds the template with its macros replaced. */
static Status add_text(Compiler *compiler, const char *template)
{
    for (const char *at = template; *at; at++) {
        const WorldMacro *macro = compiler->world->grammar->macros;
        if (*at != '$') {
            TRY(buffer_append(&compiler->text, at, 1));
            continue;
        }
        at++;
        while (macro->letter && macro->letter != *at) macro++;
        if (!macro->letter) return bad(compiler, "an unknown $macro");
        TRY(buffer_text(&compiler->text, macro->text));
    }
    return buffer_text(&compiler->text, " ");
}

static Status expand(Compiler *compiler, const char *lead, const char *template)
{
    buffer_clear(&compiler->text);
    if (lead) TRY(add_text(compiler, lead));
    TRY(add_text(compiler, template));
    return split_tokens(compiler);
}

/* --- from right to left --- */

static Status build(Compiler *compiler, int first, int last, int32_t next, int32_t *out);

static int is(const Compiler *compiler, int token, char c)
{
    return compiler->tokens[token][0] == c;
}

/* One alternative, whose last token may be its weight. */
static Status build_alternative(Compiler *compiler, int first, int last, int32_t next, WorldBranch *out)
{
    out->probability = 1;
    if (last > first && is(compiler, last - 1, '*')) {
        char *end;
        out->probability = strtod(compiler->tokens[--last] + 1, &end);
        if (*end || !(out->probability > 0)) return bad(compiler, "a weight is not a positive number");
    }
    return build(compiler, first, last, next, &out->node);
}

/* The alternatives between the braces at 'open' and 'close'. */
static Status build_group(Compiler *compiler, int open, int close, int32_t next, int32_t *out)
{
    WorldBranch branches[ALTERNATIVES_MAX];
    int count = 0, depth = 0, first = open + 1;
    double total = 0;
    for (int i = open + 1; i <= close; i++) {
        depth += is(compiler, i, '{');
        if (depth == 0 && (i == close || is(compiler, i, '|'))) {
            if (count == ALTERNATIVES_MAX) return bad(compiler, "too many alternatives");
            TRY(build_alternative(compiler, first, i, next, &branches[count]));
            total += branches[count++].probability;
            first = i + 1;
        }
        depth -= is(compiler, i, '}');
    }
    for (int i = 0; i < count; i++) branches[i].probability /= total;
    return add_branch(compiler->world, branches, count, out);
}

static Status build(Compiler *compiler, int first, int last, int32_t next, int32_t *out)
{
    for (int i = last - 1; i >= first; i--) {
        if (is(compiler, i, '}')) {
            int open = i - 1;
            for (int depth = 1; open >= first; open--) {
                depth += is(compiler, open, '}') - is(compiler, open, '{');
                if (depth == 0) break;
            }
            if (open < first) return bad(compiler, "a } without {");
            TRY(build_group(compiler, open, i, next, &next));
            i = open;
        } else if (strchr("{|*", compiler->tokens[i][0])) {
            return bad(compiler, "a { without }, or | or * outside of braces");
        } else if (is(compiler, i, '@')) {
            TRY(feature_node(compiler, compiler->tokens[i] + 1, next, &next));
        } else {
            TRY(word_node(compiler, compiler->tokens[i], next, &next));
        }
    }
    *out = next;
    return STATUS_OK;
}

/* A branch over the event's templates. */
static Status compile_event(Compiler *compiler, const WorldEvent *event, int32_t end, int32_t *out)
{
    const World *world = compiler->world;
    const char *lead = world->grammar->leads ? world->grammar->leads[world->options.style] : NULL;
    const char *const *templates = event->templates[world->options.style];
    if (!templates[0]) templates = event->templates[0];
    WorldBranch branches[WORLD_EVENT_TEMPLATES];
    int count = 0;
    for (; count < WORLD_EVENT_TEMPLATES && templates[count]; count++) {
        compiler->template = templates[count];
        TRY(expand(compiler, lead, templates[count]));
        TRY(build(compiler, 0, compiler->token_count, end, &branches[count].node));
    }
    if (count == 0) return status_fail(STATUS_INVALID, "world: event '%s' has no template", event->name);
    for (int i = 0; i < count; i++) branches[i].probability = 1.0 / count;
    return add_branch(compiler->world, branches, count, out);
}

static uint32_t needs_from(const World *world, int32_t number, int actor)
{
    const WorldNode *node = &world->nodes[number];
    uint32_t needs = 0;
    switch ((WorldNodeKind)node->kind) {
    case WORLD_NODE_END: return 0;
    case WORLD_NODE_WORD: return needs_from(world, node->next, actor);
    case WORLD_NODE_FEATURE:
        return world_feature_needs((WorldFeature)node->word, actor) | needs_from(world, node->next, actor);
    case WORLD_NODE_BRANCH:
        for (int i = 0; i < node->word; i++)
            needs |= needs_from(world, world->branches[node->next + i].node, actor);
    }
    return needs;
}

/* Nobody may tell of a thing where there is none. */
static Status check_things(const World *world)
{
    const uint32_t of_thing =
        1u << WORLD_KIND | 1u << WORLD_COUNT | 1u << WORLD_COLOUR | 1u << WORLD_SIZE | 1u << WORLD_SPOT;
    for (int i = 0; i < world->plot_count; i++) {
        const WorldPlot *plot = &world->plots[i];
        uint32_t needs = needs_from(world, world->roots[plot->event], plot->actor);
        if (plot->class == WORLD_CLASSES && (needs & of_thing))
            return status_fail(STATUS_INVALID, "world: event '%s' may happen without the thing that it tells of",
                               world->grammar->events[plot->event].name);
    }
    return STATUS_OK;
}

static Status compile_all(Compiler *compiler)
{
    World *world = compiler->world;
    int32_t end;
    TRY(add_node(world, (WorldNode){.kind = WORLD_NODE_END}, &end));
    TRY(memory_new((size_t)world->event_count, sizeof(int32_t), &world->roots));
    for (int e = 0; e < world->event_count; e++)
        TRY(compile_event(compiler, &world->grammar->events[e], end, &world->roots[e]));
    return check_things(world);
}

Status world_compile_templates(World *world)
{
    Compiler *compiler;
    TRY(memory_new(1, sizeof *compiler, &compiler));
    compiler->world = world;
    Status status = compile_all(compiler);
    buffer_free(&compiler->text);
    memory_free(compiler);
    return status;
}
