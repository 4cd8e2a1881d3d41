/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help, man page and shell completion, all from the tables of commands and options. */
#include "tui/command.h"
#include "tui/workbench/actions.h"
#include "tui/workbench/settings.h"

#include <string.h>

static const char about[] = "Lathe pre-trains neural networks in a terminal.";

static Status flag_usage(const Flag *flag, Buffer *out)
{
    TRY(buffer_printf(out, "--%s", flag->name));
    return flag->value ? buffer_printf(out, " %s", flag->value) : STATUS_OK;
}

static Status command_row(const Command *command, Buffer *out)
{
    char usage[64];
    snprintf(usage, sizeof usage, "%s %s", command->name, command->names);
    return buffer_printf(out, "  %-24s %s\n", usage, command->doc);
}

Status command_help(Buffer *out)
{
    TRY(buffer_printf(out, "usage: lathe COMMAND ...\n\n%s 'lathe' alone opens the workbench.\n\n", about));
    for (int i = 0; i < command_count; i++) TRY(command_row(&commands[i], out));
    return buffer_text(
        out, "\n  --help                   this text; 'lathe COMMAND --help' explains a command\n"
             "  --version                name and version\n"
             "  --man-page               the manual page, for man -l\n"
             "  --completion             completion for bash, to be sourced\n\n"
             "Exit status: 0 done, 1 failed, 2 wrong usage, 130 or 143 interrupted (the state was saved).\n");
}

Status command_help_one(const Command *command, Buffer *out)
{
    Buffer left = {0};
    TRY(buffer_printf(out, "usage: lathe %s [OPTION]... %s\n\n%s.\n", command->name, command->names, command->doc));
    if (command->details) TRY(buffer_printf(out, "%s\n", command->details));
    TRY(buffer_text(out, "\n"));
    Status status = STATUS_OK;
    for (const Flag *flag = command_flags; flag->name && status == STATUS_OK; flag++) {
        if (!command_takes(command, flag)) continue;
        buffer_clear(&left);
        status = flag_usage(flag, &left);
        if (status == STATUS_OK) status = buffer_printf(out, "  %-18s %s\n", left.data, flag->doc);
    }
    buffer_free(&left);
    return status;
}

/* Dashes that are to be typed are escaped for man. */
static Status man_text(const char *text, Buffer *out)
{
    for (; *text; text++) TRY(*text == '-' ? buffer_text(out, "\\-") : buffer_append(out, text, 1));
    return STATUS_OK;
}

static Status man_examples(Buffer *out)
{
    static const char *const examples[][2] = {
        {"lathe run bert", "pre-train a small BERT on the built-in stories; the run is kept under runs/."},
        {"lathe run bert --set text=corpus.txt --out runs/mine", "the same on a text of one's own."},
        {"lathe run --resume runs/mine", "go on after an interruption or a crash; the result is the same."},
        {"lathe eval runs/mine --json", "evaluate it on its held-out data."},
    };
    TRY(buffer_text(out, ".SH EXAMPLES\n"));
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        TRY(buffer_text(out, ".TP\n.B "));
        TRY(man_text(examples[i][0], out));
        TRY(buffer_text(out, "\n"));
        TRY(man_text(examples[i][1], out));
        TRY(buffer_text(out, "\n"));
    }
    return STATUS_OK;
}

static Status man_command(const Command *command, Buffer *out)
{
    Buffer words = {0};
    TRY(buffer_printf(out, ".SS lathe %s %s\n", command->name, command->names));
    Status status = buffer_printf(&words, "%s.\n%s\n", command->doc, command->details ? command->details : "");
    if (status == STATUS_OK) status = man_text(words.data, out);
    for (const Flag *flag = command_flags; flag->name && status == STATUS_OK; flag++) {
        if (!command_takes(command, flag)) continue;
        buffer_clear(&words);
        status = buffer_text(out, ".TP\n.B ");
        if (status == STATUS_OK) status = flag_usage(flag, &words);
        if (status == STATUS_OK) status = buffer_printf(&words, "\n%s\n", flag->doc);
        if (status == STATUS_OK) status = man_text(words.data, out);
    }
    buffer_free(&words);
    return status;
}

/* What init.lua may set, from its table. */
static Status man_settings(Buffer *out)
{
    Buffer words = {0};
    Status status = STATUS_OK;
    for (const Option *option = settings_options; option->name && status == STATUS_OK; option++) {
        buffer_clear(&words);
        status = buffer_printf(&words, "%s: ", option->doc);
        if (status == STATUS_OK) status = option_describe_range(option, &words);
        if (status == STATUS_OK) status = buffer_printf(out, ".TP\n.B workbench.%s\n", option->name);
        if (status == STATUS_OK) status = man_text(words.data, out);
        if (status == STATUS_OK) status = buffer_text(out, "\n");
    }
    buffer_free(&words);
    return status;
}

static Status man_workbench(Buffer *out)
{
    TRY(buffer_text(
        out, ".SH THE WORKBENCH\nlathe alone on a terminal lists the recipes and recent runs; a form takes the "
             "parameters. On a run it\nhas panes, each of which has keys. A key that changes the run is a line of "
             "Lua, which the palette (:) shows.\n"));
    TRY(actions_manual(out));
    TRY(buffer_text(out,
                    ".SH INIT.LUA\n$XDG_CONFIG_HOME/lathe/init.lua (~/.config/lathe/init.lua) is Lua that is read "
                    "before the workbench opens:\n"));
    TRY(man_settings(out));
    return buffer_text(
        out, ".TP\n.B workbench.key(NAME, KEYS)\ngives a command other keys, as in workbench.key(\"stop\", "
             "\"X F9\").\n"
             ".TP\n.B workbench.command { name =, lua =, keys =, pane =, doc =, label = }\nadds a command; a | in "
             "its line of Lua is where it is finished by hand.\n");
}

Status command_man_page(Buffer *out)
{
    TRY(buffer_text(out,
                    ".\\\" SPDX-License-Identifier: GPL-3.0-or-later\n.TH LATHE 1 \"\" \"" PACKAGE_STRING "\"\n"
                    ".SH NAME\nlathe \\- terminal workbench for pre\\-training neural networks\n"
                    ".SH SYNOPSIS\n.B lathe\n.br\n.B lathe\n.I COMMAND\n[\\fIOPTION\\fR]...\n.SH COMMANDS\n"));
    for (int i = 0; i < command_count; i++) TRY(man_command(&commands[i], out));
    TRY(man_workbench(out));
    TRY(man_examples(out));
    return buffer_text(
        out, ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 130 or 143 interrupted (the state was saved).\n"
             ".SH ENVIRONMENT\n.TP\n.B LATHE_PATH\nfolders with recipes, separated by colons.\n"
             ".TP\n.B OPENBLAS_CORETYPE, OMP_WAIT_POLICY\nset by lathe for itself where they are not set.\n"
             ".SH FILES\nA run's directory holds config.json, metrics.jsonl, metrics.store, journal.lua, lua/, "
             "checkpoints/, while it runs socket, and at\n"
             "the end model.safetensors, model.json and the files of the tokenizer.\n");
}

Status command_completion(Buffer *out)
{
    TRY(buffer_text(
        out,
        "# SPDX-License-Identifier: GPL-3.0-or-later\n_lathe() {\n    local word=${COMP_WORDS[COMP_CWORD]} words\n"
        "    case ${COMP_CWORD}:${COMP_WORDS[1]} in\n    1:*) words='"));
    for (int i = 0; i < command_count; i++) TRY(buffer_printf(out, "%s ", commands[i].name));
    TRY(buffer_text(out, "--help --version' ;;\n"));
    for (int i = 0; i < command_count; i++) {
        TRY(buffer_printf(out, "    *:%s) words='", commands[i].name));
        if (commands[i].words) TRY(commands[i].words(out));
        for (const Flag *flag = command_flags; flag->name; flag++)
            if (command_takes(&commands[i], flag)) TRY(buffer_printf(out, "--%s ", flag->name));
        TRY(buffer_text(out, "' ;;\n"));
    }
    return buffer_text(out,
                       "    esac\n"
                       "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\"; compgen -f -- \"$word\")\n"
                       "}\ncomplete -o filenames -F _lathe lathe\n");
}
