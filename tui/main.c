/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/environment.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    environment_settle(argv);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts(PACKAGE_STRING);
        return 0;
    }
    fputs("usage: lathe --version\n", stderr);
    return 2;
}
