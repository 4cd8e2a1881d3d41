/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lua files: require, dofile, loadfile. What a recipe loads beside itself is remembered, so that a run can keep
 * copies; a restricted host loads nothing but these. The host frees all of it. */
#ifndef LATHE_SCRIPTS_HOST_FILES_H
#define LATHE_SCRIPTS_HOST_FILES_H

#include "scripts/host.h"

typedef struct HostFile {
    char *name; /* how it was asked for: "require mylib", "file lib/x.lua" */
    char *path; /* where it was */
    Buffer text;
} HostFile;

typedef struct HostFiles {
    HostFile *list;
    size_t count, capacity;
    Status (*added)(void *context); /* called after a file was added; NULL: nobody */
    void *context;
} HostFiles;

/* Those of the host; the caller may set added and context. */
HostFiles *host_files(Host *host);
/* Takes over the text, also on failure. One of the same name is replaced. */
Status host_files_add(HostFiles *files, const char *name, const char *path, Buffer *text) STATUS_CHECKED;
const HostFile *host_files_find(const HostFiles *files, const char *name);
void host_files_clear(HostFiles *files);

/* Puts require's searchers, dofile and loadfile into a new state. */
void host_open_files(lua_State *L);

#endif
