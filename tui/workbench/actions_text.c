/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of actions as text. */
#include "tui/workbench/actions.h"
#include "tui/workbench/panes.h"

#include <string.h>

/* Writes one action, or the heading of a pane (action NULL). */
typedef Status Writer(const char *pane, const Action *action, Buffer *out);

static Status each(Writer *write, Buffer *out)
{
    Action list[ACTIONS_MOST];
    int count = actions_builtin(list);
    for (int pane = -1; pane < PANE_COUNT; pane++) {
        TRY(write(pane < 0 ? "Everywhere" : panes[pane].name, NULL, out));
        for (int i = 0; i < count; i++) {
            bool here = pane < 0 ? list[i].panes == EVERYWHERE : (list[i].panes & 1u << pane) != 0;
            if (here) TRY(write(NULL, &list[i], out));
        }
    }
    return STATUS_OK;
}

static Status write_help(const char *pane, const Action *action, Buffer *out)
{
    if (!action) return buffer_printf(out, "%s%s\n", out->length ? "\n" : "", pane);
    return buffer_printf(out, "  %-14s %-20s %s\n", action->keys, action->name, action->doc);
}

Status actions_help(Buffer *out)
{
    return each(write_help, out);
}

/* What man would take for a mark is escaped. */
static Status put(const char *text, Buffer *out)
{
    for (; *text; text++) {
        if (*text == '-' || *text == '\\')
            TRY(buffer_printf(out, "\\%s", *text == '-' ? "-" : "e"));
        else
            TRY(buffer_append(out, text, 1));
    }
    return STATUS_OK;
}

static Status write_manual(const char *pane, const Action *action, Buffer *out)
{
    if (!action) return buffer_printf(out, ".SS %s\n", pane);
    TRY(buffer_text(out, ".TP\n\\&"));
    TRY(put(*action->keys ? action->keys : ":", out));
    TRY(buffer_text(out, "  \\fB"));
    TRY(put(action->name, out));
    TRY(buffer_text(out, "\\fR\n\\&"));
    TRY(put(action->doc, out));
    return buffer_text(out, "\n");
}

Status actions_manual(Buffer *out)
{
    return each(write_manual, out);
}
