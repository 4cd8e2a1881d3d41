/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Corpora, tokenizers and the making of data sources in Lua. The userdata hold references. */
#ifndef LATHE_SCRIPTS_BIND_DATA_H
#define LATHE_SCRIPTS_BIND_DATA_H

#include "datasets/data_records.h"
#include "scripts/bind.h"

extern const RecordKind bind_data;

Corpus *bind_check_corpus(lua_State *L, int index);

/* Long work says how far it is: what ("encoding"), done of all. NULL: nobody wants to know. */
void bind_set_progress(void (*progress)(void *context, const char *what, int64_t done, int64_t all), void *context);
/* An EncodeProgress that reports there; context: the words. */
void bind_report_progress(void *what, int64_t done, int64_t all);
bool bind_progress_wanted(void);

void bind_open_data(lua_State *L);

#endif
