#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# C files look as .clang-format says (clang-format 14, as Debian 12 has it; others differ in details).
set -euo pipefail
[[ $(clang-format --version 2>&1) == *"version 14."* ]] || { echo "there is no clang-format 14"; exit 77; }
cd "$SOURCE"
git rev-parse --git-dir >/dev/null 2>&1 || { echo "it is no clone"; exit 77; }
git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror 2>&1 | head -n 40
