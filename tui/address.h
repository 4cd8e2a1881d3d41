/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a live run listens: a Unix socket in $XDG_RUNTIME_DIR/lathe, or in /tmp/lathe-UID where there is none. The
 * address stands in the file "socket" of the run's directory. Texts go to the caller, who frees them with
 * memory_free(). */
#ifndef LATHE_TUI_ADDRESS_H
#define LATHE_TUI_ADDRESS_H

#include "engine/base/status.h"

/* The socket of the run in this directory; makes the folder that it stands in. Errors: the folder belongs to
 * somebody else or is open to others. */
Status address_new(const char *directory, char **out) STATUS_CHECKED;

/* A socket that listens there, readable by its owner only; a stale one is replaced. Errors: somebody listens. */
Status address_listen(const char *address, int *out) STATUS_CHECKED;

/* Connected to the run in the directory. Errors: no run is there, it is not running, it does not listen. */
Status address_connect(const char *directory, int *out) STATUS_CHECKED;

#endif
