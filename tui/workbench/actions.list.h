/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of actions: part of actions.c. Those of a pane stand before those of all, so that the line of keys
 * begins with them. */
#ifndef LATHE_WORKBENCH_ACTIONS_LIST_H
#define LATHE_WORKBENCH_ACTIONS_LIST_H

#define SCROLLS (ON(OBJECTIVES) | ON(MODEL) | ON(SAMPLES) | ON(DATA) | ON(BRANCHES) | ON(LOG))

const Action actions[] = {
    {"palette", ": C-p F2", EVERYWHERE, "palette", "find any command by a part of its name or doc", NULL,
     open_palette, NULL},
    {"help", "? F1", EVERYWHERE, "keys", "the keys of this pane", NULL, open_help, NULL},

    {"choose metrics", "m", ON(CURVES), "metrics", "choose the curves, by name with a filter", NULL, choose_metrics,
     NULL},
    {"crosshair left", "left", ON(CURVES), NULL, "read the values at a step: to the left", NULL, crosshair_left,
     NULL},
    {"crosshair right", "right", ON(CURVES), NULL, "read the values at a step: to the right", NULL, crosshair_right,
     NULL},
    {"crosshair off", "esc", ON(CURVES), NULL, "hide the crosshair", NULL, crosshair_off, NULL},
    {"zoom in", "+ = up", ON(CURVES), NULL, "show fewer steps, around the crosshair", NULL, zoom_in, NULL},
    {"zoom out", "- down", ON(CURVES), NULL, "show more steps", NULL, zoom_out, NULL},
    {"pan left", "h pgup", ON(CURVES), NULL, "show earlier steps", NULL, pan_left, NULL},
    {"pan right", "l pgdn", ON(CURVES), NULL, "show later steps", NULL, pan_right, NULL},
    {"live", "f", ON(CURVES), NULL, "follow the run, or freeze what is in sight", NULL, toggle_live, NULL},
    {"log y", "g", ON(CURVES), NULL, "linear or logarithmic values", NULL, toggle_log_y, NULL},
    {"log x", "G", ON(CURVES), NULL, "linear or logarithmic steps", NULL, toggle_log_x, NULL},
    {"smooth", "s", ON(CURVES), NULL, "an exponential mean over 4 to 64 columns, or none", NULL, change_smoothing,
     NULL},
    {"dots", "d", ON(CURVES), NULL, "draw with braille, blocks or letters", NULL, change_dots, NULL},
    {"rewind here", "r", ON(CURVES), "rewind", "go back to the crosshair's step; the later steps stay as a branch",
     NULL, ask_rewind, rewind_line},

    {"branch here", "B", ON(CURVES), NULL, "go back to the crosshair's step and on from there as a branch", NULL,
     ask_branch_there, NULL},

    {"edit weight", "e enter", ON(OBJECTIVES), "weight", "change the weight of the selected objective", NULL,
     ask_weight, edit_line},
    {"on or off", "space", ON(OBJECTIVES), "on/off", "let the selected objective take part, or not", NULL, NULL,
     toggle_line},

    {"add objective", "a", ON(OBJECTIVES), "add", "another loss term: its record and options", NULL, ask_objective,
     NULL},
    {"remove objective", "x", ON(OBJECTIVES), "cut", "take the selected loss term away", NULL, ask_removal,
     remove_line},

    {"open", "enter right", ON(MODEL), "open", "show what is inside of the module, or the values of the parameter",
     NULL, open_module, NULL},
    {"freeze", "f", ON(MODEL), "freeze", "train the module or parameter no more, or again", NULL, NULL,
     freeze_line},

    {"switch branch", "enter", ON(BRANCHES), "go to", "go to the last step of the selected branch", NULL, NULL,
     switch_line},
    {"compare", "c", ON(BRANCHES), "compare", "in what the selected branch differs from this one", NULL, NULL,
     compare_line},
    {"overlay", "o", ON(BRANCHES), "overlay", "draw the curves of the selected branch over these, or no more", NULL,
     overlay_branch, NULL},

    {"search", "/", ON(LOG), "search", "find a text: the newest line that has it", NULL, search_log, NULL},
    {"find older", "n", ON(LOG), NULL, "the line before with the text", NULL, find_older, NULL},
    {"find newer", "N", ON(LOG), NULL, "the line after with the text", NULL, find_newer, NULL},
    {"level", "v", ON(LOG), "level", "all lines, without what was printed, edits and worse, warnings, errors", NULL,
     change_level, NULL},
    {"leave prompt", "esc", ON(PROMPT), NULL, "back to the pane before", NULL, leave_prompt, NULL},
    {"results up", "pgup", ON(PROMPT), NULL, "older results", NULL, page_up, NULL},
    {"results down", "pgdn", ON(PROMPT), NULL, "newer results", NULL, page_down, NULL},

    {"up", "up k", SCROLLS, NULL, "the row above", NULL, move_up, NULL},
    {"down", "down j", SCROLLS, NULL, "the row below", NULL, move_down, NULL},
    {"page up", "pgup", SCROLLS, NULL, "ten rows up", NULL, page_up, NULL},
    {"page down", "pgdn", SCROLLS, NULL, "ten rows down", NULL, page_down, NULL},

    {"pause", "space p", EVERYWHERE, "pause", "pause the run before its next step, or let it go on", NULL,
     pause_or_resume, pause_line},
    {"step", ".", EVERYWHERE, NULL, "one step, then pause", "step(1)", NULL, NULL},
    {"undo", "u", EVERYWHERE, "undo", "go back before the last edit; the later steps stay as a branch", "undo()",
     NULL, NULL},
    {"redo", "U", EVERYWHERE, NULL, "take back the last undo", "redo()", NULL, NULL},
    {"branch", "b", EVERYWHERE, "branch", "go on from here as a branch with a name", NULL, ask_branch, NULL},
    {"edits", "", EVERYWHERE, NULL, "list the edits that led to the state now", "edits()", NULL, NULL},
    {"evaluate", "", EVERYWHERE, NULL, "evaluate on the held-out data now", "run:evaluate(\"valid\")", NULL, NULL},
    {"take control", "C", EVERYWHERE, NULL, "change the run from here, when another viewer is in control",
     "control()", NULL, NULL},
    {"stop", "", EVERYWHERE, NULL, "save the run and end it; lathe run --resume goes on with it", "stop()", NULL,
     NULL},
    {"next pane", "tab", EVERYWHERE, "pane", "the keys go to the next pane", NULL, next_pane, NULL},
    {"previous pane", "S-tab", EVERYWHERE, NULL, "the keys go to the pane before", NULL, previous_pane, NULL},
    {"curves", "1", EVERYWHERE, NULL, "the curves", NULL, go_curves, NULL},
    {"objectives", "2", EVERYWHERE, NULL, "the objectives", NULL, go_objectives, NULL},
    {"model", "3", EVERYWHERE, NULL, "the model", NULL, go_model, NULL},
    {"samples", "4", EVERYWHERE, NULL, "samples", NULL, go_samples, NULL},
    {"data", "5", EVERYWHERE, NULL, "the data", NULL, go_data, NULL},
    {"branches", "6", EVERYWHERE, NULL, "branches and edits", NULL, go_branches, NULL},
    {"log", "7", EVERYWHERE, NULL, "the log", NULL, go_log, NULL},
    {"prompt", "8", EVERYWHERE, NULL, "the prompt", NULL, ask_line, NULL},
    {"full screen", "z A-z", EVERYWHERE, "full", "this pane alone on the screen, or with the others", NULL,
     zoom_pane, NULL},
    {"theme", "T", EVERYWHERE, NULL, "dark, light or without colours", NULL, change_theme, NULL},
    {"mouse", "M", EVERYWHERE, NULL, "clicks go to the workbench, or to the terminal", NULL, change_mouse, NULL},
    {"suspend", "C-z", EVERYWHERE, NULL, "back to the shell; fg comes back", NULL, suspend, NULL},
    {"leave", "q C-c C-d", EVERYWHERE, "leave", "leave the workbench; the run may go on", NULL, leave, NULL},
};

#endif
