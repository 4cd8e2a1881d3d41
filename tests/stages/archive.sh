#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The distribution archive holds every file that git knows, and beside these only what autoconf and automake make.
set -euo pipefail
files=$(git -C "$SOURCE" ls-files 2>/dev/null) && [[ -n $files ]] || { echo "this is no clone of a git repository"; exit 77; }
make -s -C "$BUILD" distdir distdir="$PWD/archive" >log 2>&1 || { cat log; exit 1; }
(cd archive && find . -type f -printf '%P\n' | sort) >archived
grep -vx '.gitignore' <<<"$files" | sort >known
missing=$(comm -23 known archived)
[[ -z $missing ]] || { printf 'make dist leaves out:\n%s\n' "$missing"; exit 1; }
more=$(comm -13 known archived | grep -vxE 'configure|aclocal\.m4|Makefile\.in|build-aux/.*' || true)
[[ -z $more ]] || { printf 'make dist adds what git does not know:\n%s\n' "$more"; exit 1; }
