/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The forms of the workbench: a record each (forms.c), made from the records of objectives, optimizers and so on,
 * and from what the run says of its options now. What a form makes is a line of Lua. */
#ifndef LATHE_WORKBENCH_FORMS_H
#define LATHE_WORKBENCH_FORMS_H

#include "tui/workbench/view.h"

typedef enum FormId {
    FORM_NONE,
    FORM_ADD_OBJECTIVE,
    FORM_OBJECTIVE,
    FORM_OPTIMIZER,
    FORM_SCHEDULE,
    FORM_PRUNE,
    FORM_ADAPT,
    FORM_IDS
} FormId;

/* False: there is nothing that it could be about. */
bool forms_open(View *view, FormId id);
void forms_close(View *view);
/* Asks what its line would change; the answer becomes the form's report. */
void forms_look(View *view);
/* The form goes away while its line is on the way; where the run refuses the line, it comes back with the reason.
 */
void forms_sent(View *view);
void forms_answered(View *view, bool refused, const char *text);

#endif
