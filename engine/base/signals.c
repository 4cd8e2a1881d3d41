/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "engine/base/signals.h"

#include <stddef.h>

/* With room for the registers of any processor: AMX needs over 8 KB. */
static _Alignas(4096) char handler_stack[1 << 16];

/* A sanitizer has set one already. */
static void set_stack(void)
{
    stack_t stack = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack}, now;
    if (sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_DISABLE)) sigaltstack(&stack, NULL);
}

void signals_catch(int number, void (*handler)(int number), struct sigaction *before)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
    set_stack();
    sigfillset(&action.sa_mask);
    sigaction(number, &action, before);
}

void signals_block(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}
