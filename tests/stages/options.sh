#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scale: full
# Every option of configure gives a build that passes the unit tests, at the size of 'check': at full size they run in the
# two builds of check-long, the second of which has both sanitizers; those of the last three builds are therefore a few.
set -euo pipefail
export LATHE_TEST_SCALE=small
few="memory base file json safetensors ops optim mlm session checkpoints lines wire"
for option in --without-onednn --with-onednn --enable-coverage --enable-asan --enable-ubsan; do
    [[ $option == *onednn ]] && suites="" || suites=$few
    mkdir build
    # shellcheck disable=SC2086 # names of suites
    (cd build && "$SOURCE/configure" --quiet "$option" && make -s -j"$(nproc)" all tests/unit/suite &&
        CK_VERBOSITY=normal tests/unit/suite $suites) || { echo "$option: failed"; exit 1; }
    rm -rf build
    echo "$option: passed"
done
