# SPDX-License-Identifier: GPL-3.0-or-later
TUI_SOURCES += tui/progress.c
TUI_SOURCES += tui/progress.h
TUI_SOURCES += tui/command_repl.c
TUI_SOURCES += tui/command_repl.h
TUI_SOURCES += tui/repl.c
TUI_SOURCES += tui/repl.h
TUI_SOURCES += tui/repl_terminal.c
