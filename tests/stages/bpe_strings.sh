#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# scale: full
# 10,000 strings have the same ids here and in a plain implementation of byte-level BPE in Python.
set -euo pipefail
[[ -x /usr/bin/python3 ]] || { echo "/usr/bin/python3 is not installed"; exit 77; }
/usr/bin/python3 "$SOURCE/tests/parity/bpe.py" --check "$LATHE"
