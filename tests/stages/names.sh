#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Bigrams of all names by recipe bigram: 2.4540 nats, as makemore has it. Needs names.txt of makemore below $LATHE_DATA/text.
set -euo pipefail
names=${LATHE_DATA:-}/text/names.txt
[[ -s $names ]] || { echo "no $names: LATHE_DATA names no folder with it"; exit 77; }
"$LATHE" run bigram --plain --set text="$names" --out names >log
grep -q '"loss": *2\.4540' names/metrics.jsonl
grep -q '"final.bigram": *2\.4540' names/metrics.jsonl
