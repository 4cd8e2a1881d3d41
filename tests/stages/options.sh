#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scale: full
# Every option of configure gives a build that passes the unit tests.
set -euo pipefail
for option in --without-onednn --with-onednn --enable-coverage --enable-asan --enable-ubsan; do
    mkdir build
    (cd build && "$SOURCE/configure" --quiet "$option" && make -s -j"$(nproc)" all tests/unit/suite &&
        CK_VERBOSITY=normal tests/unit/suite) || { echo "$option: failed"; exit 1; }
    rm -rf build
    echo "$option: passed"
done
