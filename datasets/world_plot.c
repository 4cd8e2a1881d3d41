/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_internal.h"
#include "engine/base/memory.h"

#include <string.h>

enum {
    EVENTS_MAX = 64,
    KEYS = EVENTS_MAX * 2 * 2 * 5 * (WORLD_CLASSES + 1),
    CANDIDATES_MAX = EVENTS_MAX * 2 * WORLD_CLASSES
};

typedef struct Builder {
    World *world;
    uint64_t after[EVENTS_MAX]; /* bit per event; 0: any */
    int32_t numbers[KEYS];      /* of the plot with the key, plus one */
    WorldMove candidates[CANDIDATES_MAX];
    int candidate_count;
} Builder;

static int plot_key(const WorldPlot *plot)
{
    return (((plot->event * 2 + plot->actor) * 2 + plot->together) * 5 + plot->holder) * (WORLD_CLASSES + 1) +
           plot->class;
}

static Status plot_number(Builder *builder, const WorldPlot *plot, int32_t *out)
{
    World *world = builder->world;
    int32_t *number = &builder->numbers[plot_key(plot)];
    if (*number == 0) {
        if ((world->plot_count & (world->plot_count - 1)) == 0)
            TRY(memory_resize(&world->plots, world->plot_count ? 2 * (size_t)world->plot_count : 1, sizeof *plot));
        world->plots[world->plot_count] = *plot;
        *number = ++world->plot_count;
    }
    *out = *number - 1;
    return STATUS_OK;
}

/* Where the thing is, as a bit seen from the one who acts. */
static int holder_bit(int holder, int actor)
{
    switch (holder) {
    case WORLD_NOBODY: return WORLD_IF_NOBODY;
    case WORLD_HERE: return WORLD_IF_HERE;
    case WORLD_LOST: return WORLD_IF_LOST;
    default: return (holder == WORLD_BY_FRIEND) == actor ? WORLD_IF_ACTOR : WORLD_IF_OTHER;
    }
}

static uint8_t holder_after(int holder, int change, int actor)
{
    switch (change) {
    case WORLD_TO_NOBODY: return WORLD_NOBODY;
    case WORLD_TO_HERE: return WORLD_HERE;
    case WORLD_TO_LOST: return WORLD_LOST;
    case WORLD_TO_ACTOR: return (uint8_t)(WORLD_BY_HERO + actor);
    case WORLD_TO_OTHER: return (uint8_t)(WORLD_BY_HERO + !actor);
    default: return (uint8_t)holder;
    }
}

static int actor_allowed(const WorldEvent *event, const WorldPlot *now, int actor)
{
    if (actor == 1 && !now->together && event->actor != WORLD_FRIEND_ONLY) return 0;
    switch (event->actor) {
    case WORLD_HERO_ONLY: return actor == 0;
    case WORLD_FRIEND_ONLY: return actor == 1;
    case WORLD_SAME_ACTOR: return actor == now->actor;
    case WORLD_OTHER_ACTOR: return actor != now->actor;
    default: return 1;
    }
}

static int event_allowed(const Builder *builder, const WorldPlot *now, int first, int e, int actor)
{
    const WorldEvent *event = &builder->world->grammar->events[e];
    if (event->opening != first || (!first && e == now->event) || !actor_allowed(event, now, actor)) return 0;
    if (event->together && !(event->together & (now->together ? WORLD_IF_TOGETHER : WORLD_IF_ALONE))) return 0;
    if (event->holder && !(event->holder & holder_bit(now->holder, actor))) return 0;
    if (!(event->renews & WORLD_NEW_THING) && event->classes &&
        (now->class == WORLD_CLASSES || !(event->classes & 1 << now->class)))
        return 0;
    return first || !builder->after[e] || (builder->after[e] >> now->event & 1);
}

static Status add_candidate(Builder *builder, const WorldPlot *now, int e, int actor, int class, double weight)
{
    const WorldEvent *event = &builder->world->grammar->events[e];
    WorldPlot plot = {.event = (uint8_t)e, .actor = (uint8_t)actor, .class = (uint8_t) class};
    plot.together = event->company > 0 || (now->together && event->company == 0);
    plot.holder = holder_after(now->holder, event->change, actor);
    WorldMove *candidate = &builder->candidates[builder->candidate_count++];
    candidate->probability = weight;
    return plot_number(builder, &plot, &candidate->plot);
}

static Status add_event(Builder *builder, const WorldPlot *now, int first, int e, int actor)
{
    const WorldEvent *event = &builder->world->grammar->events[e];
    if (!event_allowed(builder, now, first, e, actor)) return STATUS_OK;
    double weight = event->weight * (actor == now->actor ? builder->world->grammar->same_actor : 1);
    if (!(event->renews & WORLD_NEW_THING)) return add_candidate(builder, now, e, actor, now->class, weight);
    for (int class = 0; class < WORLD_CLASSES; class ++)
        if (event->classes >> class & 1)
            TRY(add_candidate(builder, now, e, actor, class, weight / __builtin_popcount(event->classes)));
    return STATUS_OK;
}

static Status add_all(Builder *builder, const WorldPlot *now, int first)
{
    double total = 0;
    builder->candidate_count = 0;
    for (int e = 0; e < builder->world->event_count; e++)
        for (int actor = 0; actor < 2; actor++) TRY(add_event(builder, now, first, e, actor));
    if (builder->candidate_count == 0)
        return status_fail(STATUS_INVALID, "world: nothing can happen %s%s", first ? "first" : "after ",
                           first ? "" : builder->world->grammar->events[now->event].name);
    for (int i = 0; i < builder->candidate_count; i++) total += builder->candidates[i].probability;
    for (int i = 0; i < builder->candidate_count; i++) builder->candidates[i].probability /= total;
    return STATUS_OK;
}

/* The events after which this one may happen: a bit each. */
static Status parse_after(Builder *builder, const char *list, uint64_t *out)
{
    for (*out = 0; list && *list;) {
        size_t length = strcspn(list, " ");
        int found = -1;
        for (int e = 0; e < builder->world->event_count; e++) {
            const char *name = builder->world->grammar->events[e].name;
            if (strlen(name) == length && memcmp(name, list, length) == 0) found = e;
        }
        if (found < 0) return status_fail(STATUS_INVALID, "world: there is no event '%.*s'", (int)length, list);
        *out |= (uint64_t)1 << found;
        list += length + strspn(list + length, " ");
    }
    return STATUS_OK;
}

static Status append_moves(Builder *builder)
{
    World *world = builder->world;
    TRY(memory_resize(&world->moves, (size_t)(world->move_count + builder->candidate_count), sizeof(WorldMove)));
    memcpy(world->moves + world->move_count, builder->candidates,
           (size_t)builder->candidate_count * sizeof(WorldMove));
    world->move_count += builder->candidate_count;
    return STATUS_OK;
}

static Status explore(Builder *builder)
{
    World *world = builder->world;
    const WorldPlot nothing = {.class = WORLD_CLASSES};
    for (int e = 0; e < world->event_count; e++)
        TRY(parse_after(builder, world->grammar->events[e].after, &builder->after[e]));
    TRY(add_all(builder, &nothing, 1));
    TRY(memory_new(CANDIDATES_MAX, sizeof(WorldMove), &world->openings));
    memcpy(world->openings, builder->candidates, (size_t)builder->candidate_count * sizeof(WorldMove));
    world->opening_count = builder->candidate_count;
    TRY(memory_new(KEYS + 1, sizeof(int32_t), &world->first_move));
    for (int32_t i = 0; i < world->plot_count; i++) {
        WorldPlot now = world->plots[i];
        TRY(add_all(builder, &now, 0));
        TRY(append_moves(builder));
        world->first_move[i + 1] = world->move_count;
    }
    return STATUS_OK;
}

Status world_plot_build(World *world)
{
    Builder *builder;
    while (world->grammar->events[world->event_count].name) world->event_count++;
    if (world->event_count > EVENTS_MAX)
        return status_fail(STATUS_INVALID, "world: more than %d events", EVENTS_MAX);
    TRY(memory_new(1, sizeof *builder, &builder));
    builder->world = world;
    Status status = explore(builder);
    memory_free(builder);
    return status;
}
