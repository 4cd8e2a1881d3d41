# SPDX-License-Identifier: GPL-3.0-or-later
# For stages that type keys and read the screen, in tmux. Sourced; nothing sleeps but between two looks.
command -v tmux >/dev/null || { echo "there is no tmux"; exit 77; }
unset TMUX
export TMUX_TMPDIR=$PWD HOME=$PWD XDG_STATE_HOME=$PWD/state INPUTRC=/dev/null LC_ALL=C.UTF-8

pane==lathe: # the session that is looked at and typed into
terminal() { tmux -L "lathe-$$" -f /dev/null "$@"; }
trap 'terminal kill-server 2>/dev/null || true' EXIT
screen() { terminal capture-pane -p -t "$pane" | sed 's, *$,,'; }
broken() {
    echo "$1; the screen:"
    screen
    exit 1
}
# await WORDS COMMAND...: waits until the command succeeds; no time decides but the one after which all is lost.
await() {
    local words=$1 end=$((SECONDS + ${PATIENCE:-90}))
    shift
    while ! "$@"; do
        ((SECONDS < end)) || broken "$words"
        sleep 0.1
    done
}
has() { screen | grep -E -- "$1" >/dev/null; }
lacks() { ! has "$1"; }
shows() { await "'$1' did not appear" has "$1"; }
# Escape and a key that is read together with it are Alt and the key: what it does is awaited, for a while, and a moment
# in any case, as the screen may change for another reason.
press_escape() {
    local before looks
    before=$(screen)
    terminal send-keys -t "$pane" Escape
    for ((looks = 0; looks < 20; looks++)); do
        sleep 0.1
        ((looks < 5)) || [[ $(screen) == "$before" ]] || break
    done
}
key() {
    local name
    for name; do
        if [[ $name == Escape ]]; then press_escape; else terminal send-keys -t "$pane" "$name"; fi
    done
}
type_in() { terminal send-keys -t "$pane" -l -- "$1"; }
# prompted: the last line is done, so that what is typed now stands behind the prompt.
at_prompt() { [[ $(screen | grep . | tail -n 1) == 'lathe>' ]]; }
prompted() { await "no prompt came back" at_prompt; }
# enter LINE WORDS: types a line and waits for what matches the words.
enter() {
    type_in "$1"
    key Enter
    shows "$2"
}

# begin COMMAND...: starts it on a terminal of its own.
begin() {
    rm -f before after status
    printf 'trap : INT\nstty -g >before\n%s\necho $? >left\nstty -g >after\nmv left status\nread -r line\n' "${*@Q}" >script
    terminal respawn-pane -k -t =lathe: "sh $PWD/script"
}
# left STATUS: it came to its end, and the terminal is as it was.
left() {
    await "it did not end" test -f status
    [[ $(cat status) == "$1" ]] || broken "status $(cat status), not $1"
    cmp before after || broken "the terminal is not as it was"
}
