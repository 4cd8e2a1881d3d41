# SPDX-License-Identifier: GPL-3.0-or-later
TUI_SOURCES += tui/progress.c
TUI_SOURCES += tui/progress.h
