/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry as a person changes it in init.lua: other keys, commands of their own. Texts of these stay until the
 * end of the process. */
#include "engine/base/memory.h"
#include "engine/base/names.h"
#include "tui/workbench/actions.h"
#include "tui/workbench/panes.h"

#include <stdio.h>
#include <string.h>

enum { MOST_TEXTS = 4 * ACTIONS_MOST };

static char *texts[MOST_TEXTS];
static int text_count;

static Status keep(const char *text, const char **out)
{
    char *copy;
    if (text_count == MOST_TEXTS) return status_fail(STATUS_INVALID, "init.lua changes too many commands");
    TRY(memory_copy_text(text, &copy));
    texts[text_count++] = copy;
    *out = copy;
    return STATUS_OK;
}

static Status check_keys(const char *keys)
{
    char name[32];
    for (const char *at = keys; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        at += length;
        if (length && !key_is_name(name))
            return status_fail(
                STATUS_INVALID,
                "there is no key '%s'; keys are letters, C-x, A-x, F1 to F12, space, enter, esc, tab, "
                "up, down, left, right, home, end, pgup, pgdn, del",
                name);
    }
    return STATUS_OK;
}

/* Writes the names of 'from' that are not among those of 'taken'. */
static void without(const char *from, const char *taken, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (const char *at = from; *at; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        bool found = false;
        for (const char *other = taken; *other; other += strspn(other, " ")) {
            size_t size_of = strcspn(other, " ");
            found |= size_of == length && memcmp(at, other, length) == 0;
            other += size_of;
        }
        if (length && !found)
            used += (size_t)snprintf(out + used, size - used, "%s%.*s", used ? " " : "", (int)length, at);
        if (used >= size) used = size - 1;
        at += length;
    }
}

/* A key that is given to one is taken from those with which it would clash. */
static Status take_away(const Action *owner, const char *keys)
{
    char left[256];
    for (int i = 0; i < action_count; i++) {
        bool together = actions[i].panes == owner->panes || (actions[i].panes & owner->panes);
        if (&actions[i] == owner || !together) continue;
        without(actions[i].keys, keys, left, sizeof left);
        if (strcmp(left, actions[i].keys) != 0) TRY(keep(left, &actions[i].keys));
    }
    return STATUS_OK;
}

static Action *find(const char *name)
{
    for (int i = 0; i < action_count; i++)
        if (strcmp(actions[i].name, name) == 0) return &actions[i];
    return NULL;
}

static Status unknown(const char *name)
{
    const char *near = names_nearest(name, actions, (size_t)action_count, sizeof *actions);
    if (near) return status_fail(STATUS_INVALID, "there is no command '%s'; did you mean '%s'?", name, near);
    return status_fail(STATUS_INVALID, "there is no command '%s'; the palette (:) lists them", name);
}

Status actions_bind(const char *name, const char *keys)
{
    Action *action = find(name);
    if (!action) return unknown(name);
    TRY(check_keys(keys));
    TRY(take_away(action, keys));
    return keep(keys, &action->keys);
}

Status actions_add(const char *name, const char *keys, unsigned of, const char *label, const char *doc,
                   const char *lua)
{
    Action action = {.panes = of};
    if (!*name || !*lua) return status_fail(STATUS_INVALID, "a command has a name and a line of Lua");
    if (find(name)) return status_fail(STATUS_INVALID, "there is a command '%s' already; take another name", name);
    if (action_count == ACTIONS_MOST)
        return status_fail(STATUS_INVALID, "there are %d commands already", ACTIONS_MOST);
    TRY(check_keys(keys));
    TRY(keep(name, &action.name));
    TRY(keep(doc, &action.doc));
    TRY(keep(lua, &action.lua));
    TRY(keep(keys, &action.keys));
    if (*label) TRY(keep(label, &action.label));
    actions[action_count++] = action;
    return take_away(&actions[action_count - 1], keys);
}

void actions_reset(void)
{
    action_count = actions_builtin(actions);
    while (text_count) memory_free(texts[--text_count]);
}
