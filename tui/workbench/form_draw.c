/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A form: fields above; below them what the selected one means, the line that comes of all, what it would change.
 */
#include "tui/workbench/form.h"
#include "tui/workbench/panes.h"
#include "tui/workbench/wrap.h"

#include <string.h>

enum { NAME = 26, VALUE = 26, DETAILS = 7, LEAST_FOR_DETAILS = 8, LEAST_FOR_DOCS = 90 };

static int fields_height(const Form *form, int height)
{
    int rows = height < LEAST_FOR_DETAILS ? height : height - DETAILS;
    if (form->report.length && rows > height / 3) rows = height / 3;
    if (rows > form->count) rows = form->count;
    return rows < 1 ? 1 : rows;
}

int form_height(const Form *form)
{
    return form->report.length ? GRID_MAX_HEIGHT : form->count + DETAILS;
}

int form_row_at(const Form *form, int height, int y)
{
    int rows = fields_height(form, height), row = first_row(form->row, form->count, rows) + y;
    return y >= 0 && y < rows && row < form->count ? row : -1;
}

/* Returns the column of the cursor, -1 where no value is typed here. */
static int draw_field(const Form *form, Area area, int y, int i)
{
    const FormField *field = &form->fields[i];
    bool changed = form_changed(field), here = i == form->row;
    int name = area.rect.width > NAME + 12 ? NAME : area.rect.width / 2, cursor = -1;
    bool docs = area.rect.width >= LEAST_FOR_DOCS;
    area_print(area_part(area, 0, y, name, 1), 0, 0, STYLE_TEXT, "%s %s", changed ? "*" : " ", field->name);
    Area value = area_part(area, name, y, docs ? VALUE : area.rect.width - name, 1);
    if (docs) area_brief(area, name + VALUE + 2, y, STYLE_DIM, field->doc);
    if (here && form->editing) {
        field_draw(&form->field, value, 0, 0, &cursor);
        return cursor + name;
    }
    area_text(value, 0, 0, changed ? STYLE_MARK : STYLE_TEXT, field->value[0] ? field->value : "-");
    if (here) area_style(area, 0, y, area.rect.width, STYLE_SELECTED);
    return -1;
}

static void draw_fields(const Form *form, Area area, int *x, int *y)
{
    int first = first_row(form->row, form->count, area.rect.height);
    for (int row = 0; row < area.rect.height && first + row < form->count; row++) {
        int cursor = draw_field(form, area, row, first + row);
        if (cursor < 0) continue;
        *x = area.rect.x + cursor;
        *y = area.rect.y + row;
    }
    area_more(area, first, form->count);
}

/* What the selected field means and may be. */
static int draw_meaning(const Form *form, Area area, int y)
{
    if (form->row >= form->count) return y;
    const FormField *field = &form->fields[form->row];
    if (field->doc[0]) y = wrap_draw(area, y, STYLE_TEXT, field->doc, 0, 0);
    if (!field->range[0]) return y;
    int x = area_text(area, 0, y, STYLE_DIM, field->range);
    if (field->standard[0])
        area_print(area, x, y, STYLE_DIM, form->live ? "; now %s" : "; %s unless said", field->standard);
    return y + 1;
}

static const char *line_end(const char *line)
{
    return line + strcspn(line, "\n");
}

/* The lines of the report, those that would be changed first in sight. */
static void draw_report(const Form *form, Area area)
{
    char text[FORM_LINE];
    const char *line = form->report.data;
    for (int i = 0; i < form->report_first && *line; i++) line = line_end(line) + (*line_end(line) == '\n');
    for (int y = 0; y < area.rect.height && *line; y++) {
        size_t length = (size_t)(line_end(line) - line);
        if (length >= sizeof text) length = sizeof text - 1;
        memcpy(text, line, length);
        text[length] = '\0';
        area_text(area, 0, y, STYLE_TEXT, text);
        line = line_end(line) + (*line_end(line) == '\n');
    }
}

void form_draw(const Form *form, Area area, int *x, int *y)
{
    int rows = fields_height(form, area.rect.height);
    draw_fields(form, area_part(area, 0, 0, area.rect.width, rows), x, y);
    if (area.rect.height < LEAST_FOR_DETAILS) {
        if (form->note[0] && area.rect.height > 1)
            area_text(area_part(area, 0, area.rect.height - 1, area.rect.width, 1), 0, 0, STYLE_BAD, form->note);
        return;
    }
    int at = rows + 1;
    if (form->note[0])
        at = wrap_draw(area, at, STYLE_BAD, form->note, 2, 0);
    else
        at = draw_meaning(form, area, at);
    if (form->line[0]) at = wrap_draw(area, at + 1, STYLE_MARK, form->line, 2, 0);
    if (form->dry_run[0] && !form->report.length)
        area_text(area, 0, at + 1, STYLE_DIM, "asking what it would change");
    if (form->report.length)
        draw_report(form, area_part(area, 0, at + 1, area.rect.width, area.rect.height - at - 1));
}
