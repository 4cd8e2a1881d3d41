/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prompt on a terminal: readline with history and completion. readline's own memory comes from malloc and goes
 * back with free. */
#include "engine/base/cancel.h"
#include "engine/base/memory.h"
#include "engine/base/signals.h"
#include "tui/prompt_history.h"
#include "tui/repl.h"

#include <errno.h>
#include <poll.h>
#include <readline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const Prompt *current; /* readline's callbacks take no context */
static volatile sig_atomic_t evaluating, abandoned;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (evaluating)
        cancel_request();
    else
        abandoned = 1;
}

/* What came while the prompt waits stands above it. False: the prompt is over. */
static bool show_news(void)
{
    if (!current->ready(current->context)) return true;
    bool over = current->over(current->context);
    if (over) rl_replace_line("", 0);
    rl_clear_visible_line();
    current->show(current->context);
    fflush(stdout);
    rl_on_new_line();
    if (!over) rl_redisplay();
    return !over;
}

/* Until a key can be read or the line is given up; false: the prompt is over. A signal does not end the wait for
 * news: tmux tells of a window's new size a while after it has it. */
static bool wait_for_key(int keys)
{
    struct pollfd list[2] = {{.fd = keys, .events = POLLIN}, {.fd = current->watched, .events = POLLIN}};
    while (!abandoned && !list[0].revents) {
        if (poll(list, 2, -1) >= 0) {
            if (list[1].revents && !show_news()) return false;
        } else {
            if (errno != EINTR) return false;
            rl_check_signals(); /* the window's size */
        }
    }
    return true;
}

/* readline's reader: Ctrl-C while it waits ends the line, which is then thrown away. */
static int get_character(FILE *file)
{
    unsigned char character;
    for (;;) {
        if (!wait_for_key(fileno(file))) return EOF;
        if (abandoned) break;
        ssize_t got = read(fileno(file), &character, 1);
        if (got == 1) return character;
        if (got == 0 || errno != EINTR) return EOF;
    }
    fputs("^C", rl_outstream);
    rl_replace_line("", 0);
    return '\n';
}

/* --- completion --- */

static Buffer candidates; /* of the last Tab: "word\tdoc\n" each */

/* The longest common beginning first, as readline wants it. */
static char *common_beginning(char **words)
{
    size_t length = strlen(words[0]);
    for (char **word = words + 1; *word; word++) {
        size_t same = 0;
        while (same < length && (*word)[same] == words[0][same]) same++;
        length = same;
    }
    return strndup(words[0], length);
}

/* Of a candidate of the list, NULL where there is none. */
static const char *doc_of(const char *word, int *length)
{
    size_t size = strlen(word);
    for (const char *at = candidates.data; at && *at; at = strchr(at, '\n') + 1) {
        if (strcspn(at, "\t\n") != size || memcmp(at, word, size) != 0) continue;
        at += size + (at[size] == '\t');
        *length = (int)strcspn(at, "\n");
        return *length ? at : NULL;
    }
    return NULL;
}

static void show_word(const char *word, int width)
{
    int length = 0;
    const char *doc = doc_of(word, &length);
    if (doc && length > 100) length = 100;
    fprintf(rl_outstream, doc ? "  %-*s  %.*s\n" : "  %-*s\n", width, word, length, doc);
}

/* Those that a screen has room for with what they are, many side by side. */
static void show_words(char **words, int count, int longest)
{
    int rows, columns;
    rl_get_screen_size(&rows, &columns);
    if (count + 2 > rows) {
        rl_display_match_list(words, count, longest);
    } else {
        rl_crlf();
        for (int i = 1; i <= count; i++) show_word(words[i], longest);
    }
    rl_forced_update_display();
}

/* The only candidate: what it is stands above the line. */
static void show_only(const char *word)
{
    int length;
    if (!doc_of(word, &length)) return;
    rl_crlf();
    show_word(word, 0);
    rl_on_new_line();
}

static char **to_readline(void)
{
    size_t count = 0;
    for (const char *at = candidates.data; at && (at = strchr(at, '\n')); at++) count++;
    char **list = count ? calloc(count + 2, sizeof *list) : NULL;
    if (!list) return NULL;
    const char *at = candidates.data;
    for (size_t i = 0; i < count; i++, at = strchr(at, '\n') + 1) list[i + 1] = strndup(at, strcspn(at, "\t\n"));
    list[0] = common_beginning(list + 1);
    if (count > 1) return list;
    free(list[1]);
    list[1] = NULL;
    show_only(list[0]);
    return list;
}

static char **complete(const char *text, int start, int end)
{
    char *line = strndup(rl_line_buffer, (size_t)end);
    size_t from;
    (void)text;
    (void)start;
    rl_attempted_completion_over = 1;
    rl_completion_append_character = '\0';
    buffer_clear(&candidates);
    Status status = line ? current->complete(current->context, line, &from, &candidates) : STATUS_NOMEM;
    free(line);
    return status == STATUS_OK ? to_readline() : NULL;
}

static void start_readline(void)
{
    rl_readline_name = "lathe";
    rl_catch_signals = 0;
    rl_getc_function = get_character;
    rl_attempted_completion_function = complete;
    rl_completion_display_matches_hook = show_words;
    rl_basic_word_break_characters = " \t\n\"\\'`@$><=;|&{(+-*/%^#,~?";
    rl_variable_bind("enable-bracketed-paste", "on");
}

/* --- the loop --- */

static Status evaluate_line(const Prompt *prompt, const char *line, bool *more)
{
    cancel_clear();
    evaluating = 1;
    Status status = prompt->line(prompt->context, line, more);
    evaluating = 0;
    cancel_clear();
    fflush(stdout);
    return status;
}

static Status loop(const Prompt *prompt, const Buffer *history)
{
    bool more = false;
    Status status = STATUS_OK;
    while (status == STATUS_OK && !prompt->over(prompt->context)) {
        char *line = readline(more ? "    .. " : "lathe> ");
        if (!line) {
            if (!prompt->over(prompt->context)) puts("");
            break;
        }
        if (abandoned) {
            prompt->abandon(prompt->context);
            more = false;
        } else {
            prompt_history_add(line, history);
            status = evaluate_line(prompt, line, &more);
        }
        abandoned = 0;
        free(line);
    }
    return status;
}

Status prompt_read_terminal(const Prompt *prompt)
{
    struct sigaction before;
    Buffer history = {0};
    current = prompt;
    start_readline();
    prompt_history_load(&history);
    signals_catch(SIGINT, on_interrupt, &before);
    Status status = loop(prompt, &history);
    sigaction(SIGINT, &before, NULL);
    buffer_free(&history);
    buffer_free(&candidates);
    current = NULL;
    return status;
}

/* --- the prompt of this process --- */

static Status own_line(void *context, const char *line, bool *more)
{
    return repl_line(context, line, more, NULL);
}

static void own_abandon(void *context)
{
    repl_abandon(context);
}

static Status own_complete(void *context, const char *line, size_t *start, Buffer *out)
{
    return repl_complete(context, line, start, out);
}

static bool own_over(void *context)
{
    int code;
    return host_exit_requested(repl_host(context), &code);
}

Status repl_read_terminal(Repl *repl)
{
    const Prompt prompt = {.line = own_line,
                           .abandon = own_abandon,
                           .complete = own_complete,
                           .over = own_over,
                           .watched = -1,
                           .context = repl};
    return prompt_read_terminal(&prompt);
}
