/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/form.h"

#include <stdio.h>
#include <string.h>

void form_clear(Form *form)
{
    buffer_free(&form->report);
    *form = (Form){0};
}

void form_free(Form *form)
{
    form_clear(form);
}

FormField *form_add(Form *form, const char *name, const char *standard)
{
    if (form->count == FORM_FIELDS) return NULL;
    FormField *field = &form->fields[form->count++];
    *field = (FormField){0};
    snprintf(field->name, sizeof field->name, "%s", name);
    snprintf(field->standard, sizeof field->standard, "%s", standard);
    memcpy(field->value, field->standard, sizeof field->value);
    return field;
}

static void copy(Status status, Buffer *from, char *out, size_t size)
{
    snprintf(out, size, "%s", status == STATUS_OK && from->data ? from->data : "");
    buffer_clear(from);
}

/* A required option has none. */
static Status standard_of(const Option *option, Buffer *out)
{
    union {
        double number;
        int64_t integer;
        char text[OPTION_TEXT_SIZE];
        OptionInts ints;
    } config;
    Option alone[2] = {*option, {0}};
    if (option->required) return STATUS_OK;
    alone[0].offset = 0;
    option_defaults(alone, &config);
    return option_print(alone, &config, out);
}

FormField *form_add_option(Form *form, const Option *option)
{
    Buffer text = {0};
    FormField *field = form_add(form, option->name, "");
    if (!field) return NULL;
    field->option = option;
    copy(standard_of(option, &text), &text, field->standard, sizeof field->standard);
    memcpy(field->value, field->standard, sizeof field->value);
    copy(option_describe_range(option, &text), &text, field->range, sizeof field->range);
    snprintf(field->doc, sizeof field->doc, "%s", option->doc ? option->doc : "");
    buffer_free(&text);
    return field;
}

FormField *form_find(Form *form, const char *name)
{
    for (int i = 0; i < form->count; i++)
        if (strcmp(form->fields[i].name, name) == 0) return &form->fields[i];
    return NULL;
}

bool form_changed(const FormField *field)
{
    return strcmp(field->value, field->standard) != 0;
}

void form_update(Form *form)
{
    form->line[0] = '\0';
    if (form->port.line) form->port.line(form->port.context, form, form->line, sizeof form->line);
}

/* --- values --- */

/* False: it was refused, and the note says why. */
static bool put(Form *form, const char *value)
{
    FormField *field = &form->fields[form->row];
    Status status = form->port.check(form->port.context, form, field, value);
    snprintf(form->note, sizeof form->note, "%s", status == STATUS_OK ? "" : status_message());
    if (status != STATUS_OK) return false;
    snprintf(field->value, sizeof field->value, "%s", value);
    form->dry_run[0] = '\0';
    buffer_clear(&form->report);
    if (form->port.changed) form->port.changed(form->port.context, form, field);
    form_update(form);
    return true;
}

/* The names that a range offers: "one of a, b, c", "true or false". NULL: any value. */
static const char *choices_of(const FormField *field)
{
    if (strncmp(field->range, "one of ", 7) == 0) return field->range + 7;
    return strcmp(field->range, "true or false") == 0 ? "true, false" : NULL;
}

/* The choice so many places behind the value, round and round. */
static void turn(Form *form, int by)
{
    char names[32][64];
    int count = 0, at = 0;
    const FormField *field = &form->fields[form->row];
    const char *choice = choices_of(field);
    for (; choice && *choice && count < 32; choice += strspn(choice, ", ")) {
        size_t length = strcspn(choice, ",");
        snprintf(names[count], sizeof names[count], "%.*s", (int)length, choice);
        if (strcmp(names[count], field->value) == 0) at = count;
        count++;
        choice += length;
    }
    if (count) put(form, names[(at + by + count) % count]);
}

static void move(Form *form, int by)
{
    form->row += by;
    if (form->row >= form->count) form->row = form->count - 1;
    if (form->row < 0) form->row = 0;
}

/* --- keys --- */

static FormEvent value_key(Form *form, const Key *key, const char *pasted)
{
    if (key->code == KEY_ESCAPE || key->code == 3) {
        form->editing = false;
        form->note[0] = '\0';
    } else if (key->code == KEY_ENTER) {
        form->editing = !put(form, form->field.text);
        if (!form->editing) move(form, 1);
    } else if (key->code == KEY_PASTE) {
        field_insert(&form->field, pasted);
    } else {
        field_key(&form->field, key);
    }
    return FORM_GOES_ON;
}

static void edit(Form *form)
{
    if (form->row >= form->count) return;
    form->editing = true;
    field_offer(&form->field, form->fields[form->row].value);
}

static void back_to_standard(Form *form)
{
    if (form->row < form->count) put(form, form->fields[form->row].standard);
}

static FormEvent do_it(Form *form, FormEvent event)
{
    form_update(form);
    if (form->line[0]) return event;
    if (!form->note[0]) snprintf(form->note, sizeof form->note, "nothing was changed yet");
    return FORM_GOES_ON;
}

FormEvent form_key(Form *form, const Key *key, const char *pasted)
{
    if (form->editing) return value_key(form, key, pasted);
    form->note[0] = '\0';
    switch (key->code) {
    case KEY_ESCAPE:
    case 'q':
    case 3: return FORM_CLOSES;
    case 's': return do_it(form, FORM_DOES);
    case 'd': return form->can_look ? do_it(form, FORM_LOOKS) : FORM_GOES_ON;
    case KEY_ENTER:
    case 'e': edit(form); break;
    case KEY_BACKSPACE:
    case KEY_DELETE: back_to_standard(form); break;
    case KEY_RIGHT:
    case 'l': turn(form, 1); break;
    case KEY_LEFT:
    case 'h': turn(form, -1); break;
    case KEY_UP:
    case KEY_BACK_TAB:
    case 'k': move(form, -1); break;
    case KEY_DOWN:
    case KEY_TAB:
    case 'j': move(form, 1); break;
    case KEY_WHEEL_UP: form->report_first -= form->report_first > 0; break;
    case KEY_WHEEL_DOWN: form->report_first++; break;
    case KEY_HOME: move(form, -FORM_FIELDS); break;
    case KEY_END: move(form, FORM_FIELDS); break;
    case KEY_PAGE_UP:
        if (form->report.length)
            form->report_first = form->report_first > 10 ? form->report_first - 10 : 0;
        else
            move(form, -10);
        break;
    case KEY_PAGE_DOWN:
        if (form->report.length)
            form->report_first += 10;
        else
            move(form, 10);
        break;
    default: break;
    }
    return FORM_GOES_ON;
}

const char *form_keys(const Form *form)
{
    if (form->editing) return "enter takes the value   esc leaves it as it was";
    return form->can_look
               ? "s does it   d shows what it would change   enter changes a value   ←→ choices   esc back"
               : "s does it   enter changes a value   ←→ choices   del default   esc back";
}
