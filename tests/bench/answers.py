#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a prompt answers while BERT-base trains (12 layers, 768 wide, batch 8), saves and takes snapshots.

    tests/bench/answers.py build/lathe [--seconds 60]

Lines that look at committed values are typed at random moments through `lathe attach --prompt`; printed is for each the
time from the line to its answer in milliseconds: the middle, the worst ones, and how many took longer than 200."""
import argparse, os, random, statistics, subprocess, tempfile, time

LINES = ["run.step", "run.last.loss", "#edits()", "run.objectives.mlm.weight", "run.optimizer.lr",
         "run.model.bert.pooler.dense.weight.shape[1]"]
LONGEST = 200 # milliseconds


def begin(lathe, run):
    sizes = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, batch_size=8)
    sets = [word for name, value in sizes.items() for word in ("--set", f"{name}={value}")]
    subprocess.run([lathe, "run", "bert", "--detach", *sets, "--steps", "60", "--out", run], check=True,
                   stdout=subprocess.DEVNULL)


def ask(prompt, line):
    begun = time.monotonic()
    prompt.stdin.write(line + "\n")
    prompt.stdin.flush()
    answer = prompt.stdout.readline()
    if not answer:
        raise SystemExit("answers.py: the run is over, or the prompt is gone")
    return 1e3 * (time.monotonic() - begun), answer.strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lathe")
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    random.seed(1)
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        begin(arguments.lathe, run)
        prompt = subprocess.Popen([arguments.lathe, "attach", "--prompt", run], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        while ask(prompt, "run.step")[1] == "0": # the first step makes its memory
            time.sleep(1)
        times, end = {line: [] for line in LINES}, time.monotonic() + arguments.seconds
        while time.monotonic() < end:
            for line in LINES:
                time.sleep(0.3 * random.random())
                times[line].append(ask(prompt, line)[0])
        prompt.communicate("stop()\n")
        while os.path.exists(os.path.join(run, "socket")): # it saves
            time.sleep(0.1)
    for line, all_times in times.items():
        worst = ", ".join(f"{x:.0f}" for x in sorted(all_times)[-3:])
        print(f"{line:45} {len(all_times):3} times: {statistics.median(all_times):3.0f} ms in the middle, the worst {worst}")
    every = [x for all_times in times.values() for x in all_times]
    print(f"{sum(x > LONGEST for x in every)} of {len(every)} took longer than {LONGEST} ms")


main()
