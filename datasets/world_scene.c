/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datasets/world_internal.h"

#include <string.h>

static int pick_move(const WorldChooser *chooser, const WorldMove *moves, int count)
{
    double probabilities[512];
    for (int i = 0; i < count; i++) probabilities[i] = moves[i].probability;
    return chooser->pick(chooser->context, probabilities, count);
}

/* Draws what is not known. Values without a thing to belong to stay unknown. */
static Status draw_values(const World *world, const WorldChooser *chooser, const WorldPlot *plot,
                          WorldValues *values)
{
    for (int variable = 0; variable < WORLD_VARIABLES; variable++) {
        uint8_t domain[WORLD_DOMAIN_MAX];
        const double *probabilities;
        int of_thing = variable == WORLD_KIND || variable == WORLD_COUNT || variable == WORLD_COLOUR ||
                       variable == WORLD_SIZE || variable == WORLD_SPOT;
        if (values->v[variable] != WORLD_UNKNOWN || (of_thing && plot->class == WORLD_CLASSES)) continue;
        int count = world_domain(world, plot, values, variable, domain, &probabilities);
        if (count == 0)
            return status_fail(STATUS_INVALID, "world: theme '%s' has too little to tell of",
                               world->grammar->themes[values->v[WORLD_THEME]].name);
        world_values_set(values, variable, domain[chooser->pick(chooser->context, probabilities, count)]);
    }
    return STATUS_OK;
}

static Status update_focus(const WorldEvent *event, const WorldPlot *plot, const WorldValues *values,
                           WorldScene *scene)
{
    const uint8_t *v = values->v;
    if (event->renews & WORLD_NEW_THING) {
        if (scene->things_count == WORLD_MAX_THINGS)
            return status_fail(STATUS_INVALID, "world: a story of more than %d things", WORLD_MAX_THINGS);
        scene->thing = scene->things_count++;
        scene->things[scene->thing] = (WorldThing){.kind = v[WORLD_KIND],
                                                   .class = plot->class,
                                                   .count = v[WORLD_COUNT],
                                                   .colour = v[WORLD_COLOUR],
                                                   .size = v[WORLD_SIZE],
                                                   .holder = -1};
    }
    return STATUS_OK;
}

static void update_thing(const WorldEvent *event, const WorldPlot *plot, const WorldValues *values,
                         WorldScene *scene)
{
    if (scene->thing < 0) return;
    WorldThing *thing = &scene->things[scene->thing];
    thing->holder = -1;
    switch (plot->holder) {
    case WORLD_NOBODY:
        if (event->change == WORLD_TO_NOBODY && event->fate) thing->fate = event->fate;
        return; /* it stays where it was */
    case WORLD_HERE: thing->fate = WORLD_LIES; break;
    case WORLD_LOST: thing->fate = WORLD_MISLAID; return;
    default: thing->fate = WORLD_HELD; thing->holder = (int8_t)(plot->holder - WORLD_BY_HERO);
    }
    thing->place = values->v[WORLD_PLACE];
    thing->spot = plot->holder == WORLD_HERE ? values->v[WORLD_SPOT] : WORLD_UNKNOWN;
}

static void update_people(const WorldEvent *event, const WorldPlot *plot, const WorldValues *values,
                          WorldScene *scene)
{
    const uint8_t *v = values->v;
    for (int i = 0; i < 2; i++) {
        WorldPerson *person = &scene->people[i];
        int8_t mood = i == plot->actor ? event->actor_mood : event->other_mood;
        person->gender = v[WORLD_GENDER] ^ (uint8_t)i;
        person->name = v[i ? WORLD_FRIEND : WORLD_HERO];
        person->present = i == 0 || plot->together;
        if (person->present) person->place = v[WORLD_PLACE];
        if (i == 1 && event->company < 0) person->place = WORLD_UNKNOWN;
        if (mood) person->mood = mood;
        person->holds = plot->holder == WORLD_BY_HERO + i ? scene->thing : -1;
        if (person->wears >= 0 && person->wears == scene->thing && person->holds < 0) person->wears = -1;
    }
}

static Status happen(const World *world, const WorldChooser *chooser, WorldTeller *teller)
{
    const WorldPlot *plot = &world->plots[teller->plot];
    const WorldEvent *event = &world->grammar->events[plot->event];
    WorldScene *scene = &teller->scene;
    world_values_renew(event, &teller->values);
    TRY(draw_values(world, chooser, plot, &teller->values));
    scene->event = plot->event;
    scene->actor = plot->actor;
    scene->theme = teller->values.v[WORLD_THEME];
    scene->place = teller->values.v[WORLD_PLACE];
    scene->weather = teller->values.v[WORLD_WEATHER];
    scene->daytime = teller->values.v[WORLD_DAYTIME];
    TRY(update_focus(event, plot, &teller->values, scene));
    update_thing(event, plot, &teller->values, scene);
    update_people(event, plot, &teller->values, scene);
    if (event->dresses) scene->people[plot->actor].wears = scene->thing;
    return STATUS_OK;
}

Status world_scene_open(const World *world, const WorldChooser *chooser, WorldTeller *out)
{
    memset(out, 0, sizeof *out);
    out->values = world_values_unknown();
    out->scene.thing = -1;
    for (int i = 0; i < 2; i++)
        out->scene.people[i] = (WorldPerson){.place = WORLD_UNKNOWN, .holds = -1, .wears = -1};
    out->plot = world->openings[pick_move(chooser, world->openings, world->opening_count)].plot;
    return happen(world, chooser, out);
}

Status world_scene_step(const World *world, const WorldChooser *chooser, WorldTeller *teller)
{
    int32_t first = world->first_move[teller->plot], count = world->first_move[teller->plot + 1] - first;
    teller->plot = world->moves[first + pick_move(chooser, world->moves + first, count)].plot;
    return happen(world, chooser, teller);
}
