/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/attend.h"

#include "engine/base/clock.h"
#include "engine/base/memory.h"
#include "engine/base/signals.h"
#include "engine/io/file.h"
#include "engine/io/run_directory.h"
#include "tui/repl.h"
#include "tui/workbench/input_line.h"
#include "tui/workbench/link.h"
#include "tui/workbench/screen.h"
#include "tui/workbench/settings.h"
#include "tui/workbench/workbench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TICK_MILLISECONDS = 100, MOST_BYTES = 4096 };
static const double least_between_frames = 0.09; /* of what comes by itself; keys are shown at once */
static const double note_seconds = 6;            /* then the keys stand there again */

typedef struct Attend {
    Workbench workbench;
    Link link;
    Host *host;
    Repl *repl; /* gathers lines to chunks; runs nothing */
    Keys keys;
    Grid grid;
    double drawn, noted; /* noted: since when the note is there */
    char note[sizeof((View *)0)->note];
    bool changed, pressed;
} Attend;

/* --- signals: they only wake the loop --- */

static volatile sig_atomic_t resized, hung_up;
static int wake = -1;

static void on_signal(int number)
{
    uint64_t one = 1;
    int error = errno;
    if (number == SIGWINCH || number == SIGCONT)
        resized = 1;
    else
        hung_up = number;
    ssize_t written = write(wake, &one, sizeof one);
    (void)written; /* full means awake */
    errno = error;
}

static const int signals_taken[] = {SIGWINCH, SIGCONT, SIGTERM, SIGHUP, SIGINT};
enum { SIGNALS = sizeof signals_taken / sizeof *signals_taken };
static struct sigaction handlers_before[SIGNALS];

static void catch_signals(void)
{
    resized = hung_up = 0;
    wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < SIGNALS; i++) signals_catch(signals_taken[i], on_signal, &handlers_before[i]);
}

static void forget_signals(void)
{
    for (int i = 0; i < SIGNALS; i++) sigaction(signals_taken[i], &handlers_before[i], NULL);
    if (wake >= 0) close(wake);
    wake = -1;
}

/* --- what the workbench asks for --- */

static void tell(Attend *attend, Status status)
{
    if (status != STATUS_OK) workbench_note(&attend->workbench, "%s", status_message());
}

static void port_send(void *context, const char *line)
{
    Attend *attend = context;
    tell(attend, link_line(&attend->link, line));
}

static void port_interrupt(void *context)
{
    Attend *attend = context;
    tell(attend, link_interrupt(&attend->link));
}

static void port_type(void *context, const Key *key)
{
    Attend *attend = context;
    if (key->code == 3) {
        repl_abandon(attend->repl);
        attend->workbench.view.prompt = "lathe> ";
        input_abandon();
        return;
    }
    input_key(key);
}

static void port_paste(void *context, const char *text)
{
    (void)context;
    input_paste(text);
}

static void port_put(void *context, const char *line)
{
    (void)context;
    input_put(line);
}

static void port_overlay(void *context, const char *name)
{
    Attend *attend = context;
    tell(attend, link_overlay(&attend->link, name));
}

static void port_overlay_run(void *context, const char *path)
{
    Attend *attend = context;
    tell(attend, link_overlay_run(&attend->link, path));
}

static void port_find_runs(void *context)
{
    link_find_runs(&((Attend *)context)->link);
}

static void port_suspend(void *context)
{
    (void)context;
    screen_suspend();
}

static void port_resume(void *context)
{
    Attend *attend = context;
    tell(attend, link_resume(&attend->link));
}

static void port_end_start(void *context)
{
    Attend *attend = context;
    tell(attend, link_end_start(&attend->link));
}

/* --- the prompt --- */

/* A chunk that is whole is sent; one that is not goes on in the next line. */
static Status take_line(Attend *attend, const char *line)
{
    View *view = &attend->workbench.view;
    const char *chunk;
    bool more = false;
    char *shown;
    size_t size = strlen(line) + 16;
    TRY(memory_new(size, 1, &shown));
    snprintf(shown, size, "%s%s", view->prompt, line);
    Status status = scroll_line(&view->console, STYLE_HEADING, shown);
    memory_free(shown);
    TRY(status);
    TRY(repl_gather(attend->repl, line, &more, &chunk));
    view->prompt = more ? "    .. " : "lathe> ";
    return chunk ? link_line(&attend->link, chunk) : STATUS_OK;
}

static bool on_entered(void *context, const char *line)
{
    Attend *attend = context;
    const Key leave = {.code = 4};
    View *view = &attend->workbench.view;
    if (line && !view->connected) {
        workbench_note(&attend->workbench, "nobody is there to be asked: %s",
                       view->state == RUN_CONNECTING ? "the run does not listen yet" : "the run is over");
        return false;
    }
    if (line) {
        tell(attend, take_line(attend, line));
        return true;
    }
    focus_set(&view->focus, PANE_CURVES);
    workbench_key(&attend->workbench, &leave, "");
    return true;
}

static void on_complete(void *context, const char *line)
{
    Attend *attend = context;
    tell(attend, link_complete(&attend->link, line));
}

/* What all have in common is typed; those that there are are listed above the line. */
static void on_words(void *context, const WireMessage *message)
{
    enum { MOST_LISTED = 24 };
    Attend *attend = context;
    char common[256] = "", line[512];
    int count = 0;
    for (const char *at = message->text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        int length = (int)strcspn(at, "\t\n");
        if (count++ == 0) {
            snprintf(common, sizeof common, "%.*s", length, at);
            continue;
        }
        size_t same = 0;
        while (same < (size_t)length && common[same] && common[same] == at[same]) same++;
        common[same] = '\0';
    }
    if (!count) return;
    input_replace_word((size_t)message->start, common);
    int listed =
        count == 1 && strstr(message->text, "\t\n") ? MOST_LISTED : 0; /* one that nothing is known about */
    for (const char *at = message->text; *at && listed < MOST_LISTED; listed++) {
        int length = (int)strcspn(at, "\t\n"), whole = (int)strcspn(at, "\n");
        snprintf(line, sizeof line, "  %-32.*s %.*s", length, at, whole - length,
                 at + length + (at[length] == '\t'));
        tell(attend, scroll_line(&attend->workbench.view.console, STYLE_DIM, line));
        at += whole + (at[whole] == '\n');
    }
}

/* --- the loop --- */

static void show(Attend *attend)
{
    View *view = &attend->workbench.view;
    int width, height, x, y;
    view->input = input_text();
    view->input_cursor = input_cursor();
    view->searching = input_searching();
    screen_theme(view->theme);
    screen_mouse(view->mouse);
    screen_size(&width, &height);
    if (workbench_draw(&attend->workbench, &attend->grid, width, height, &x, &y) != STATUS_OK) return;
    screen_show(&attend->grid, x, y);
    attend->drawn = clock_seconds();
    attend->changed = attend->pressed = false;
}

static void press(Attend *attend, const Key *key)
{
    workbench_key(&attend->workbench, key, keys_pasted(&attend->keys));
    attend->pressed = true;
}

static void read_keys(Attend *attend)
{
    unsigned char bytes[MOST_BYTES];
    Key key;
    ssize_t got = read(screen_input(), bytes, sizeof bytes);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) hung_up = SIGHUP;
    for (ssize_t i = 0; i < got; i++)
        if (keys_take(&attend->keys, bytes[i], &key)) press(attend, &key);
}

static void end_sequence(Attend *attend)
{
    Key key;
    while (keys_pause(&attend->keys, &key)) press(attend, &key);
}

static void take_held(Attend *attend)
{
    Buffer text = {0};
    if (screen_held(&text) == STATUS_OK && text.length) {
        View *view = &attend->workbench.view;
        tell(attend, log_follow_add(&attend->link.log, LOG_WARNING, view->step, text.data, &view->log));
        attend->changed = true;
    }
    buffer_free(&text);
}

/* Bits of the panes that are on the screen. */
static unsigned panes_shown(const Attend *attend)
{
    Layout layout = layout_make(attend->workbench.width, attend->workbench.height, &attend->workbench.view.focus);
    unsigned shown = 0;
    for (int i = 0; i < PANE_COUNT; i++)
        if (layout.panes[i].width) shown |= 1u << i;
    return shown;
}

static void wait_for_news(Attend *attend)
{
    struct pollfd list[3] = {{.fd = screen_input(), .events = POLLIN},
                             {.fd = wake, .events = POLLIN},
                             {.fd = attend->link.client.socket, .events = POLLIN}};
    int milliseconds = keys_waiting(&attend->keys) ? KEYS_ESCAPE_MILLISECONDS : TICK_MILLISECONDS;
    uint64_t times;
    int ready = poll(list, 3, milliseconds);
    if (ready == 0 && keys_waiting(&attend->keys)) end_sequence(attend);
    if (ready <= 0) return;
    if (list[1].revents && read(wake, &times, sizeof times) < 0 && errno != EAGAIN) hung_up = SIGHUP;
    if (list[0].revents) read_keys(attend);
}

/* A note that nobody's key takes away goes by itself. */
static void age_note(Attend *attend)
{
    char *note = attend->workbench.view.note;
    double now = clock_seconds();
    if (attend->pressed || strcmp(note, attend->note) != 0) {
        snprintf(attend->note, sizeof attend->note, "%s", note);
        attend->noted = now;
    } else if (*note && now - attend->noted > note_seconds) {
        *note = *attend->note = '\0';
        attend->changed = true;
    }
}

static void turn(Attend *attend)
{
    wait_for_news(attend);
    link_take(&attend->link, &attend->changed);
    link_refresh(&attend->link, panes_shown(attend), &attend->changed);
    overlay_settle(&attend->workbench);
    take_held(attend);
    age_note(attend);
    if (resized) screen_refresh(), resized = 0, attend->pressed = true;
    bool due = attend->changed && clock_seconds() - attend->drawn >= least_between_frames;
    if (attend->pressed || due) show(attend);
}

/* A directory that nobody has or ever had is told before the screen opens. */
static Status check_directory(const char *directory)
{
    json_t *config;
    if (run_directory_in_use(directory)) return STATUS_OK;
    TRY(run_directory_read_config(directory, &config));
    json_decref(config);
    return STATUS_OK;
}

/* A broken init.lua is told and keeps nobody out. */
static Status take_settings(View *view)
{
    Settings settings;
    Buffer trouble = {0};
    Status status = settings_load(&settings, &trouble);
    view->theme = (int)settings.theme;
    view->mouse = settings.mouse;
    view->curves.kind = (PlotKind)settings.dots;
    view->curves.log_y = settings.log_y;
    if (status == STATUS_OK && trouble.length) {
        const char *last = trouble.data;
        for (const char *at = last; (at = strchr(at, '\n')) && at[1]; at++) last = at + 1;
        snprintf(view->note, sizeof view->note, "%.*s", (int)strcspn(last, "\n"), last);
        status = scroll_add(&view->log, STYLE_WARN, trouble.data, trouble.length);
    }
    buffer_free(&trouble);
    return status;
}

static Status open_all(Attend *attend, const char *directory, const DetachedRun *child)
{
    const Port port = {.send = port_send,
                       .interrupt = port_interrupt,
                       .type = port_type,
                       .paste = port_paste,
                       .put = port_put,
                       .overlay = port_overlay,
                       .overlay_run = port_overlay_run,
                       .find_runs = port_find_runs,
                       .suspend = port_suspend,
                       .resume = port_resume,
                       .end_start = port_end_start,
                       .context = attend};
    View *view = &attend->workbench.view;
    link_new(&attend->link, view, directory, child);
    TRY(workbench_init(&attend->workbench, &port));
    snprintf(view->directory, sizeof view->directory, "%s", directory);
    if (!child) TRY(check_directory(directory));
    TRY(take_settings(view));
    TRY(host_new(&(HostOptions){.restricted = true}, &attend->host));
    TRY(repl_new(attend->host, &attend->repl));
    attend->link.completed = on_words;
    attend->link.context = attend;
    snprintf(view->run, sizeof view->run, "%s", file_name(directory));
    view->prompt = "lathe> ";
    TRY(screen_open());
    view->ascii = !screen_utf8();
    return STATUS_OK;
}

static void close_all(Attend *attend)
{
    screen_close();
    link_close(&attend->link);
    repl_free(attend->repl);
    host_free(attend->host);
    workbench_free(&attend->workbench);
    keys_free(&attend->keys);
    grid_free(&attend->grid);
}

/* A run that could not be started says why. */
static void print_refusal(const Link *link)
{
    Buffer words = {0};
    if (detach_words(&link->child, &words) == STATUS_OK && words.length)
        fwrite(words.data, 1, words.length, stderr);
    buffer_free(&words);
}

/* How the run ended, or how to come back to it. */
static void print_end(const Link *link)
{
    const char *directory = link->view->directory;
    RunState state = link->view->state;
    bool starts = state == RUN_CONNECTING, over = state == RUN_OVER || state == RUN_LOOKING || link->failed;
    if (link->refused) {
        print_refusal(link);
        return;
    }
    if (over && link->log.evaluation[0]) puts(link->log.evaluation);
    if (link->farewell[0]) puts(link->farewell);
    if (over && (link->stopped || link->failed)) printf("lathe run --resume %s goes on with it\n", directory);
    if (!over)
        printf("%s; lathe attach %s comes %s it\n", starts ? "the run is being started" : "the run goes on",
               directory, starts ? "to" : "back to");
}

bool attend_possible(void)
{
    return screen_possible();
}

/* Until the person leaves, or the run turns out not to start. */
static void attend_until_left(Attend *attend)
{
    const InputEvents events = {on_entered, on_complete, attend};
    catch_signals();
    input_open(&events);
    show(attend);
    while (!attend->workbench.leaving && !attend->link.refused && !hung_up) turn(attend);
    input_close();
    forget_signals();
}

Status attend_run(const char *directory, const DetachedRun *child, int *code)
{
    Attend attend = {0};
    Status status = open_all(&attend, directory, child);
    if (status == STATUS_OK) attend_until_left(&attend);
    screen_close();
    if (status == STATUS_OK) print_end(&attend.link);
    *code = attend.link.refused ? attend.link.child.code : attend.link.failed;
    if (attend.link.looked) detach_dismiss(&attend.link.child); /* the next one may have the run */
    close_all(&attend);
    return status;
}
