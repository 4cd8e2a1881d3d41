/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world.h"

#include "datasets/world_internal.h"
#include "engine/base/memory.h"

const Option world_options[] = {
    OPTION_INT_FIELD(WorldOptions, seed, 1, 0, 9007199254740992.0, "which world of stories"),
    OPTION_INT_FIELD(WorldOptions, stories, 10000, 1, 1e9, "stories to learn from"),
    OPTION_INT_FIELD(WorldOptions, held_out, 500, 0, 1e9, "stories held out for evaluation"),
    OPTION_INT_FIELD(WorldOptions, sentences, 6, 1, WORLD_MAX_SENTENCES, "sentences of a story"),
    OPTION_CHOICE_FIELD(WorldOptions, style, "plain", "plain spoken", "how the stories are told"),
    OPTION_CHOICE_FIELD(
        WorldOptions, labels, "none", "none mood",
        "what a story is labelled with: how its hero feels at the end (calm, happy, sad), or nothing"),
    OPTION_CHOICE_FIELD(WorldOptions, task, "none", "none questions summaries",
                        "what is written about each story, for data.pairs: the answer to a question, a summary"),
    OPTION_INT_FIELD(WorldOptions, questions, 1, 1, 16, "questions about a story, each with the story once more"),
    {0}};

static Status check_options(const WorldOptions *options)
{
    WorldOptions checked;
    for (const Option *option = world_options; option->name; option++) {
        int64_t value = *(const int64_t *)(const void *)((const char *)options + option->offset);
        if (option->kind == OPTION_INTEGER)
            TRY(option_set_number(world_options, &checked, "stories", option->name, (double)value));
    }
    if (options->style < 0 || options->style >= WORLD_STYLES)
        return status_fail(STATUS_INVALID, "stories: there is no style %lld", (long long)options->style);
    return STATUS_OK;
}

static Status world_build(World *world)
{
    TRY(world_number_tables(world));
    TRY(world_plot_build(world));
    return world_compile_templates(world);
}

Status world_new_grammar(const WorldOptions *options, const WorldGrammar *grammar, World **out)
{
    World *world;
    TRY(check_options(options));
    TRY(memory_new(1, sizeof *world, &world));
    world->options = *options;
    world->grammar = grammar;
    Status status = world_build(world);
    if (status == STATUS_OK)
        *out = world;
    else
        world_free(world);
    return status;
}

Status world_new(const WorldOptions *options, World **out)
{
    return world_new_grammar(options, &world_grammar_default, out);
}

void world_free(World *world)
{
    if (!world) return;
    memory_free(world->words);
    memory_free(world->nodes);
    memory_free(world->branches);
    memory_free(world->plots);
    memory_free(world->moves);
    memory_free(world->first_move);
    memory_free(world->openings);
    memory_free(world->roots);
    memory_free(world);
}

const WorldOptions *world_get_options(const World *world)
{
    return &world->options;
}

const WorldGrammar *world_get_grammar(const World *world)
{
    return world->grammar;
}

static int pick_random(void *context, const double *probabilities, int count)
{
    if (!probabilities) return (int)random_below(context, (uint64_t)count);
    double draw = random_uniform(context);
    int last = 0;
    for (int i = 0; i < count; i++) {
        if (probabilities[i] <= 0) continue;
        last = i;
        if ((draw -= probabilities[i]) < 0) break;
    }
    return last;
}

/* The scene and each rendering have streams of their own, so that another style tells the same stories. */
Status world_story(const World *world, uint64_t index, WorldStory *out)
{
    RandomKey key = random_subkey(random_key((uint64_t)world->options.seed, "world"), index);
    Random scene = random_stream(random_subkey_name(key, "scene"));
    WorldChooser scenes = {pick_random, &scene};
    WorldTeller teller;
    out->index = index;
    out->count = (int32_t)world->options.sentences;
    for (int32_t i = 0; i < out->count; i++) {
        Random words = random_stream(random_subkey(random_subkey_name(key, "words"), (uint64_t)i));
        WorldChooser chooser = {pick_random, &words};
        TRY(i ? world_scene_step(world, &scenes, &teller) : world_scene_open(world, &scenes, &teller));
        TRY(world_render(world, &teller, &chooser, &out->sentences[i]));
    }
    return STATUS_OK;
}

static Status each_story(const World *world, const WorldStory *story, Buffer *text, WorldVisit visit, void *context)
{
    for (int32_t i = 0; i < story->count; i++) {
        buffer_clear(text);
        TRY(world_sentence_text(world, &story->sentences[i], text));
        TRY(visit(context, story, text->data, text->length, i + 1 == story->count));
    }
    return STATUS_OK;
}

Status world_each_sentence(const World *world, uint64_t first, uint64_t stories, WorldVisit visit, void *context)
{
    Buffer text = {0};
    WorldStory *story;
    TRY(memory_new(1, sizeof *story, &story));
    Status status = STATUS_OK;
    for (uint64_t i = 0; i < stories && status == STATUS_OK; i++) {
        status = world_story(world, first + i, story);
        if (status == STATUS_OK) status = each_story(world, story, &text, visit, context);
    }
    buffer_free(&text);
    memory_free(story);
    return status;
}
