/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_internal.h"

static int32_t choose_branch(const World *world, const WorldNode *node, const WorldChooser *chooser)
{
    double probabilities[64];
    for (int i = 0; i < node->word; i++) probabilities[i] = world->branches[node->next + i].probability;
    return world->branches[node->next + chooser->pick(chooser->context, probabilities, node->word)].node;
}

static Status add_word(const World *world, uint16_t word, uint8_t role, WorldSentence *out)
{
    if (out->count == WORLD_MAX_WORDS)
        return status_fail(STATUS_INVALID, "world: a sentence of more than %d words", WORLD_MAX_WORDS);
    int capital = out->count == 0 || world->words[out->words[out->count - 1].word].glue == WORLD_GLUE_RIGHT;
    out->words[out->count++] = (WorldToken){word, role, (uint8_t)capital};
    return STATUS_OK;
}

Status world_render(const World *world, const WorldTeller *teller, const WorldChooser *chooser, WorldSentence *out)
{
    const WorldPlot *plot = &world->plots[teller->plot];
    int32_t at = world->roots[plot->event];
    out->count = 0;
    out->scene = teller->scene;
    for (;;) {
        const WorldNode *node = &world->nodes[at];
        uint16_t word = node->word;
        switch ((WorldNodeKind)node->kind) {
        case WORLD_NODE_END: return STATUS_OK;
        case WORLD_NODE_BRANCH: at = choose_branch(world, node, chooser); continue;
        case WORLD_NODE_FEATURE: word = world_feature_word(world, (WorldFeature)word, plot, &teller->values); break;
        case WORLD_NODE_WORD: break;
        }
        TRY(add_word(world, word, node->role, out));
        at = node->next;
    }
}

Status world_sentence_text(const World *world, const WorldSentence *sentence, Buffer *out)
{
    int glued = 1;
    for (int i = 0; i < sentence->count; i++) {
        const WorldToken *token = &sentence->words[i];
        uint8_t glue = world->words[token->word].glue;
        char text[WORLD_WORD_SIZE];
        world_word_text(world, token->word, token->capital, text);
        if (!glued && !(glue & WORLD_GLUE_LEFT)) TRY(buffer_append(out, " ", 1));
        TRY(buffer_text(out, text));
        glued = (glue & WORLD_GLUE_RIGHT) != 0;
    }
    return STATUS_OK;
}

const char *world_role_name(WorldRole role)
{
    static const char *const names[WORLD_ROLES] = {"word",  "punctuation", "verb",   "actor", "other",
                                                   "thing", "count",       "colour", "size",  "place",
                                                   "spot",  "weather",     "daytime"};
    return (unsigned)role < WORLD_ROLES ? names[role] : "?";
}
