/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tui/command.h"
#include "tui/environment.h"

int main(int argc, char **argv)
{
    environment_settle(argv);
    return command_main(argc, argv);
}
