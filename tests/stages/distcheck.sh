#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scale: full
# The distribution archive builds, passes its tests and installs by itself, read-only sources included.
set -euo pipefail
"$SOURCE/configure" --quiet
make -s -j"$(nproc)" distcheck
