/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/input_line.h"

#include "tui/prompt_history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/readline.h>

static InputEvents events;
static Buffer history;
static FILE *nowhere; /* readline's terminal: never written to, always at its end */
static Key waiting;   /* bytes that readline takes one by one */
static int taken;
static char *kept; /* a line that was entered and not taken: readline empties its own */

/* Only called where a byte is there; what a command of readline's asks for beyond that is an empty one. */
static int next_byte(FILE *file)
{
    (void)file;
    return taken < waiting.length ? (unsigned char)waiting.bytes[taken++] : 0;
}

static void nothing(void)
{
}

static void no_terminal(int meta)
{
    (void)meta;
}

/* The history keeps what was typed, a zero byte being impossible in it. */
static void on_line(char *line)
{
    if (!events.entered(events.context, line)) {
        kept = line;
        return;
    }
    if (line) prompt_history_add(line, &history);
    free(line);
}

static int on_tab(int count, int key)
{
    char *line = strndup(rl_line_buffer, (size_t)rl_point);
    (void)count;
    (void)key;
    if (line) events.complete(events.context, line);
    free(line);
    return 0;
}

void input_open(const InputEvents *to)
{
    events = *to;
    nowhere = fopen("/dev/null", "r+");
    rl_readline_name = "lathe";
    rl_instream = rl_outstream = nowhere;
    rl_catch_signals = 0;
    rl_catch_sigwinch = 0;
    rl_change_environment = 0;
    rl_getc_function = next_byte;
    rl_redisplay_function = nothing;
    rl_prep_term_function = no_terminal;
    rl_deprep_term_function = nothing;
    rl_bind_key('\t', on_tab);
    rl_callback_handler_install("", on_line);
    rl_variable_bind("enable-bracketed-paste", "off");
    rl_variable_bind("bell-style", "none");
    rl_bind_key('\t', on_tab); /* the user's inputrc was read meanwhile */
    prompt_history_load(&history);
}

void input_close(void)
{
    rl_callback_handler_remove();
    buffer_free(&history);
    if (nowhere) fclose(nowhere);
    nowhere = NULL;
}

static void take_bytes(const Key *key)
{
    waiting = *key;
    taken = 0;
    while (taken < waiting.length) rl_callback_read_char();
    if (kept) input_put(kept);
    free(kept);
    kept = NULL;
}

/* A sequence is given whole, so that readline never waits for the rest of one. ESC alone ends a search as C-j does.
 */
void input_key(const Key *key)
{
    const Key end_of_search = {.bytes = "\n", .length = 1};
    bool vi_escape = key->code == KEY_ESCAPE && rl_editing_mode == 0;
    if (key->code == KEY_ESCAPE && input_searching())
        take_bytes(&end_of_search);
    else if (key->code != KEY_OTHER && (key->code != KEY_ESCAPE || vi_escape))
        take_bytes(key);
}

void input_abandon(void)
{
    const Key give_up = {.bytes = "\a", .length = 1}; /* C-g */
    if (input_searching()) take_bytes(&give_up);
    input_put("");
}

void input_paste(const char *text)
{
    rl_insert_text(text);
}

void input_put(const char *line)
{
    rl_replace_line(line, 1);
    rl_point = rl_end;
}

void input_replace_word(size_t start, const char *word)
{
    if ((int)start > rl_point) return;
    rl_begin_undo_group();
    rl_delete_text((int)start, rl_point);
    rl_point = (int)start;
    rl_insert_text(word);
    rl_end_undo_group();
}

const char *input_searching(void)
{
    return RL_ISSTATE(RL_STATE_ISEARCH | RL_STATE_NSEARCH) ? rl_display_prompt : NULL;
}

const char *input_text(void)
{
    return rl_line_buffer ? rl_line_buffer : "";
}

int input_cursor(void)
{
    return rl_point;
}
