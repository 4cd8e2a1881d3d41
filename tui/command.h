/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands of the program, a record each: --help, the man page, shell completion and the parser are derived
 * from these tables. Everything points into argv and constant data; nobody frees anything but the list of --set. */
#ifndef LATHE_TUI_COMMAND_H
#define LATHE_TUI_COMMAND_H

#include "engine/base/buffer.h"
#include "engine/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { COMMAND_MAX_SETS = 64, COMMAND_MAX_NAMES = 16 };
enum { EXIT_RUNTIME = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* What was given on the command line. */
typedef struct Arguments {
    const char *names[COMMAND_MAX_NAMES]; /* without a dash */
    int name_count;
    const char *sets[COMMAND_MAX_SETS]; /* key=value */
    int set_count;
    const char *out, *resume, *pairs;
    int64_t seed, steps, threads, until, lua_memory; /* -1: not given */
    bool plain, prompt, json, detach, look, no_socket, paused, stay, help, version;
} Arguments;

typedef enum FlagKind { FLAG_PLAIN, FLAG_TEXT, FLAG_INTEGER, FLAG_LIST } FlagKind;

/* An option of commands; the table ends with {0}. */
typedef struct Flag {
    const char *name, *value, *doc; /* value: what stands behind it in help, NULL for none */
    FlagKind kind;
    size_t offset; /* in Arguments */
    int64_t min, max;
} Flag;

typedef struct Command {
    const char *name, *names, *doc; /* names: what it takes beside options, as help shows it */
    int min_names, max_names;
    const char *flags; /* names of the options that it takes beside --help and --version, separated by spaces */
    const char *details;
    Status (*words)(Buffer *out); /* names that it takes, for completion: each with a space behind it; or NULL */
    int (*run)(const Arguments *arguments); /* returns the exit status */
} Command;

extern const Flag command_flags[];
extern const Command commands[];
extern const int command_count;

const Command *command_find(const char *name);
/* Whether the command takes the option. */
bool command_takes(const Command *command, const Flag *flag);

/* No flag and no name was given. */
Arguments command_nothing(void);

/* Reads argv behind the command's name. Errors: unknown option (with the nearest), a missing or wrong value, too
 * many or too few names: usage errors, with the remedy. */
Status command_parse(const Command *command, int argc, char **argv, Arguments *out) STATUS_CHECKED;

/* The whole program: returns the exit status. */
int command_main(int argc, char **argv);

/* The texts that are derived. */
Status command_help(Buffer *out) STATUS_CHECKED;
Status command_help_one(const Command *command, Buffer *out) STATUS_CHECKED;
Status command_man_page(Buffer *out) STATUS_CHECKED;
Status command_completion(Buffer *out) STATUS_CHECKED;

/* Prints "lathe: message" (and more lines indented) to stderr and returns the exit status for the failure. */
int command_fail(Status status);

/* Without a command, on a terminal. */
int command_start(void);
int command_run(const Arguments *arguments);
int command_attach(const Arguments *arguments);
int command_estimate(const Arguments *arguments);
int command_sweep(const Arguments *arguments);
int command_diff(const Arguments *arguments);
int command_eval(const Arguments *arguments);
int command_generate(const Arguments *arguments);
int command_save(const Arguments *arguments);
int command_info(const Arguments *arguments);
int command_bench(const Arguments *arguments);
int command_replay(const Arguments *arguments);
int command_export(const Arguments *arguments);

#endif
