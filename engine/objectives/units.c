/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/objectives/units.h"

#include <string.h>

Units units_find(const Vocabulary *vocabulary, int64_t length, const int32_t *ids, const int32_t *words,
                 int32_t *scratch)
{
    Units units = {scratch, scratch + length, scratch + 2 * length, 0, 0};
    for (int64_t i = 0; i < length; i++) {
        if (vocabulary->special[ids[i]]) continue;
        units.tokens++;
        int64_t last = units.count - 1;
        bool joins = words && last >= 0 && units.starts[last] + units.sizes[last] == i && words[i] == words[i - 1];
        if (joins)
            units.sizes[last]++;
        else {
            units.starts[units.count] = (int32_t)i;
            units.order[units.count] = (int32_t)units.count;
            units.sizes[units.count++] = 1;
        }
    }
    return units;
}

static int64_t select_unit(const Units *units, int64_t unit, uint8_t *selected)
{
    if (selected[units->starts[unit]]) return 0;
    memset(selected + units->starts[unit], 1, (size_t)units->sizes[unit]);
    return units->sizes[unit];
}

int64_t units_select(Units *units, Random *random, int64_t budget, uint8_t *selected)
{
    int64_t chosen = 0;
    for (int64_t i = 0; i < units->count && chosen < budget; i++) {
        int64_t j = i + (int64_t)random_below(random, (uint64_t)(units->count - i));
        int32_t unit = units->order[j];
        units->order[j] = units->order[i];
        if (units->sizes[unit] > budget - chosen && chosen > 0) continue;
        chosen += select_unit(units, unit, selected);
    }
    return chosen;
}

static int64_t span_length(Random *random, double p, int64_t longest)
{
    int64_t length = 1;
    while (length < longest && random_uniform(random) >= p) length++;
    return length;
}

int64_t units_select_spans(const Units *units, Random *random, double p, int64_t longest, int64_t budget,
                           uint8_t *selected)
{
    int64_t chosen = 0;
    while (chosen < budget) {
        int64_t length = span_length(random, p, longest), last = -1;
        int64_t unit = (int64_t)random_below(random, (uint64_t)units->count);
        for (; length > 0 && unit < units->count && chosen < budget; length--, last = unit++) {
            if (last >= 0 && units->starts[last] + units->sizes[last] != units->starts[unit]) break; /* [SEP] */
            chosen += select_unit(units, unit, selected);
        }
    }
    return chosen;
}
