/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Lua library inside the binary: the files of scripts/lib, made into C by scripts/embed.sh. Constant data;
 * nobody frees anything. */
#ifndef LATHE_SCRIPTS_EMBEDDED_H
#define LATHE_SCRIPTS_EMBEDDED_H

#include <stddef.h>

typedef struct EmbeddedFile {
    const char *name; /* "recipe" for scripts/lib/recipe.lua: require "lathe.recipe" */
    const char *text;
    size_t length;
} EmbeddedFile;

extern const EmbeddedFile embedded_files[]; /* ends with {0} */

#endif
