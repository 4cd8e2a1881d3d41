/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/command.h"

#include "engine/base/names.h"
#include "engine/base/threads.h"
#include "scripts/host.h"
#include "tui/bench.h"
#include "tui/command_repl.h"
#include "tui/workbench/attend.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const Flag command_flags[] = {
    {"set", "KEY=VALUE", "give a parameter of the recipe another value; may be repeated", FLAG_LIST, 0, 0, 0},
    {"out", "DIR", "directory of the run: metrics, checkpoints, final weights", FLAG_TEXT, offsetof(Arguments, out),
     0, 0},
    {"resume", "DIR", "go on with the run in this directory", FLAG_TEXT, offsetof(Arguments, resume), 0, 0},
    {"seed", "N", "seed of weights, order, masks and dropout (default 1)", FLAG_INTEGER, offsetof(Arguments, seed),
     0, INT64_MAX},
    {"steps", "N", "number of steps, instead of the usual one", FLAG_INTEGER, offsetof(Arguments, steps), 1,
     INT64_MAX},
    {"threads", "N", "threads (default: one for each processor); results do not depend on it", FLAG_INTEGER,
     offsetof(Arguments, threads), 1, THREADS_MAX},
    {"lua-memory", "MB", "memory that Lua code may hold (default: a quarter of the machine's, at most 1024)",
     FLAG_INTEGER, offsetof(Arguments, lua_memory), 16, 1 << 20},
    {"until", "STEP", "go no further than this step", FLAG_INTEGER, offsetof(Arguments, until), 0, INT64_MAX},
    {"plain", NULL, "plain lines, also on a terminal", FLAG_PLAIN, offsetof(Arguments, plain), 0, 0},
    {"prompt", NULL, "only a prompt, instead of the workbench", FLAG_PLAIN, offsetof(Arguments, prompt), 0, 0},
    {"detach", NULL, "train in the background; 'lathe attach DIR' opens the workbench on it", FLAG_PLAIN,
     offsetof(Arguments, detach), 0, 0},
    {"look", NULL, "with --resume: train nothing, hold the last state for those who attach", FLAG_PLAIN,
     offsetof(Arguments, look), 0, 0},
    {"no-socket", NULL, "nobody can attach to the run", FLAG_PLAIN, offsetof(Arguments, no_socket), 0, 0},
    {"paused", NULL, "wait before the next step until somebody attaches and says resume()", FLAG_PLAIN,
     offsetof(Arguments, paused), 0, 0},
    {"stay", NULL, "pause where a step fails, also while nobody is attached; --detach implies it", FLAG_PLAIN,
     offsetof(Arguments, stay), 0, 0},
    {"pairs", "FILE", "how often the good sentence is likelier: JSON lines with sentence_good, sentence_bad",
     FLAG_TEXT, offsetof(Arguments, pairs), 0, 0},
    {"json", NULL, "print the result as JSON", FLAG_PLAIN, offsetof(Arguments, json), 0, 0},
    {"help", NULL, "this text", FLAG_PLAIN, offsetof(Arguments, help), 0, 0},
    {"version", NULL, "name and version", FLAG_PLAIN, offsetof(Arguments, version), 0, 0},
    {0},
};

static int run_repl(const Arguments *arguments)
{
    return command_repl(arguments->name_count ? arguments->names[0] : NULL);
}

static Status bench_words(Buffer *out)
{
    for (int i = 0; i < bench_record_count; i++) TRY(buffer_printf(out, "%s ", bench_records[i].name));
    return STATUS_OK;
}

const Command commands[] = {
    {"run", "RECIPE", "Train what a recipe describes", 0, 1,
     "set out resume seed steps threads plain json detach look no-socket paused stay lua-memory",
     "RECIPE is a file, or the name of an installed recipe: bert, gpt, electra, finetune, squad, bigram, amazon.\n"
     "'lathe run RECIPE --help' lists its parameters.\n"
     "On a terminal it opens the workbench on a process that trains in the background; q leaves it.\n"
     "With --plain it prints lines. Ctrl-C then stops before the next op, saves and leaves with status 130; a "
     "second\n"
     "one leaves at once. SIGTERM saves as well, with status 143, and so do SIGUSR1 and stop() at the prompt, "
     "with\n"
     "status 0. When the terminal is closed (SIGHUP) training goes on; the words go to log.txt in the run's "
     "directory.\n"
     "A step that fails (NaN, an error in Lua, no memory) changes nothing. Where somebody is attached the run "
     "pauses;\n"
     "else it saves and ends, and --resume DIR --paused comes back to that place, for undo() and resume().",
     NULL, command_run},
    {"attach", "DIR", "Open the workbench on a run that trains in another process", 1, 1, "plain prompt",
     "With --prompt it is a Lua prompt, with --plain it follows the run's progress until the end. Without a\n"
     "terminal it reads lines from standard input. Ctrl-C interrupts a line, never the training; q or Ctrl-D\n"
     "leaves, and the run goes on.",
     NULL, command_attach},
    {"repl", "[SCRIPT]", "Run the script, if any, then a Lua prompt", 0, 1, "lua-memory",
     "Without a terminal it reads lines from standard input.", NULL, run_repl},
    {"estimate", "RECIPE", "Parameters, FLOPs, memory and time of a run, from three of its steps", 1, 1,
     "set seed steps threads json", "Nothing is written.", NULL, command_estimate},
    {"sweep", "RECIPE", "Train a recipe with every combination of the values that are given", 1, 1,
     "set out steps threads",
     "Values are separated by commas: --set lr=1e-3,2e-3 --set seed=1,2,3. Each run is a process and a directory\n"
     "below --out (sweeps/RECIPE). Called again it skips what is done and goes on with what is half done. A "
     "table,\n"
     "sweep.csv and runs.csv have mean and spread over the seeds. The Lua function sweep can draw at random, too.\n"
     "The status is 1 where a run failed.",
     NULL, command_sweep},
    {"eval", "DIR", "Evaluate a run on its held-out data", 1, 1, "set pairs threads json",
     "The final weights are taken, or those of the newest checkpoint. --set text=FILE evaluates on another text "
     "(of\n"
     "which the usual share is held out; --set valid=FILE takes a whole one), with the run's own tokenizer.",
     NULL, command_eval},
    {"generate", "RUN|DIR [TEXT]", "Go on with a text, from the model of a run", 1, 2, "set seed threads",
     "--set gives options of run:generate(): tokens, temperature, top_k, top_p, stop, model, precision (bf16: "
     "also\n"
     "half the memory). The final weights are taken, or those of the newest checkpoint. Without a text it begins\n"
     "one. DIR may be a GPT-2 as transformers saves it.",
     NULL, command_generate},
    {"save", "RUN DIR", "Write a run's model as Hugging Face's transformers has it", 2, 2, "",
     "DIR gets config.json, model.safetensors and the files of the tokenizer. The final weights are taken, or "
     "those\n"
     "of the newest checkpoint. --set model=DIR goes on with it, and so do models.load('DIR') and transformers.",
     NULL, command_save},
    {"info", "FILE|DIR", "Show what a weight file, a run or a model's directory holds", 1, 1, "json", NULL, NULL,
     command_info},
    {"diff", "A B", "In what two runs differ: parameters, edits, metrics, weights by layer", 2, 2, "json",
     "The status is 0 where nothing differs, 1 where something does, 2 where a run cannot be read.", NULL,
     command_diff},
    {"replay", "RUN", "Do again what the journal of a run says, and compare every state", 1, 1, "until threads",
     "The status is 0 when every recorded state was reached, with any number of threads; else the first step and\n"
     "tensor that differ are named.",
     NULL, command_replay},
    {"export-recipe", "RUN", "Print a recipe with the edits that shaped the run's state", 1, 1, "",
     "What was undone, and other branches, are left out.", NULL, command_export},
    {"bench", "[NAME...]", "Time matrix products and training steps", 0, COMMAND_MAX_NAMES,
     "set steps threads json",
     "Names: gemm, bert-tiny, bert-mini, bert-base, bert-infer, gpt2-generate, scaling (default: the first "
     "three).\n"
     "--set precision=bf16, recompute=true, layers, width, vocabulary, batch and length change what is timed. The\n"
     "limit of an op is what its products take at the rate of sgemm, or what it reads and writes at that of "
     "memory.",
     bench_words, command_bench},
};
const int command_count = sizeof commands / sizeof *commands;

const Command *command_find(const char *name)
{
    for (int i = 0; i < command_count; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

bool command_takes(const Command *command, const Flag *flag)
{
    size_t length = strlen(flag->name);
    if (strcmp(flag->name, "help") == 0 || strcmp(flag->name, "version") == 0) return true;
    for (const char *at = command->flags; at; at = strchr(at, ' ')) {
        at += *at == ' ';
        if (strncmp(at, flag->name, length) == 0 && (at[length] == ' ' || at[length] == '\0')) return true;
    }
    return false;
}

/* --- parsing --- */

static Status unknown_flag(const Command *command, const char *name)
{
    const char *near =
        names_nearest(name, command_flags, sizeof command_flags / sizeof *command_flags - 1, sizeof *command_flags);
    for (const Flag *flag = command_flags; near && flag->name; flag++)
        if (strcmp(flag->name, near) == 0 && !command_takes(command, flag)) near = NULL;
    if (near)
        return status_fail(STATUS_INVALID, "%s has no option '--%s'; did you mean '--%s'?", command->name, name,
                           near);
    return status_fail(STATUS_INVALID, "%s has no option '--%s'; 'lathe %s --help' lists its options",
                       command->name, name, command->name);
}

static Status set_integer(const Flag *flag, const char *value, Arguments *out)
{
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end || errno || number < flag->min || number > flag->max)
        return status_fail(STATUS_INVALID, "--%s takes an integer of at least %lld%s; got '%s'", flag->name,
                           (long long)flag->min, flag->max == THREADS_MAX ? " and at most 256" : "", value);
    *(int64_t *)((char *)out + flag->offset) = number;
    return STATUS_OK;
}

static Status set_flag(const Flag *flag, const char *value, Arguments *out)
{
    switch (flag->kind) {
    case FLAG_PLAIN: *(bool *)((char *)out + flag->offset) = true; return STATUS_OK;
    case FLAG_TEXT: *(const char **)((char *)out + flag->offset) = value; return STATUS_OK;
    case FLAG_INTEGER: return set_integer(flag, value, out);
    case FLAG_LIST: break;
    }
    if (out->set_count == COMMAND_MAX_SETS)
        return status_fail(STATUS_INVALID, "--%s may be given at most %d times", flag->name, COMMAND_MAX_SETS);
    out->sets[out->set_count++] = value;
    return STATUS_OK;
}

/* The option of this name, or the only one that begins so; NULL where there is none. */
static const Flag *find_flag(const Command *command, const char *name)
{
    const Flag *found = NULL;
    int matches = 0;
    for (const Flag *flag = command_flags; flag->name; flag++) {
        if (!command_takes(command, flag) || strncmp(flag->name, name, strlen(name)) != 0) continue;
        if (strcmp(flag->name, name) == 0) return flag;
        found = flag;
        matches++;
    }
    return matches == 1 ? found : NULL;
}

/* --name, --name=value or --name value; *at moves on to the last argument that was used. */
static Status parse_flag(const Command *command, int argc, char **argv, int *at, Arguments *out)
{
    char name[64];
    const char *text = argv[*at] + 2, *equals = strchr(text, '=');
    snprintf(name, sizeof name, "%.*s", (int)(equals ? equals - text : (ptrdiff_t)strlen(text)), text);
    const Flag *flag = find_flag(command, name);
    if (!flag) return unknown_flag(command, name);
    if (flag->kind == FLAG_PLAIN && equals) return status_fail(STATUS_INVALID, "--%s takes no value", flag->name);
    if (flag->kind == FLAG_PLAIN) return set_flag(flag, NULL, out);
    if (!equals && *at + 1 == argc)
        return status_fail(STATUS_INVALID, "--%s takes a value: --%s %s", flag->name, flag->name, flag->value);
    return set_flag(flag, equals ? equals + 1 : argv[++*at], out);
}

Arguments command_nothing(void)
{
    return (Arguments){.seed = -1, .steps = -1, .threads = -1, .until = -1, .lua_memory = -1};
}

Status command_parse(const Command *command, int argc, char **argv, Arguments *out)
{
    bool only_names = false;
    *out = command_nothing();
    for (int i = 0; i < argc; i++) {
        if (!only_names && strcmp(argv[i], "--") == 0)
            only_names = true;
        else if (!only_names && strncmp(argv[i], "--", 2) == 0)
            TRY(parse_flag(command, argc, argv, &i, out));
        else if (!only_names && strcmp(argv[i], "-h") == 0)
            out->help = true;
        else if (!only_names && argv[i][0] == '-' && argv[i][1])
            return status_fail(STATUS_INVALID, "%s has no option '%s'; options have two dashes, as in --help",
                               command->name, argv[i]);
        else if (out->name_count == command->max_names)
            return status_fail(STATUS_INVALID, "%s takes %s; '%s' is one too many", command->name, command->names,
                               argv[i]);
        else
            out->names[out->name_count++] = argv[i];
    }
    if (!out->help && !out->version && out->name_count < command->min_names)
        return status_fail(STATUS_INVALID, "%s takes %s; 'lathe %s --help' explains", command->name, command->names,
                           command->name);
    return STATUS_OK;
}

/* --- the program --- */

/* Bytes of the control character that begins here, 0 where none does; U+0080 to U+009f are two. */
static int control_length(const char *at)
{
    unsigned char c = (unsigned char)*at, next = (unsigned char)at[c != 0];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) return 1;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

int command_fail(Status status)
{
    const char *message = status_message();
    fflush(stdout);
    fputs("lathe: ", stderr);
    for (; *message; message++) {
        int control = control_length(message); /* bytes of files stand in messages: none is for the terminal */
        fputc(control ? '?' : *message, stderr);
        message += control == 2;
        if (*message == '\n' && message[1]) fputs("       ", stderr);
    }
    fputc('\n', stderr);
    return status == STATUS_CANCELLED ? EXIT_INTERRUPTED : EXIT_RUNTIME;
}

static int print_text(Status (*make)(Buffer *out))
{
    Buffer text = {0};
    Status status = make(&text);
    if (status == STATUS_OK) fputs(text.data, stdout);
    buffer_free(&text);
    return status == STATUS_OK ? 0 : command_fail(status);
}

static int print_command_help(const Command *command)
{
    Buffer text = {0};
    Status status = command_help_one(command, &text);
    if (status == STATUS_OK) fputs(text.data, stdout);
    buffer_free(&text);
    return status == STATUS_OK ? 0 : command_fail(status);
}

static int usage(const char *message)
{
    fprintf(stderr, "lathe: %s\n", message);
    return EXIT_USAGE;
}

static int unknown_command(const char *name)
{
    char message[256];
    const char *near = names_nearest(name, commands, (size_t)command_count, sizeof *commands);
    if (near)
        snprintf(message, sizeof message, "there is no command '%.60s'; did you mean '%s'?", name, near);
    else
        snprintf(message, sizeof message, "there is no command '%.60s'; 'lathe --help' lists the commands", name);
    return usage(message);
}

static int print_version(void)
{
    puts(PACKAGE_STRING);
    return 0;
}

/* lathe help, lathe help run: as --help. */
static int help(int argc, char **argv)
{
    if (argc < 3) return print_text(command_help);
    const Command *command = command_find(argv[2]);
    return command ? print_command_help(command) : unknown_command(argv[2]);
}

static int run_command(int argc, char **argv)
{
    Arguments arguments;
    if (argc < 2 && attend_possible()) return command_start();
    if (argc < 2) return usage("a command is missing; 'lathe --help' lists them");
    if (strcmp(argv[1], "--version") == 0) return print_version();
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return print_text(command_help);
    if (strcmp(argv[1], "help") == 0) return help(argc, argv);
    if (strcmp(argv[1], "--man-page") == 0) return print_text(command_man_page);
    if (strcmp(argv[1], "--completion") == 0) return print_text(command_completion);
    const Command *command = command_find(argv[1]);
    if (!command) return unknown_command(argv[1]);
    if (command_parse(command, argc - 2, argv + 2, &arguments) != STATUS_OK) return usage(status_message());
    if (arguments.version) return print_version();
    if (arguments.help && !(command->run == command_run && arguments.name_count))
        return print_command_help(command);
    if (arguments.threads > 0) threads_set((int)arguments.threads);
    if (arguments.lua_memory > 0) host_limit_memory((size_t)arguments.lua_memory << 20);
    if (arguments.json) host_print_to(stderr);
    return command->run(&arguments);
}

int command_main(int argc, char **argv)
{
    int result = run_command(argc, argv);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || result != 0) return result;
    fprintf(stderr, "lathe: standard output: %s\n", strerror(errno));
    return EXIT_RUNTIME;
}
