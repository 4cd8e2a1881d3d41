/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a person has set for all runs: $XDG_CONFIG_HOME/lathe/init.lua, a Lua file that sets workbench.theme and so
 * on, gives commands other keys (workbench.key) and adds commands (workbench.command). Plain values. */
#ifndef LATHE_WORKBENCH_SETTINGS_H
#define LATHE_WORKBENCH_SETTINGS_H

#include "engine/base/option.h"

typedef struct Settings {
    int64_t theme, dots; /* places in theme_names; of PlotKind */
    bool mouse, log_y;
} Settings;

extern const Option settings_options[];

/* Reads the file; where there is none, the defaults. trouble: what is wrong with it, and what it printed; what it
 * had set before it failed holds. Errors: memory. */
Status settings_load(Settings *out, Buffer *trouble) STATUS_CHECKED;
/* The same from a file. */
Status settings_read(const char *path, Settings *out, Buffer *trouble) STATUS_CHECKED;

#endif
