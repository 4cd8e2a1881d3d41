/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts of world_grammar_default. Constant; nobody frees anything. */
#ifndef LATHE_DATASETS_WORLD_TABLES_H
#define LATHE_DATASETS_WORLD_TABLES_H

#include "datasets/world_grammar.h"

extern const char *const world_colours[], *const world_sizes[], *const world_numbers[], *const world_weathers[],
                                                                                            *const world_daytimes[];
extern const double world_counts[WORLD_CLASSES][4];
extern const WorldKind world_kinds[];
extern const WorldTheme world_themes[];
extern const WorldEvent world_events[];
extern const WorldMacro world_macros[];

#endif
