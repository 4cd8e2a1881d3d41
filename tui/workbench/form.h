/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A form: named values with their ranges, defaults and docs, changed one at a time; what does not fit is refused
 * with the reason, and the line that comes of it stands below. Whoever owns it fills the fields, checks values and
 * makes the line. Plain values, but for the report, which form_free() frees. */
#ifndef LATHE_WORKBENCH_FORM_H
#define LATHE_WORKBENCH_FORM_H

#include "engine/base/option.h"
#include "tui/workbench/field.h"

enum { FORM_FIELDS = 72, FORM_TEXT = 256, FORM_LINE = 2048 };

typedef struct FormField {
    char name[64], value[FORM_TEXT], standard[FORM_TEXT], range[128], doc[FORM_TEXT];
    const Option *option; /* where it comes from; NULL: from somewhere else */
} FormField;

typedef struct Form Form;

typedef struct FormPort {
    /* Whether the value fits the field, which is put in afterwards. */
    Status (*check)(void *context, Form *form, const FormField *field, const char *value) STATUS_CHECKED;
    /* After a value was put in: fields may be made anew. NULL: nothing follows. */
    void (*changed)(void *context, Form *form, const FormField *field);
    /* What the form makes, "" where something is missing. */
    void (*line)(void *context, const Form *form, char *out, size_t size);
    void *context;
} FormPort;

struct Form {
    FormPort port;
    char title[96], doc[FORM_TEXT], verb[24]; /* verb: what 's' does, "start training" */
    FormField fields[FORM_FIELDS];
    int count, row;
    bool editing; /* a value is being typed */
    Field field;
    char note[FORM_LINE];    /* why the last one was refused */
    char line[FORM_LINE];    /* what it makes, up to date after form_update() */
    bool live;               /* the standard values are those that the run has now */
    bool can_look;           /* 'd' shows what the line would change */
    char dry_run[FORM_LINE]; /* the line that looks, where it was asked for; the report is its answer */
    Buffer report;
    int report_first; /* its first line in sight */
};

typedef enum FormEvent { FORM_GOES_ON, FORM_CLOSES, FORM_DOES, FORM_LOOKS } FormEvent;

/* Empties it, keeping nothing. */
void form_clear(Form *form);
void form_free(Form *form);
/* A new field at the end, its value the standard one; NULL: there is no room. */
FormField *form_add(Form *form, const char *name, const char *standard);
/* The same from an option, with its default. */
FormField *form_add_option(Form *form, const Option *option);
FormField *form_find(Form *form, const char *name);
bool form_changed(const FormField *field);
/* Makes the line anew. */
void form_update(Form *form);
FormEvent form_key(Form *form, const Key *key, const char *pasted);
/* Rows that it would like to have. */
int form_height(const Form *form);
/* The row of fields that is drawn there, for the mouse; -1: none. */
int form_row_at(const Form *form, int height, int y);

/* *x, *y: where the cursor is, -1: nowhere. */
void form_draw(const Form *form, Area area, int *x, int *y);
/* What its keys do, for the last line of the screen. */
const char *form_keys(const Form *form);

#endif
