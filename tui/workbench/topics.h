/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the workbench asks a run while the panes that show it are in sight: a record each (topics.c). The run
 * answers with a JSON object a line (scripts/lib/views.lua). */
#ifndef LATHE_WORKBENCH_TOPICS_H
#define LATHE_WORKBENCH_TOPICS_H

#include "engine/io/json.h"
#include "tui/workbench/view.h"

typedef enum Topic {
    TOPIC_RUN,
    TOPIC_HISTORY,
    TOPIC_SHARES,
    TOPIC_SCHEDULE,
    TOPIC_MODEL,
    TOPIC_SPREAD,
    TOPIC_ATTENTION,
    TOPIC_SAMPLES,
    TOPIC_DATA,
    TOPIC_DRY_RUN,
    TOPICS
} Topic;

typedef struct TopicRecord {
    const char *name;
    double every;   /* seconds between two questions; longer after an answer that took the run long */
    unsigned panes; /* bits 1 << PaneId: of which one has to be in sight */
    /* Whether the panes want it now, NULL: always; and what stands behind the name ("\"a\", 2"), NULL: nothing. */
    bool (*wanted)(const View *view);
    Status (*arguments)(const View *view, Buffer *out);
} TopicRecord;

/* A look may take this share of the run's time: the next one waits accordingly. */
enum { TOPIC_SHARE = 200 };

extern const TopicRecord topic_records[TOPICS];

/* The line of Lua that asks, empty where nothing is to be asked now. shown: bits 1 << PaneId. */
Status topic_line(Topic topic, const View *view, unsigned shown, Buffer *out) STATUS_CHECKED;

/* Puts an answer into the view (tui/workbench/answers.c). *seconds: what it cost the run, 0 where it does not say.
 * Errors: it is not what it should be; what came before is kept then. */
Status answer_take(View *view, Topic topic, const char *text, size_t length, double *seconds) STATUS_CHECKED;
/* What a question that failed says, where its pane shows it; false: it belongs into the log. */
bool answer_failed(View *view, Topic topic, const char *text);

/* NaN where there is none; infinities are texts there, as json_set_number() writes them. */
double answer_number(const json_t *object, const char *key);
int64_t answer_integer(const json_t *object, const char *key);
/* Leaves out as it is where there is no text. */
void answer_text(const json_t *object, const char *key, char *out, size_t size);
/* What panes on the model, samples and data show (tui/workbench/answers_panes.c). */
Status answer_take_panes(View *view, const json_t *object) STATUS_CHECKED;

#endif
