/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/workbench/forms.h"

#include "engine/compress/prune.h"
#include "engine/objectives/domain.h"
#include "scripts/bind_parts.h"
#include "scripts/bind_session.h"

#include <stdio.h>
#include <string.h>

typedef struct FormKind {
    const char *title, *verb;
    bool (*fill)(const View *view, Form *form, const char *chosen); /* chosen: the record, NULL at first */
    Status (*line)(const View *view, const Form *form, Buffer *out);
    bool can_look;
} FormKind;

static const FormKind kinds[FORM_IDS];

/* --- filling --- */

static const char *value_in(const ViewRecord *values, const char *name)
{
    for (int i = 0; values && i < values->count; i++)
        if (strcmp(values->options[i].name, name) == 0) return values->options[i].value;
    return NULL;
}

/* The standard of a field is what the run has now, or the option's default. */
static void add_options(Form *form, const Option *options, const ViewRecord *values)
{
    for (; options && options->name; options++) {
        FormField *field = form_add_option(form, options);
        const char *now = value_in(values, options->name);
        if (values) form->live = true;
        if (!field || !now) continue;
        snprintf(field->standard, sizeof field->standard, "%s", now);
        memcpy(field->value, field->standard, sizeof field->value);
    }
}

static bool find_record(const RecordKind *kind, const char *name, Record *out)
{
    for (int i = 0; kind->get(i, out); i++)
        if (strcmp(out->name, name) == 0) return true;
    return false;
}

/* The first field: which record. */
static void add_record(Form *form, const RecordKind *kind, const char *standard, const Record *chosen)
{
    Record record;
    FormField *field = form_add(form, kind->word, standard);
    size_t used = 7;
    if (!field) return;
    snprintf(field->value, sizeof field->value, "%s", chosen->name);
    snprintf(field->doc, sizeof field->doc, "%s", chosen->doc ? chosen->doc : kind->doc);
    snprintf(field->range, sizeof field->range, "one of ");
    for (int i = 0; kind->get(i, &record); i++) {
        bool custom = record.data == &objective_custom; /* a function cannot be typed here */
        if (custom || used + strlen(record.name) + 3 > sizeof field->range) continue;
        used += (size_t)snprintf(field->range + used, sizeof field->range - used, "%s%s", used > 7 ? ", " : "",
                                 record.name);
    }
}

/* Gives a text option the names that the run has. */
static void offer(Form *form, const char *name, const char (*names)[MODEL_NAME], int count)
{
    FormField *field = form_find(form, name);
    size_t used = 7;
    if (!field || !count) return;
    snprintf(field->range, sizeof field->range, "one of ");
    for (int i = 0; i < count && used + strlen(names[i]) + 3 < sizeof field->range; i++)
        used += (size_t)snprintf(field->range + used, sizeof field->range - used, "%s%s", i ? ", " : "", names[i]);
}

static void offer_names(const View *view, Form *form)
{
    offer(form, "model", (const char(*)[MODEL_NAME])view->model.names, view->model.name_count);
    offer(form, "source", (const char(*)[MODEL_NAME])view->sources, view->source_count);
}

/* --- writing Lua --- */

/* A value as Lua; fails where it does not fit the option. */
static Status put_value(const FormField *field, const char *value, Buffer *out)
{
    union {
        double number;
        int64_t integer;
        bool boolean;
        char text[OPTION_TEXT_SIZE];
        OptionInts ints;
    } config = {0};
    if (!field->option) return bind_print_text(value, out);
    Option alone[2] = {*field->option, {0}};
    alone[0].offset = 0;
    TRY(option_set_text(alone, &config, "not taken", alone[0].name, value));
    return bind_option_value(alone, &config, out);
}

/* "lr = 0.1, eps = 1e-8": what was changed among the fields from 'first' on. */
static Status put_changes(const Form *form, int first, Buffer *out)
{
    bool any = false;
    for (int i = first; i < form->count; i++) {
        const FormField *field = &form->fields[i];
        if (!form_changed(field)) continue;
        TRY(buffer_printf(out, "%s%s = ", any ? ", " : "", field->name));
        TRY(put_value(field, field->value, out));
        any = true;
    }
    return STATUS_OK;
}

/* "run.optimizer.lr = 0.1; run.optimizer.eps = 1e-8" */
static Status put_assignments(const Form *form, int first, const char *owner, Buffer *out)
{
    for (int i = first; i < form->count; i++) {
        const FormField *field = &form->fields[i];
        if (!form_changed(field)) continue;
        TRY(buffer_printf(out, "%s%s.%s = ", out->length ? "; " : "", owner, field->name));
        TRY(put_value(field, field->value, out));
    }
    return STATUS_OK;
}

static bool any_changed(const Form *form, int first)
{
    for (int i = first; i < form->count; i++)
        if (form_changed(&form->fields[i])) return true;
    return false;
}

/* "optim.sgd { lr = 0.1 }" */
static Status put_call(const Form *form, int first, const char *library, const char *name, Buffer *out)
{
    TRY(buffer_printf(out, "%s.%s {", library, name));
    if (!any_changed(form, first)) return buffer_text(out, "}");
    TRY(buffer_text(out, " "));
    TRY(put_changes(form, first, out));
    return buffer_text(out, " }");
}

/* --- objectives --- */

static bool fill_new_objective(const View *view, Form *form, const char *chosen)
{
    Record record;
    if (!find_record(&bind_objectives, chosen ? chosen : "mlm", &record)) return false;
    add_record(form, &bind_objectives, "", &record);
    add_options(form, bind_objectives.common, NULL);
    add_options(form, record.options, NULL);
    offer_names(view, form);
    return true;
}

static Status new_objective_line(const View *view, const Form *form, Buffer *out)
{
    (void)view;
    TRY(buffer_text(out, "run:add_objective("));
    TRY(put_call(form, 1, "objectives", form->fields[0].value, out));
    return buffer_text(out, ")");
}

static bool fill_objective(const View *view, Form *form, const char *chosen)
{
    const ViewObjective *objective = view_selected_objective(view);
    Record record;
    char text[FORM_TEXT];
    (void)chosen;
    if (!objective) return false;
    snprintf(form->title, sizeof form->title, "objective %.60s", objective->name);
    add_options(form, bind_live_objective, NULL);
    snprintf(text, sizeof text, "%.17g", objective->weight);
    for (int i = 0; i < form->count; i++) {
        FormField *field = &form->fields[i];
        if (strcmp(field->name, "weight") == 0) snprintf(text, sizeof text, "%.10g", objective->weight);
        if (strcmp(field->name, "enabled") == 0)
            snprintf(text, sizeof text, "%s", objective->enabled ? "true" : "false");
        memcpy(field->standard, text, sizeof text);
        memcpy(field->value, text, sizeof text);
    }
    if (find_record(&bind_objectives, objective->record.name, &record)) {
        add_options(form, record.options, &objective->record);
        snprintf(form->doc, sizeof form->doc, "%s", record.doc);
    }
    return true;
}

static Status objective_line(const View *view, const Form *form, Buffer *out)
{
    const ViewObjective *objective = view_selected_objective(view);
    char owner[VIEW_NAME + 24];
    if (!objective) return STATUS_OK;
    snprintf(owner, sizeof owner, "run.objectives.%s", objective->name);
    return put_assignments(form, 0, owner, out);
}

/* --- optimizer and schedule: another record is another call, the same one a few assignments --- */

static bool fill_part(const RecordKind *kind, const ViewRecord *now, Form *form, const char *chosen)
{
    Record record;
    const char *name = chosen ? chosen : now->name;
    if (!find_record(kind, name, &record)) return false;
    add_record(form, kind, now->name, &record);
    add_options(form, record.options, strcmp(name, now->name) == 0 ? now : NULL);
    return true;
}

static Status part_line(const RecordKind *kind, const Form *form, const char *owner, Buffer *out)
{
    if (!form_changed(&form->fields[0])) return put_assignments(form, 1, owner, out);
    TRY(buffer_printf(out, "%s = ", owner));
    return put_call(form, 1, kind->library, form->fields[0].value, out);
}

static bool fill_optimizer(const View *view, Form *form, const char *chosen)
{
    return fill_part(&bind_optimizers, &view->optimizer, form, chosen);
}

static Status optimizer_line(const View *view, const Form *form, Buffer *out)
{
    (void)view;
    return part_line(&bind_optimizers, form, "run.optimizer", out);
}

static bool fill_schedule(const View *view, Form *form, const char *chosen)
{
    return fill_part(&bind_schedules, &view->schedule, form, chosen);
}

static Status schedule_line(const View *view, const Form *form, Buffer *out)
{
    (void)view;
    return part_line(&bind_schedules, form, "run.schedule", out);
}

/* --- pruning and adapting --- */

static bool fill_prune(const View *view, Form *form, const char *chosen)
{
    const ModelRow *row = view_selected_row(view);
    (void)chosen;
    add_options(form, prune_options, NULL);
    offer(form, "model", (const char(*)[MODEL_NAME])view->model.names, view->model.name_count);
    FormField *params = form_find(form, "params"), *model = form_find(form, "model");
    if (row && view->focus.pane == PANE_MODEL && params && row->path[0])
        snprintf(params->value, sizeof params->value, "%s", row->path);
    if (row && model && row->model > 0)
        snprintf(model->value, sizeof model->value, "%s", view->model.names[row->model]);
    return true;
}

static Status prune_line(const View *view, const Form *form, Buffer *out)
{
    (void)view;
    if (!form->fields[0].value[0])
        return status_fail(STATUS_INVALID, "sparsity must be given: %s", form->fields[0].doc);
    TRY(buffer_text(out, "run:prune { "));
    TRY(put_changes(form, 0, out));
    return buffer_text(out, " }");
}

static bool fill_adapt(const View *view, Form *form, const char *chosen)
{
    (void)chosen;
    add_options(form, bind_adapt_options, NULL);
    add_options(form, objective_domain.options + 1, NULL); /* behind target */
    offer_names(view, form);
    FormField *target = form_find(form, "target");
    if (target)
        snprintf(target->range, sizeof target->range, "a data source of the run, or a call, data.svmlight(...)");
    return true;
}

static bool is_source(const View *view, const char *name)
{
    for (int i = 0; i < view->source_count; i++)
        if (strcmp(view->sources[i], name) == 0) return true;
    return false;
}

/* The target may be a call of the data library, which is Lua as it stands. */
static Status adapt_line(const View *view, const Form *form, Buffer *out)
{
    const FormField *target = form_find((Form *)form, "target");
    bool call = target && strchr(target->value, '(') && !is_source(view, target->value), any = false;
    TRY(buffer_text(out, "run:adapt { "));
    if (call) TRY(buffer_printf(out, "target = %s", target->value));
    for (int i = 0; i < form->count; i++) {
        const FormField *field = &form->fields[i];
        if ((field == target && call) || (!form_changed(field) && field != target)) continue;
        TRY(buffer_printf(out, "%s%s = ", call || any ? ", " : "", field->name));
        TRY(put_value(field, field->value, out));
        any = true;
    }
    return buffer_text(out, " }");
}

/* --- the records --- */

static const FormKind kinds[FORM_IDS] = {
    [FORM_ADD_OBJECTIVE] = {"add an objective", "adds it", fill_new_objective, new_objective_line, false},
    [FORM_OBJECTIVE] = {"objective", "changes it", fill_objective, objective_line, false},
    [FORM_OPTIMIZER] = {"optimizer", "changes it", fill_optimizer, optimizer_line, false},
    [FORM_SCHEDULE] = {"schedule of the learning rate", "changes it", fill_schedule, schedule_line, false},
    [FORM_PRUNE] = {"prune", "prunes", fill_prune, prune_line, true},
    [FORM_ADAPT] = {"adapt to other data", "adapts", fill_adapt, adapt_line, true},
};

/* --- the port --- */

static Status check(void *context, Form *form, const FormField *field, const char *value)
{
    Buffer text = {0};
    (void)context;
    (void)form;
    if (!field->option) { /* the record: what is offered */
        char name[FORM_TEXT + 4];
        snprintf(name, sizeof name, " %s,", value);
        char range[sizeof field->range + 2];
        snprintf(range, sizeof range, "%s,", field->range);
        if (strstr(range, name)) return STATUS_OK;
        return status_fail(STATUS_INVALID, "%s must be %s; got '%s'", field->name, field->range, value);
    }
    if (field->option->required && !*value) return STATUS_OK; /* given later */
    Status status = put_value(field, value, &text);
    buffer_free(&text);
    return status;
}

/* Another record has other options. */
static void changed(void *context, Form *form, const FormField *field)
{
    View *view = context;
    char chosen[FORM_TEXT];
    if (field->option || field != form->fields) return;
    memcpy(chosen, field->value, sizeof chosen);
    form->count = 0;
    form->live = false;
    kinds[view->form_id].fill(view, form, chosen);
}

static void line(void *context, const Form *form, char *out, size_t size)
{
    const View *view = context;
    Buffer text = {0};
    Status status = kinds[view->form_id].line(view, form, &text);
    snprintf(out, size, "%s", status == STATUS_OK && text.data ? text.data : "");
    if (status != STATUS_OK && status != STATUS_NOMEM)
        snprintf(((View *)context)->form.note, sizeof form->note, "%s", status_message());
    buffer_free(&text);
}

bool forms_open(View *view, FormId id)
{
    Form *form = &view->form;
    const FormKind *kind = &kinds[id];
    form_clear(form);
    view->form_id = id;
    view->form_sent = false;
    form->port = (FormPort){check, changed, line, view};
    form->can_look = kind->can_look;
    snprintf(form->title, sizeof form->title, "%s", kind->title);
    snprintf(form->verb, sizeof form->verb, "%s", kind->verb);
    if (!kind->fill(view, form, NULL)) {
        forms_close(view);
        return false;
    }
    form_update(form);
    form->note[0] = '\0';
    return true;
}

void forms_close(View *view)
{
    form_clear(&view->form);
    view->form_id = FORM_NONE;
    view->form_sent = false;
}

void forms_look(View *view)
{
    Form *form = &view->form;
    static const char end[] = " }";
    int length = (int)(strlen(form->line) - strlen(end));
    if (length < 0) return;
    snprintf(form->dry_run, sizeof form->dry_run, "%.*s, dry_run = true }", length, form->line);
}

void forms_sent(View *view)
{
    view->form_sent = true;
}

void forms_answered(View *view, bool refused, const char *text)
{
    if (!view->form_sent) return;
    if (!refused) {
        forms_close(view);
        return;
    }
    view->form_sent = false;
    snprintf(view->form.note, sizeof view->form.note, "%.*s", (int)strcspn(text, "\n"), text);
}
