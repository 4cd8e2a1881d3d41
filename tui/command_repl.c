/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lathe repl [SCRIPT] */
#include "tui/command_repl.h"

#include "scripts/host.h"
#include "tui/repl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static Status run_script(Host *host, const char *path)
{
    TRY(host_load_file(host, path));
    return host_call(host, 0, 0);
}

static int report(Host *host, Status status)
{
    const char *trace = host ? host_traceback(host) : "";
    fflush(stdout);
    fprintf(stderr, "lathe: %s\n", status_message());
    if (status == STATUS_LUA && strstr(trace, "in function")) fprintf(stderr, "%s\n", trace);
    return status == STATUS_CANCELLED ? 130 : 1;
}

static int prompt(Host *host)
{
    Repl *repl;
    bool failed = false, terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    Status status = repl_new(host, &repl);
    if (status != STATUS_OK) return report(host, status);
    if (terminal) puts("Lathe, Lua 5.4. help() or ?x explains, exit() or Ctrl-D leaves, Ctrl-C interrupts.");
    status = terminal ? repl_read_terminal(repl) : repl_read_file(repl, stdin, &failed);
    repl_free(repl);
    return status == STATUS_OK ? failed : report(host, status);
}

int command_repl(const char *script)
{
    Host *host = NULL;
    int code;
    Status status = host_new(NULL, &host);
    if (status == STATUS_OK && script) status = run_script(host, script);
    int result = 0;
    if (status != STATUS_OK && !(host && host_exit_requested(host, &code)))
        result = report(host, status);
    else if (!host_exit_requested(host, &code))
        result = prompt(host);
    if (host && host_exit_requested(host, &code)) result = code;
    host_free(host);
    fflush(stdout);
    return result;
}
