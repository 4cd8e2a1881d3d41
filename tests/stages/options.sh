#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scale: full
# Every option of configure gives a build that passes the unit tests, at the size of 'check': at full size they run in the
# two builds of check-long.
set -euo pipefail
unset LATHE_LONG
export LATHE_TEST_SCALE=small
for option in --without-onednn --with-onednn --enable-coverage --enable-asan --enable-ubsan; do
    mkdir build
    (cd build && "$SOURCE/configure" --quiet "$option" && make -s -j"$(nproc)" all tests/unit/suite &&
        CK_VERBOSITY=normal tests/unit/suite) || { echo "$option: failed"; exit 1; }
    rm -rf build
    echo "$option: passed"
done
