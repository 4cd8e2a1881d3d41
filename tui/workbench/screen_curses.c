/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/screen.h"

#include "engine/base/memory.h"
#include "engine/base/signals.h"
#include "tui/workbench/held.h"
#include "tui/workbench/themes.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

enum { RESTORE_BYTES = 512 };
static const char on_modes[] = "\033[?2004h", off_modes[] = "\033[?2004l";
static const char mouse_on[] = "\033[?1000h\033[?1006h", mouse_off[] = "\033[?1006l\033[?1000l";

static SCREEN *screen;
static FILE *out; /* a descriptor of its own: standard output is held back meanwhile */
static Grid shown;
static struct termios before;
static bool utf8, mouse, colours;
static int theme;
/* For a crash: written as it is. */
static char restore[RESTORE_BYTES];
static volatile sig_atomic_t is_open;

static void write_all(const char *text, size_t length)
{
    ssize_t written = write(fileno(out), text, length);
    (void)written; /* a terminal that is gone needs nothing */
}

/* --- crashes --- */

/* And what ends the process, where nobody else has a handler for it. */
static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGHUP, SIGQUIT};
enum { CRASHES = sizeof crashes / sizeof *crashes };
static struct sigaction old_handlers[CRASHES];

/* Only what signal handlers may call. */
static void on_crash(int number)
{
    if (is_open) {
        is_open = 0;
        write_all(restore, strnlen(restore, sizeof restore));
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        held_spill();
    }
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_crashes(void)
{
    for (int i = 0; i < CRASHES; i++) signals_catch(crashes[i], on_crash, &old_handlers[i]);
}

static void forget_crashes(void)
{
    for (int i = 0; i < CRASHES; i++) sigaction(crashes[i], &old_handlers[i], NULL);
}

static void add_capability(char *name)
{
    const char *text = tigetstr(name);
    if (!text || text == (const char *)-1) return;
    size_t used = strlen(restore);
    snprintf(restore + used, sizeof restore - used, "%s", text);
}

static void prepare_restore(void)
{
    restore[0] = '\0';
    snprintf(restore, sizeof restore, "%s%s", mouse_off, off_modes);
    add_capability("sgr0");
    add_capability("rmcup");
    add_capability("cnorm");
    size_t used = strlen(restore);
    snprintf(restore + used, sizeof restore - used, "\r\n");
}

/* --- colours --- */

static void set_pairs(void)
{
    for (int i = 0; i < STYLE_COUNT && colours; i++) {
        const Look *look = theme_look(theme, (Style)i);
        bool many = COLORS >= 256;
        init_pair((short)(i + 1), many ? look->colour : look->plain, many ? look->ground : look->plain_ground);
    }
}

static attr_t attributes_of(int style)
{
    const Look *look = theme_look(colours ? theme : THEME_MONO, (Style)style);
    bool dim = look->dim && (look->colour < 0 || COLORS < 256);
    return (look->bold ? A_BOLD : 0) | (dim ? A_DIM : 0) | (look->reverse ? A_REVERSE : 0);
}

static void start_colours(void)
{
    const char *none = getenv("NO_COLOR");
    colours = false;
    if ((none && *none) || !has_colors() || start_color() != OK || use_default_colors() != OK) return;
    colours = true;
    set_pairs();
}

void screen_theme(int number)
{
    number = ((number % THEMES) + THEMES) % THEMES;
    if (number == theme || !screen) return;
    theme = number;
    set_pairs();
    screen_refresh();
}

/* --- opening and closing --- */

static void set_modes(void)
{
    raw();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, FALSE); /* keys are read as bytes, tui/workbench/keys.h */
    nodelay(stdscr, TRUE);
    write_all(on_modes, sizeof on_modes - 1);
    if (mouse) write_all(mouse_on, sizeof mouse_on - 1);
}

bool screen_possible(void)
{
    const char *term = getenv("TERM");
    int error;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) return false;
    return term && *term && setupterm(NULL, STDOUT_FILENO, &error) == OK && cursor_address;
}

static Status start(void)
{
    setlocale(LC_CTYPE, ""); /* numbers stay those of C */
    utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    int copy = dup(STDOUT_FILENO);
    out = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (!out || tcgetattr(STDIN_FILENO, &before) != 0)
        return status_fail(STATUS_INVALID, "the workbench needs a terminal; --plain prints lines");
    TRY(held_begin());
    screen = newterm(NULL, out, stdin);
    if (!screen) {
        held_end();
        const char *term = getenv("TERM");
        return status_fail(STATUS_INVALID, "the terminal '%.60s' is not known here; --plain prints lines",
                           term ? term : "");
    }
    set_term(screen);
    return STATUS_OK;
}

Status screen_open(void)
{
    static bool registered;
    Status status = start();
    if (status != STATUS_OK) {
        if (out) fclose(out);
        out = NULL;
        return status;
    }
    start_colours();
    prepare_restore();
    catch_crashes();
    is_open = 1;
    set_modes();
    if (!registered) atexit(screen_close);
    registered = true;
    return STATUS_OK;
}

/* Blank first: when tmux 3.3 takes back a screen that has grown meanwhile, it keeps rows that were written to their
 * ends, as all of ours are, and puts them before the shell's. */
static void leave_screen(void)
{
    erase();
    refresh();
    write_all(mouse_off, sizeof mouse_off - 1);
    write_all(off_modes, sizeof off_modes - 1);
    endwin();
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

void screen_close(void)
{
    if (!is_open) return;
    is_open = 0;
    leave_screen();
    delscreen(screen);
    screen = NULL;
    forget_crashes();
    fclose(out);
    out = NULL;
    grid_free(&shown);
    held_end();
}

void screen_suspend(void)
{
    leave_screen();
    raise(SIGSTOP);
    refresh();
    set_modes();
    screen_refresh();
}

/* --- showing --- */

bool screen_utf8(void)
{
    return utf8;
}

void screen_size(int *width, int *height)
{
    struct winsize size = {0};
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0 || !size.ws_col || !size.ws_row) {
        *width = COLS;
        *height = LINES;
        return;
    }
    *width = size.ws_col > GRID_MAX_WIDTH ? GRID_MAX_WIDTH : size.ws_col;
    *height = size.ws_row > GRID_MAX_HEIGHT ? GRID_MAX_HEIGHT : size.ws_row;
    if (*width != COLS || *height != LINES) {
        resizeterm(*height, *width);
        screen_refresh();
    }
}

void screen_refresh(void)
{
    grid_free(&shown);
    clearok(curscr, TRUE);
}

static void put_cell(const Cell *cell, int x, int y)
{
    wchar_t text[CELL_BYTES];
    cchar_t character;
    if (cell->width == 0) return;
    if (mbstowcs(text, cell->text, CELL_BYTES - 1) == (size_t)-1) wcscpy(text, L"?");
    text[CELL_BYTES - 1] = 0;
    if (wcslen(text) > CCHARW_MAX) text[CCHARW_MAX] = 0;
    short pair = colours ? (short)(cell->style + 1) : 0;
    if (setcchar(&character, text, attributes_of(cell->style), pair, NULL) == OK) mvadd_wch(y, x, &character);
}

/* Only what has changed is given to ncurses, which sends what the terminal does not show yet. */
void screen_show(const Grid *grid, int x, int y)
{
    bool whole = shown.width != grid->width || shown.height != grid->height;
    if (whole && grid_resize(&shown, grid->width, grid->height) != STATUS_OK) grid_free(&shown);
    for (int i = 0; i < grid->width * grid->height; i++) {
        const Cell *cell = &grid->cells[i];
        bool same = !whole && shown.cells && memcmp(cell, &shown.cells[i], sizeof *cell) == 0;
        if (!same) put_cell(cell, i % grid->width, i / grid->width);
        if (shown.cells) shown.cells[i] = *cell;
    }
    curs_set(x >= 0);
    if (x >= 0) move(y, x);
    refresh();
}

void screen_mouse(bool on)
{
    if (on == mouse || !screen) return;
    mouse = on;
    write_all(on ? mouse_on : mouse_off, on ? sizeof mouse_on - 1 : sizeof mouse_off - 1);
}

int screen_input(void)
{
    return STDIN_FILENO;
}

Status screen_held(Buffer *text)
{
    return held_read(text);
}
