#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Clients of a live run: lines from several at once, edits that wait, hostile bytes, a client that is killed; and
# those that only look leave the run's bits alone.
set -euo pipefail
source "$SOURCE/tests/stages/lib/run.sh"
export XDG_RUNTIME_DIR=$PWD/runtime
mkdir -m 700 runtime
make_text "$SEED" 1500 >corpus.txt
options=(--plain --seed "$SEED" --set text=corpus.txt --set vocab_size=300 --set hidden_size=32
    --set num_hidden_layers=1 --set length=48 --set batch_size=8)
recipe=$SOURCE/scripts/recipes/bert.lua

broken() {
    echo "$1"
    for file in log answer*; do [[ -f $file ]] && echo "--- $file" && tail -n 20 "$file"; done
    exit 1
}
listens() { # DIR: it does, or the run of the last job is broken
    for ((i = 0; i < 600; i++)); do
        [[ -S $(cat "$1/socket" 2>/dev/null) ]] && return
        sleep 0.05
    done
    broken "$1 does not listen"
}
attach() { timeout 60 "$LATHE" attach "$@"; }

# --- alone, and with clients that only look ---
"$LATHE" run "$recipe" "${options[@]}" --steps 150 --no-socket --out alone >log 2>&1 || broken "the run failed"
[[ ! -e alone/socket ]] || broken "--no-socket, and it listened"
"$LATHE" run "$recipe" "${options[@]}" --steps 150 --out looked >log 2>&1 &
run=$!
listens looked
[[ $(stat -c %a "$(cat looked/socket)") == 600 ]] || broken "the socket is open to others"
for client in 1 2 3; do
    for i in {1..15}; do
        printf '%s\n' 'run.step' 'print(run)' 'run.model.bert.encoder.layer[0].attention.self.query.weight' \
            'randn(20, 20):sum()' '#run:hash()' 'nonesuch.field' 'for i = 1, 2 do' 'x = i' 'end' '?run'
        ((i % 7)) || printf '%s\n' 'run:evaluate()' 'hook(run.model.bert.pooler, function(_, t) t[0] = randn(1):item() end)' \
            'profile(1)' 'tape()' 'nudge(run.model.bert.pooler.dense.weight, 0.1)' 'break_when("loss > 1e9")'
    done | attach looked >"answer$client" 2>&1 &
    clients[client]=$!
done
attach --plain looked >followed 2>&1 &
follower=$!
for bytes in '' 'GET / HTTP/1.0\r\n\r\n' '\xff\xff\xff\xffL' '\x02\x00\x00\x00L{}' '\x00\x00\x00\x00H' '\x05\x00\x00\x00H[[[[['; do
    printf "$bytes" >bytes
    timeout 10 perl -MIO::Socket::UNIX -e '
        $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or exit; print $s join("", <STDIN>); $s->flush; shutdown($s, 1);
        local $/; <$s>' "$(cat looked/socket)" <bytes >/dev/null || broken "hostile bytes: no farewell"
done
(while :; do echo 'print(("x"):rep(1000))'; done) 2>/dev/null | "$LATHE" attach looked >/dev/null 2>&1 &
killed=$!
sleep 0.3
kill -9 $killed 2>/dev/null || true
wait $killed 2>/dev/null || true
wait $run || broken "the run failed"
for client in 1 2 3; do wait "${clients[client]}" || true; done
wait $follower || broken "the follower failed"
[[ ! -e looked/socket && -z $(ls runtime/lathe) ]] || broken "the socket is still there"
grep -q '^\(Parameter\|  *norm\)' answer1 && grep -q "attempt to index a nil value (global 'nonesuch')" answer1 ||
    broken "no answers"
grep -q '^step 150/150' followed && grep -q 'the run is finished at step 150' followed || broken "the follower saw no end"
cmp alone/model.safetensors looked/model.safetensors
cmp <(without_times alone) <(without_times looked)

# --- edits, pause and stop ---
"$LATHE" run "$recipe" "${options[@]:1}" --steps 100000 --detach --out edited >log 2>&1 || broken "it did not start"
listens edited
attach edited >answer4 <<'END' || broken "the edit failed"
pause()
run.objectives.nsp.weight = 0.25
run.objectives.nsp.weight
before = run.step
step(3)
run.step - before
undo()
run.objectives.nsp.weight
resume()
END
grep -q 'before run.objectives.nsp.weight = 0.25' answer4 && grep -qx '1.0' answer4 || broken "undo() did not go back"
grep -q 'objectives.nsp.weight 1 -> 0.25' answer4 && grep -qx '0.25' answer4 && grep -qx '3' answer4 ||
    broken "the edit was not made"
status=0
printf 'nonesuch.field\n1\n' | attach edited >answer5 2>&1 || status=$?
[[ $status == 1 ]] || broken "a line that fails gave status $status"
# A line that prints more than anybody reads loses some of it, and not its client.
attach edited >answer11 2>&1 <<'END' || broken "a client that prints much: status $?"
print(("x"):rep(5e7))
"still " .. "here"
END
grep -q '^\.\.\. [0-9,]* bytes that were printed here are left out$' answer11 && grep -qx 'still here' answer11 ||
    { cut -c1-200 answer11; rm answer11; broken "printing much is not told"; }
rm answer11
# Ctrl-C ends the line, not the training.
(echo 'while true do end'; sleep 5) | "$LATHE" attach edited >answer6 2>&1 &
looping=$!
sleep 0.5
attach edited <<<'stop()' >answer7 2>&1 &
stopper=$!
sleep 0.5
kill -9 $looping
wait $looping 2>/dev/null || true
wait $stopper || broken "stop() failed"
for ((i = 0; i < 400; i++)); do [[ -e edited/socket ]] || break; sleep 0.05; done
grep -q 'go on with: lathe run --resume edited' edited/log.txt || broken "no word on how to go on"
status=0
attach edited <<<'1' >answer8 2>&1 || status=$?
[[ $status == 1 ]] && grep -q 'no run listens there' answer8 || broken "a run that is over: status $status"

# --- what a killed run leaves is replaced ---
"$LATHE" run --resume edited --detach >log 2>&1 || broken "it did not go on"
kill -9 "$(sed -n 's/.*process \([0-9]*\),.*/\1/p' log)"
sleep 0.2
status=0
attach edited <<<'1' >answer9 2>&1 || status=$?
[[ $status == 1 ]] && grep -q "process is gone" answer9 || broken "a killed run: status $status"
"$LATHE" run --resume edited --detach >log 2>&1 || broken "it did not go on after it was killed"
pid=$(tr -dc 0-9 <edited/.lock)
attach edited <<<'stop()' >answer10 2>&1 || broken "it cannot be attached to"
while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
