#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The kernels as processors without AVX-512, and without AVX2, run them: the same tests, linked with kernels compiled for
# one level each. Sweeps of failing allocations and fuzzing do not depend on the level, so they stay short.
set -euo pipefail
grep -q 'DHAVE_VECTOR_CLONES' "$BUILD/Makefile" || { echo "this build has one level only"; exit 77; }
suites=(ops ops_hostile parity bert bert_options bf16 optim electra gpt2 random types)
[[ $SCALE == full ]] && suites=()
ln -s "$SOURCE"/* .
for level in x86-64-v3 x86-64; do
    grep -q avx2 /proc/cpuinfo || [[ $level == x86-64 ]] || continue
    rm -rf build
    cp -a "$BUILD" build # below it '..' has the sources again
    rm -f build/engine/kernels/*.o
    make -C build -s -j"$(nproc)" CPPFLAGS=-UHAVE_VECTOR_CLONES CFLAGS="-O2 -g -march=$level" tests/unit/suite
    objdump -d build/engine/kernels/elementwise.o >code
    if grep -q '%zmm' code; then echo "$level: has AVX-512"; exit 1; fi
    if [[ $level == x86-64 ]] && grep -q '%ymm' code; then echo "$level: has AVX2"; exit 1; fi
    build/tests/unit/suite "${suites[@]}"
done
