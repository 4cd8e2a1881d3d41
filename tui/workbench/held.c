/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK = 4096 };

static int file = -1, output = -1, errors = -1; /* where both went before */
static off_t used;

Status held_begin(void)
{
    fflush(NULL);
    used = 0;
    file = memfd_create("lathe-held", MFD_CLOEXEC);
    output = dup(STDOUT_FILENO);
    errors = dup(STDERR_FILENO);
    if (file >= 0 && output >= 0 && errors >= 0 && dup2(file, STDOUT_FILENO) >= 0 && dup2(file, STDERR_FILENO) >= 0)
        return STATUS_OK;
    Status status = status_fail(STATUS_IO, "standard output cannot be held back: %s", strerror(errno));
    held_end();
    return status;
}

static void spill(int to)
{
    char block[BLOCK];
    off_t at = 0;
    for (ssize_t got; (got = pread(file, block, sizeof block, at)) > 0; at += got)
        if (write(to, block, (size_t)got) < 0) break;
}

void held_spill(void)
{
    if (file >= 0 && errors >= 0) spill(errors);
}

void held_end(void)
{
    fflush(NULL);
    if (output >= 0) dup2(output, STDOUT_FILENO), close(output);
    if (errors >= 0) dup2(errors, STDERR_FILENO), close(errors);
    output = errors = -1;
    if (file >= 0) spill(STDERR_FILENO), close(file);
    file = -1;
}

Status held_read(Buffer *out)
{
    char block[BLOCK];
    fflush(stdout);
    for (ssize_t got; file >= 0 && (got = pread(file, block, sizeof block, used)) > 0; used += got)
        TRY(buffer_append(out, block, (size_t)got));
    return STATUS_OK;
}
