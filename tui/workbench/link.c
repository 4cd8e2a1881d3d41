/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/link.h"

#include "engine/base/clock.h"
#include "engine/io/run_directory.h"
#include "tui/workbench/forms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double metrics_seconds = 0.25, answer_seconds = 20;

/* --- to the run --- */

Status link_open(Link *link, View *view, const char *directory)
{
    *link = (Link){.view = view, .metrics_stale = true};
    link->client.socket = -1;
    snprintf(view->directory, sizeof view->directory, "%s", directory);
    TRY(client_open(directory, &link->client));
    view->state = RUN_TRAINING;
    return STATUS_OK;
}

void link_close(Link *link)
{
    client_close(&link->client);
    for (int i = 0; i < TOPICS; i++) {
        buffer_free(&link->questions[i].answer);
        buffer_free(&link->questions[i].line);
    }
}

static Status send_line(Link *link, WireType type, const char *text, int64_t *id)
{
    *id = ++link->last_id;
    return client_send(&link->client, &(WireMessage){.type = type, .id = *id, .text = text});
}

Status link_line(Link *link, const char *text)
{
    TRY(send_line(link, WIRE_LINE, text, &link->line_id));
    link->pending++;
    link->view->evaluating = true;
    link->view->waiting[0] = '\0';
    return STATUS_OK;
}

Status link_interrupt(Link *link)
{
    return client_send(&link->client, &(WireMessage){.type = WIRE_INTERRUPT});
}

Status link_complete(Link *link, const char *line)
{
    return send_line(link, WIRE_COMPLETE, line, &link->words_id);
}

/* --- from the run --- */

static void lose(Link *link)
{
    View *view = link->view;
    if (view->state == RUN_OVER || view->state == RUN_LOST) return;
    view->state = RUN_LOST;
    link->failed = true;
    snprintf(link->farewell, sizeof link->farewell, "%s", status_message());
    snprintf(view->note, sizeof view->note, "%s", status_message());
}

/* From the steps between two reports. */
static void estimate(Link *link, const WireMessage *message)
{
    View *view = link->view;
    double now = clock_seconds(), tokens = answer_number(message->metrics, "tokens");
    double seconds = answer_number(message->metrics, "seconds"),
           rate = seconds > 0 ? tokens / seconds : (double)NAN;
    if (!isnan(rate)) view->rate = isnan(view->rate) ? rate : 0.8 * view->rate + 0.2 * rate;
    double each = (now - link->progress_time) / (double)(message->step - link->progress_step);
    if (link->progress_time > 0 && message->step > link->progress_step && isfinite(each)) {
        double left = each * (double)(message->steps - message->step);
        view->left = isnan(view->left) ? left : 0.9 * view->left + 0.1 * left;
    }
    link->progress_time = now;
    link->progress_step = message->step;
}

static void take_progress(Link *link, const WireMessage *message)
{
    View *view = link->view;
    char name[VIEW_NAME + 8];
    estimate(link, message);
    view->step = message->step;
    view->steps = message->steps;
    view->lr = answer_number(message->metrics, "lr");
    for (int i = 0; i < view->objective_count; i++) {
        snprintf(name, sizeof name, "loss.%s", view->objectives[i].name);
        double value = answer_number(message->metrics, name);
        if (json_object_get(message->metrics, name)) view->objectives[i].value = value;
    }
    link->metrics_stale = true;
}

static Status take_log(Link *link, const char *text, Style style)
{
    TRY(scroll_line(&link->view->log, style, text));
    link->questions[TOPIC_RUN].due = 0; /* what was told may have changed much */
    return STATUS_OK;
}

static struct Question *question_of(Link *link, int64_t id)
{
    for (int i = 0; i < TOPICS; i++)
        if (link->questions[i].id == id) return &link->questions[i];
    return NULL;
}

static Status take_output(Link *link, const WireMessage *message)
{
    struct Question *question = question_of(link, message->id);
    if (question) return buffer_append(&question->answer, message->text, message->text_length);
    return scroll_add(&link->view->console, STYLE_TEXT, message->text, message->text_length);
}

static Status finish_question(Link *link, struct Question *question, const WireMessage *message)
{
    Topic topic = (Topic)(question - link->questions);
    Status status = STATUS_OK;
    double seconds = 0;
    question->id = 0;
    if (strcmp(message->status, "done") == 0 && question->answer.length)
        status = answer_take(link->view, topic, question->answer.data, question->answer.length, &seconds);
    else if (strcmp(message->status, "failed") == 0 && !answer_failed(link->view, topic, message->text))
        status = scroll_line(&link->view->log, STYLE_BAD, message->text);
    buffer_clear(&question->answer);
    if (question->due < clock_seconds() + TOPIC_SHARE * seconds)
        question->due = clock_seconds() + TOPIC_SHARE * seconds;
    const View *view = link->view; /* steps are reported now and then only, and undo() cuts them */
    if (!view->metrics || metrics_last_step(view->metrics) != view->step) link->metrics_stale = true;
    return status;
}

static Status finish_line(Link *link, const WireMessage *message)
{
    View *view = link->view;
    if (link->pending) link->pending--;
    view->evaluating = link->pending > 0;
    view->waiting[0] = '\0';
    bool bad = strcmp(message->status, "failed") == 0 || strcmp(message->status, "interrupted") == 0;
    if (bad && *message->text && view->focus.pane != PANE_PROMPT)
        snprintf(view->note, sizeof view->note, "%.*s", (int)strcspn(message->text, "\n"), message->text);
    forms_answered(view, bad, message->text);
    for (int i = 0; i < TOPICS; i++) link->questions[i].due = 0;
    return scroll_add(&view->console, bad ? STYLE_BAD : STYLE_TEXT, message->text, message->text_length);
}

static Status take_end(Link *link, const WireMessage *message)
{
    struct Question *question = question_of(link, message->id);
    return question ? finish_question(link, question, message) : finish_line(link, message);
}

static Status take_farewell(Link *link, const WireMessage *message)
{
    View *view = link->view;
    view->state = RUN_OVER;
    view->evaluating = false;
    link->failed = strcmp(message->status, "failed") == 0;
    link->stopped = strcmp(message->status, "stopped") == 0;
    link->metrics_stale = true;
    link->metrics_read = 0;
    snprintf(view->ending, sizeof view->ending, "%s", message->status);
    if (view->focus.pane != PANE_PROMPT) focus_show(&view->focus, PANE_LOG); /* the results stand there */
    snprintf(view->note, sizeof view->note, "%s; q leaves", message->text);
    snprintf(link->farewell, sizeof link->farewell, "%s", message->text);
    return scroll_line(&view->log, link->failed ? STYLE_BAD : STYLE_GOOD, message->text);
}

static Status take(Link *link, const WireMessage *message)
{
    switch (message->type) {
    case WIRE_PROGRESS: take_progress(link, message); return STATUS_OK;
    case WIRE_EVALUATION:
        snprintf(link->evaluation, sizeof link->evaluation, "%s", message->text);
        link->metrics_stale = true;
        return take_log(link, message->text, STYLE_GOOD);
    case WIRE_LOG:
        snprintf(link->view->note, sizeof link->view->note, "%s", message->text);
        TRY(scroll_line(&link->view->console, STYLE_DIM, message->text));
        return take_log(link, message->text, STYLE_TEXT);
    case WIRE_OUTPUT: return take_output(link, message);
    case WIRE_DONE: return take_end(link, message);
    case WIRE_BYE: return take_farewell(link, message);
    case WIRE_WAITING:
        if (!question_of(link, message->id))
            snprintf(link->view->waiting, sizeof link->view->waiting, "%s", message->text);
        return STATUS_OK;
    case WIRE_WORDS:
        if (message->id == link->words_id && link->completed) link->completed(link->context, message);
        return STATUS_OK;
    default: return STATUS_OK;
    }
}

void link_take(Link *link, bool *changed)
{
    enum { AT_ONCE = 500 };
    bool got = true;
    for (int i = 0; i < AT_ONCE && got && link->view->state != RUN_OVER && link->view->state != RUN_LOST; i++) {
        WireMessage message;
        Status status = client_next(&link->client, 0, &message, &got);
        if (status == STATUS_OK && got) {
            status = take(link, &message);
            wire_clear(&message);
            *changed = true;
        }
        if (status == STATUS_OK) continue;
        *changed = true;
        lose(link);
    }
}

/* --- what is due --- */

/* A question that was not answered for long is asked again; another one under the same topic at once. */
static void ask(Link *link, Topic topic, unsigned shown, double now)
{
    struct Question *question = &link->questions[topic];
    Buffer line = {0};
    if (question->id && now - question->sent < answer_seconds) return;
    if (topic_line(topic, link->view, shown, &line) != STATUS_OK) line.length = 0;
    if (!line.length) buffer_clear(&question->line); /* who comes back to it is answered at once */
    if (line.length) {
        bool same = question->line.data && strcmp(question->line.data, line.data) == 0;
        if (!same || now >= question->due) {
            buffer_free(&question->line);
            question->line = line;
            line = (Buffer){0};
            question->sent = now;
            question->due = now + topic_records[topic].every;
            buffer_clear(&question->answer);
            if (send_line(link, WIRE_LOOK, question->line.data, &question->id) != STATUS_OK) lose(link);
        }
    }
    buffer_free(&line);
}

/* Where the run has none yet, the view keeps what it has. */
static bool read_metrics(Link *link, double now)
{
    MetricsStore *store;
    link->metrics_read = now;
    link->metrics_stale = false;
    if (run_directory_open_metrics(link->view->directory, &store) != STATUS_OK) return false;
    metrics_close(link->view->metrics);
    link->view->metrics = store;
    return true;
}

void link_refresh(Link *link, unsigned shown, bool *changed)
{
    double now = clock_seconds();
    if (link->metrics_stale && now - link->metrics_read >= metrics_seconds) *changed |= read_metrics(link, now);
    link_refresh_overlays(link, now, changed);
    if (link->view->state != RUN_TRAINING && link->view->state != RUN_PAUSED) return;
    for (int i = 0; i < TOPICS; i++) ask(link, (Topic)i, shown, now);
}
