#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Writes the given Lua files of a folder as the C table embedded_files[]:  embed.sh FOLDER FILE.lua... > embedded.c
set -e
folder=$1
shift
echo '/* Made by scripts/embed.sh. */'
echo '#include "scripts/embedded.h"'
n=0
for file in "$@"; do
    echo "static const char text_${n}[] = {"
    od -An -v -tu1 "$folder/$file" | sed 's/  */ /g; s/^ //; s/ *$//; s/ /,/g; s/$/,/'
    echo "0};"
    n=$((n + 1))
done
echo 'const EmbeddedFile embedded_files[] = {'
n=0
for file in "$@"; do
    echo "    {\"$(basename "$file" .lua)\", text_$n, sizeof text_$n - 1},"
    n=$((n + 1))
done
echo '    {0, 0, 0}};'
