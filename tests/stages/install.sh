#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# 'make install' puts program, recipes, manual page and completion where they belong, and 'make uninstall' leaves
# nothing.
set -euo pipefail
make -s -C "$BUILD" install prefix="$PWD/usr" DESTDIR= >log 2>&1 || { cat log; exit 1; }
for file in bin/lathe share/lathe/recipes/bert.lua share/lathe/recipes/amazon.lua share/man/man1/lathe.1 \
    share/bash-completion/completions/lathe; do
    [[ -s usr/$file ]] || { echo "$file is not installed"; exit 1; }
done
usr/bin/lathe --version
# Recipes are found beside the program, wherever it stands.
usr/bin/lathe run bigram --plain --steps 1 --out run >/dev/null 2>&1
grep -q "\"recipe\": \"$PWD/usr/share/lathe/recipes/bigram.lua\"" run/config.json || { cat run/config.json; exit 1; }
if command -v man >/dev/null; then
    MANPATH=$PWD/usr/share/man man lathe 2>&1 | grep -q 'lathe run' || { echo "the manual page is empty"; exit 1; }
fi
make -s -C "$BUILD" uninstall prefix="$PWD/usr" DESTDIR= >log 2>&1 || { cat log; exit 1; }
[[ -z $(find usr -type f) ]] || { echo "uninstall left:"; find usr -type f; exit 1; }
