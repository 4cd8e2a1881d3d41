/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe.samples(count), and lathe.view(topic) of scripts/lib/views.lua, for clients of a live run. */
#ifndef LATHE_TUI_BIND_SAMPLES_H
#define LATHE_TUI_BIND_SAMPLES_H

#include "engine/train/session.h"
#include "scripts/host.h"

/* The session lives as long as lines are run. */
Status bind_samples(Host *host, Session *session) STATUS_CHECKED;

#endif
