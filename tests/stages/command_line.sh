#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The program as people call it: exit statuses, where texts go, files that are not what they should be.
set -euo pipefail

# expect STATUS STREAM WORDS COMMAND...: the exit status, and words on stdout or stderr; nothing on stdout of a failure.
expect() {
    local wanted=$1 stream=$2 words=$3 status=0
    shift 3
    "$@" >stdout 2>stderr </dev/null || status=$?
    [[ $status == "$wanted" ]] || { echo "$*: status $status, not $wanted"; cat stderr; exit 1; }
    grep -qF -- "$words" "$stream" || { echo "$*: '$words' is not on $stream:"; cat "$stream"; exit 1; }
    [[ $wanted == 0 || ! -s stdout ]] || { echo "$*: wrote to stdout"; cat stdout; exit 1; }
}

expect 0 stdout 'lathe 0.' "$LATHE" --version
expect 0 stdout 'usage: lathe COMMAND' "$LATHE" --help
for command in run repl eval info bench; do
    expect 0 stdout "usage: lathe $command" "$LATHE" "$command" --help
    expect 0 stdout 'lathe 0.' "$LATHE" "$command" --version
    expect 2 stderr "$command has no option '--nonesuch'" "$LATHE" "$command" --nonesuch
done
expect 2 stderr 'a command is missing' "$LATHE"
expect 2 stderr "did you mean 'run'" "$LATHE" rnu
expect 2 stderr 'takes an integer' "$LATHE" run bert --steps many
expect 2 stderr 'run takes a recipe' "$LATHE" run
expect 1 stderr 'standard output: No space left' bash -c '"$1" --help >/dev/full' _ "$LATHE"
expect 0 stdout 'exit status' bash -c 'env -i "$1" --help | tr E e' _ "$LATHE"

# Recipes and runs that are not there or not right.
expect 1 stderr "there is no recipe 'nonesuch'" "$LATHE" run nonesuch
expect 1 stderr 'no such recipe file' "$LATHE" run ./nonesuch.lua
expect 1 stderr "did you mean" "$LATHE" run bert --set hiden_size=128
printf 'return recipe {' >broken.lua
expect 1 stderr 'broken.lua:1' "$LATHE" run broken.lua
expect 1 stderr 'nowhere' "$LATHE" run --resume nowhere
expect 1 stderr 'nowhere' "$LATHE" eval nowhere

# Weight files.
weights=$SOURCE/tests/golden/bert_model.safetensors
expect 0 stdout '46 tensors' "$LATHE" info "$weights"
expect 0 stdout '"dtype": "F32"' "$LATHE" info --json "$weights"
expect 1 stderr 'none.safetensors' "$LATHE" info none.safetensors
: >empty.safetensors
expect 1 stderr 'empty.safetensors' "$LATHE" info empty.safetensors
head -c 40000 "$weights" >cut.safetensors
expect 1 stderr "cut.safetensors" "$LATHE" info cut.safetensors
head -c 5000 "$LATHE" >junk.safetensors
expect 1 stderr 'junk.safetensors' "$LATHE" info junk.safetensors
mkdir folder
expect 1 stderr 'folder: is neither a run' "$LATHE" info folder
cp "$weights" folder/model.safetensors
expect 0 stdout '46 tensors' "$LATHE" info folder
echo '{"model_type": "bert"}' >folder/config.json
expect 0 stdout '"model_type": "bert"' "$LATHE" info folder
expect 0 stdout '"bert.pooler.dense.weight"' "$LATHE" info --json folder
expect 1 stderr 'folder: is not a run directory' "$LATHE" run --resume folder
expect 1 stderr 'folder: is not a run directory' "$LATHE" eval folder
[[ $(ls -A folder | tr '\n' ' ') == 'config.json model.safetensors ' ]] || { echo "something was left in folder"; exit 1; }
# A name that is meant for the terminal is shown without its control characters.
header='{"a\u001b[31m\u009b\nb":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
printf '%b%s%s' "\\x$(printf %02x ${#header})\\0\\0\\0\\0\\0\\0\\0" "$header" x >escape.safetensors
expect 0 stdout 'a?[31m???b' "$LATHE" info escape.safetensors
expect 1 stderr 'a\x1bb' "$LATHE" info "$(printf 'a\033b')"

# The prompt without a terminal.
expect 0 stdout '5' bash -c 'echo "2 + 3" | "$1" repl' _ "$LATHE"
expect 0 stdout 'f32[2,3]' bash -c 'echo "zeros(2, 3)" | "$1" repl' _ "$LATHE"
status=0
echo 'error("no")' | "$LATHE" repl >stdout 2>&1 || status=$?
[[ $status == 1 ]] || { echo "a failing line at the prompt gave status $status"; exit 1; }
status=0
printf 'error("no")\n1 + 1\n' | "$LATHE" repl >stdout 2>&1 || status=$?
[[ $status == 1 ]] && grep -qx 2 stdout || { echo "a line that failed before a good one: status $status"; exit 1; }

# A run that could not start leaves no directory.
printf 'return recipe { params = {}, build = function() error("not today") end }' >failing.lua
expect 1 stderr 'not today' "$LATHE" run failing.lua --out refused
[[ ! -e refused ]] || { echo "a run that did not start left its directory"; exit 1; }
