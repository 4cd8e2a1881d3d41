/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/pages.h"

#include "engine/base/memory.h"

static void drop(Pages *pages, int from)
{
    while (pages->count > from) memory_free(pages->list[--pages->count].text);
    if (pages->at >= pages->count) pages->turned = false;
}

/* The first and the last stay. */
static void thin_out(Pages *pages)
{
    int kept = 0;
    for (int i = 0; i < pages->count; i++) {
        if (i % 2 == 0 || i == pages->count - 1)
            pages->list[kept++] = pages->list[i];
        else
            memory_free(pages->list[i].text);
    }
    pages->count = kept;
    pages->at /= 2;
}

Status pages_add(Pages *pages, int64_t step, const char *text)
{
    char *copy;
    TRY(memory_copy_text(text, &copy));
    int same = pages->count;
    while (same > 0 && pages->list[same - 1].step >= step) same--;
    drop(pages, same);
    if (pages->count == PAGES_KEPT) thin_out(pages);
    pages->list[pages->count++] = (Page){step, copy};
    return STATUS_OK;
}

const Page *pages_shown(const Pages *pages)
{
    if (!pages->count) return NULL;
    return &pages->list[pages->turned && pages->at < pages->count ? pages->at : pages->count - 1];
}

void pages_turn(Pages *pages, int by)
{
    int at = (pages->turned ? pages->at : pages->count - 1) + by;
    pages->at = at < 0 ? 0 : at;
    pages->turned = pages->at < pages->count - 1;
}

void pages_clear(Pages *pages)
{
    drop(pages, 0);
    *pages = (Pages){.frozen = pages->frozen};
}
