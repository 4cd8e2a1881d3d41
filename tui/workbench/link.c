/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/link.h"

#include "engine/base/clock.h"
#include "engine/io/run_directory.h"
#include "engine/io/run_log.h"
#include "tui/workbench/forms.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double metrics_seconds = 0.25, silent_seconds = 4;
/* Questions have ids from here on, lines of a person those below. */
static const int64_t first_look = INT64_C(1) << 40;

/* --- to the run --- */

void link_new(Link *link, View *view, const char *directory, const DetachedRun *child)
{
    *link = (Link){.client = {.socket = -1},
                   .view = view,
                   .child = child ? *child : (DetachedRun){.words = -1},
                   .last_look = first_look,
                   .metrics_stale = true};
    snprintf(view->directory, sizeof view->directory, "%s", directory);
    if (log_follow_begin(directory, &link->log) != STATUS_OK) log_follow_end(&link->log);
}

void link_close(Link *link)
{
    client_close(&link->client);
    detach_forget(&link->child);
    log_follow_end(&link->log);
    for (int i = 0; i < TOPICS; i++) {
        buffer_free(&link->questions[i].answer);
        buffer_free(&link->questions[i].line);
    }
}

static Status send_text(Link *link, WireType type, int64_t id, const char *text)
{
    if (link->client.socket < 0) return status_fail(STATUS_IO, "the run does not listen yet");
    return client_send(&link->client, &(WireMessage){.type = type, .id = id, .text = text});
}

Status link_line(Link *link, const char *text)
{
    TRY(send_text(link, WIRE_LINE, ++link->last_id, text));
    if (link->pending++ == 0) link->answer_from = link->view->console.begun;
    link->view->evaluating = true;
    link->view->waiting[0] = '\0';
    return STATUS_OK;
}

Status link_interrupt(Link *link)
{
    return link->client.socket < 0 ? STATUS_OK : client_send(&link->client, &(WireMessage){.type = WIRE_INTERRUPT});
}

Status link_complete(Link *link, const char *line)
{
    link->words_id = ++link->last_id;
    return send_text(link, WIRE_COMPLETE, link->words_id, line);
}

/* --- from the run --- */

static void note(View *view, const char *text)
{
    snprintf(view->note, sizeof view->note, "%.*s", (int)strcspn(text, "\n"), text);
}

static void take_progress(Link *link, const WireMessage *message)
{
    View *view = link->view;
    char name[VIEW_NAME + 8];
    pace_take(&link->pace, link->heard, message->step, answer_number(message->metrics, "tokens"),
              answer_number(message->metrics, "seconds"));
    if (view->state == RUN_CONNECTING) view->state = RUN_TRAINING;
    view->task[0] = '\0';
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

/* Evaluations come again and again, so they count among the steps' time; other tasks do not. */
static void take_task(Link *link, const WireMessage *message)
{
    View *view = link->view;
    snprintf(view->task, sizeof view->task, "%s", message->text);
    view->task_done = message->step;
    view->task_all = message->steps;
    if (strcmp(message->text, "evaluating") != 0) pace_pause(&link->pace);
    if (!*message->text) link->questions[TOPIC_RUN].due = 0;
}

static void take_role(Link *link, const WireMessage *message)
{
    View *view = link->view;
    if (strcmp(message->status, "look") == 0) {
        if (view->state == RUN_CONNECTING || view->state == RUN_LOST) {
            view->state = RUN_OVER;
            snprintf(view->ending, sizeof view->ending, "over");
        }
        if (!*message->text) return; /* its state is being read */
        view->state = RUN_LOOKING;
        snprintf(view->ending, sizeof view->ending, "%.*s", (int)strcspn(message->text, " "), message->text);
        link->stopped = strcmp(view->ending, "stopped") == 0;
        link->questions[TOPIC_RUN].due = 0;
        return;
    }
    link->looked = link->failed = false;
    link->farewell[0] = '\0';
    view->guest = strcmp(message->status, "guest") == 0;
    snprintf(view->controller, sizeof view->controller, "%s", message->text);
}

/* A pause or a change of branch: what was told may have changed much. */
static Status take_news(Link *link, const char *text)
{
    note(link->view, text);
    link->questions[TOPIC_RUN].due = 0;
    return scroll_line(&link->view->console, STYLE_DIM, text);
}

static bool is_look(int64_t id)
{
    return id >= first_look;
}

/* NULL for an answer that nobody waits for. */
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
    if (is_look(message->id)) return STATUS_OK;
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
        status = log_follow_add(&link->log, LOG_WARNING, link->view->step, message->text, &link->view->log);
    if (status == STATUS_FORMAT) /* what came before it is kept */
        status = log_follow_add(&link->log, LOG_WARNING, link->view->step, status_message(), &link->view->log);
    buffer_clear(&question->answer);
    if (question->due < clock_seconds() + TOPIC_SHARE * seconds)
        question->due = clock_seconds() + TOPIC_SHARE * seconds;
    const View *view = link->view; /* steps are reported now and then only, and undo() cuts them */
    if (!view->metrics || metrics_last_step(view->metrics) != view->step) link->metrics_stale = true;
    return status;
}

/* What a key has done must be seen where the prompt is not: a line as a note, more in a box. */
static void show_answer(Link *link)
{
    View *view = link->view;
    int lines = (int)(view->console.begun - link->answer_from);
    if (link->pending || lines < 1 || link->shown & 1u << PANE_PROMPT) return;
    if (lines > 1)
        view->answer = lines;
    else
        note(view, scroll_get(&view->console, view->console.count - 1)->text);
}

static Status finish_line(Link *link, const WireMessage *message)
{
    View *view = link->view;
    if (link->pending) link->pending--;
    view->evaluating = link->pending > 0;
    view->waiting[0] = '\0';
    bool bad = strcmp(message->status, "failed") == 0 || strcmp(message->status, "interrupted") == 0;
    if (bad && *message->text && view->focus.pane != PANE_PROMPT) note(view, message->text);
    forms_answered(view, bad, message->text);
    for (int i = 0; i < TOPICS; i++) link->questions[i].due = 0;
    TRY(scroll_add(&view->console, bad ? STYLE_BAD : STYLE_TEXT, message->text, message->text_length));
    show_answer(link);
    return STATUS_OK;
}

static Status take_end(Link *link, const WireMessage *message)
{
    struct Question *question = question_of(link, message->id);
    if (question) return finish_question(link, question, message);
    return is_look(message->id) ? STATUS_OK : finish_line(link, message);
}

/* The run is over; what is left of it can be looked at. */
static Status take_farewell(Link *link, const WireMessage *message)
{
    View *view = link->view;
    bool looked = view->state == RUN_LOOKING, starts = view->state == RUN_CONNECTING && link->child.process;
    link_leave(link, false);
    if (starts) return STATUS_OK; /* its exit status and its words say why (link_seek()) */
    view->state = RUN_OVER;
    if (looked) return take_news(link, message->text);
    link->failed = strcmp(message->status, "failed") == 0;
    link->stopped = strcmp(message->status, "stopped") == 0;
    link->metrics_stale = true;
    link->metrics_read = 0;
    snprintf(view->ending, sizeof view->ending, "%s", message->status);
    if (view->focus.pane != PANE_PROMPT) focus_show(&view->focus, PANE_LOG); /* the results stand there */
    snprintf(view->note, sizeof view->note, "%s; q leaves", message->text);
    snprintf(link->farewell, sizeof link->farewell, "%s", message->text);
    return STATUS_OK;
}

static Status take(Link *link, const WireMessage *message)
{
    if (link->phase == LINK_GREETS) return link_greet(link, message);
    switch (message->type) {
    case WIRE_PROGRESS: take_progress(link, message); return STATUS_OK;
    case WIRE_EVALUATION: link->metrics_stale = true; return STATUS_OK;
    case WIRE_TASK: take_task(link, message); return STATUS_OK;
    case WIRE_ROLE: take_role(link, message); return STATUS_OK;
    case WIRE_LOG: return take_news(link, message->text);
    case WIRE_OUTPUT: return take_output(link, message);
    case WIRE_DONE: return take_end(link, message);
    case WIRE_BYE: return take_farewell(link, message);
    case WIRE_WAITING:
        if (!is_look(message->id)) snprintf(link->view->waiting, sizeof link->view->waiting, "%s", message->text);
        return STATUS_OK;
    case WIRE_WORDS:
        if (message->id == link->words_id && link->completed) link->completed(link->context, message);
        return STATUS_OK;
    default: return STATUS_OK;
    }
}

/* What is read further up stays where it is while lines come at the end. */
static void keep_place(View *view, PaneId pane, int added)
{
    if (view->offsets[pane]) view_scroll(view, pane, added);
}

void link_take(Link *link, bool *changed)
{
    enum { AT_ONCE = 500 };
    bool got = true;
    uint64_t console = link->view->console.begun;
    for (int i = 0; i < AT_ONCE && got && link->client.socket >= 0; i++) {
        WireMessage message;
        Status status = client_next(&link->client, 0, &message, &got);
        if (status == STATUS_OK && got) {
            link->heard = clock_seconds();
            status = take(link, &message);
            wire_clear(&message);
            *changed = true;
        }
        if (status == STATUS_OK) continue;
        *changed = true;
        link_leave(link, true);
    }
    keep_place(link->view, PANE_PROMPT, (int)(link->view->console.begun - console));
}

/* --- what is due --- */

/* One question of a topic at a time, however long its answer takes; another one under the same topic at once. */
static void ask(Link *link, Topic topic, unsigned shown, double now)
{
    struct Question *question = &link->questions[topic];
    Buffer line = {0};
    if (question->id) return;
    if (topic_line(topic, link->view, shown, &line) != STATUS_OK) line.length = 0;
    bool same = line.length && question->line.data && strcmp(question->line.data, line.data) == 0;
    if (line.length && same && now < question->due) {
        buffer_free(&line);
        return;
    }
    buffer_free(&question->line); /* nothing is to be asked: who comes back to it is answered at once */
    if (!line.length) {
        buffer_free(&line);
        return;
    }
    question->line = line;
    question->id = ++link->last_look;
    question->sent = now;
    question->due = now + topic_records[topic].every;
    /* That the run is gone is found by reading: a farewell may stand there. */
    bool sent = send_text(link, WIRE_LOOK, question->id, question->line.data) == STATUS_OK;
    if (!sent && !link->client.lost) link_leave(link, true);
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

/* How long the run owes an answer, in which nothing came of it; 0: it answers. */
static int silence(const Link *link, double now)
{
    double waited = 0;
    for (int i = 0; i < TOPICS; i++)
        if (link->questions[i].id && now - link->questions[i].sent > waited) waited = now - link->questions[i].sent;
    if (now - link->heard < waited) waited = now - link->heard;
    return waited >= silent_seconds && link->phase == LINK_OPEN ? (int)waited : 0;
}

/* Numbers that are not true now are not shown. */
static void refresh_state(Link *link, double now, bool *changed)
{
    View *view = link->view;
    int silent = silence(link, now);
    bool trains = view->state == RUN_TRAINING && !silent && (!view->task[0] || link->pace.begun);
    *changed |= silent != view->silent;
    view->silent = silent;
    view->connected = link->phase == LINK_OPEN;
    bool somebody = link->child.process || view->connected;
    view->begins = view->state == RUN_CONNECTING && somebody && !link->looked;
    view->rate = trains ? pace_rate(&link->pace) : (double)NAN;
    view->left = trains ? pace_left(&link->pace, view->steps) : (double)NAN;
    if (view->state != RUN_TRAINING) pace_pause(&link->pace);
}

static void follow_log(Link *link, bool *changed)
{
    View *view = link->view;
    uint64_t begun = view->log.begun;
    bool over = view->state == RUN_OVER || view->state == RUN_LOOKING;
    Status status = log_follow_read(&link->log, over ? -1 : view->step, &view->log);
    if (status != STATUS_OK) note(view, status_message());
    *changed |= view->log.begun != begun;
    int added = 0;
    for (int i = 1; (uint64_t)i <= view->log.begun - begun && i <= view->log.count; i++)
        added += scroll_get(&view->log, view->log.count - i)->stamp.level >= view->log_level;
    keep_place(view, PANE_LOG, added);
}

void link_refresh(Link *link, unsigned shown, bool *changed)
{
    double now = clock_seconds();
    link->shown = shown;
    if (link->phase == LINK_SEEKS) link_seek(link, now, changed);
    if (link->metrics_stale && now - link->metrics_read >= metrics_seconds) *changed |= read_metrics(link, now);
    link_refresh_overlays(link, now, changed);
    for (int i = 0; i < TOPICS && link->phase == LINK_OPEN; i++) ask(link, (Topic)i, shown, now);
    follow_log(link, changed);
    refresh_state(link, now, changed);
}
