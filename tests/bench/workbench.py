#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the workbench costs and how soon it answers, on a run of BERT-mini's size that trains on all cores.

    tests/bench/workbench.py build/lathe [--minutes 0]

Prints the time from a key to the changed screen, bytes a second at 80x24, what the panes' questions cost the run, how
much processor time a training step takes more with the workbench open (its own included; windows in alternation; by
the processes' clocks, so that others on the machine count little), and with --minutes memory and descriptors over that
time, while keys are pressed."""
import argparse, fcntl, json, os, pty, random, re, select, statistics, struct, subprocess, sys, tempfile, termios, time


class Screen:
    def __init__(self, lathe, run, columns=80, rows=24):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", LC_ALL="C.UTF-8")
            os.execv(lathe, [lathe, "attach", run])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.bytes = 0

    def read(self, seconds, until=None):
        """Whether 'until' came within the time; all that came is counted."""
        end, seen = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            try:
                part = os.read(self.fd, 65536)
            except OSError:
                return False
            self.bytes += len(part)
            seen += part
            if until and until in seen:
                return True
        return until is None

    def key(self, text):
        os.write(self.fd, text.encode())

    def status(self):
        with open(f"/proc/{self.pid}/status") as file:
            resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        return resident, len(os.listdir(f"/proc/{self.pid}/fd"))

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def steps_of(run):
    with open(os.path.join(run, "metrics.jsonl")) as file:
        return [row["seconds"] for line in file if "loss" in (row := json.loads(line)) and "seconds" in row]


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def await_step(run, screen=None):
    """To the end of the step that goes on."""
    path = os.path.join(run, "metrics.jsonl")
    size = os.path.getsize(path)
    while os.path.getsize(path) == size:
        screen.read(0.005) if screen else time.sleep(0.005)


def window(run, engine, steps, screen=None):
    """Processor seconds of a step: the engine's, and those of the workbench."""
    pids = [engine] + ([screen.pid] if screen else [])
    await_step(run, screen)
    before = [processor_seconds(pid) for pid in pids]
    first = len(steps_of(run))
    while len(steps_of(run)) - first < steps:
        await_step(run, screen)
    last = len(steps_of(run))
    return [(processor_seconds(pid) - spent) / (last - first) for pid, spent in zip(pids, before)]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("lathe")
    arguments.add_argument("--minutes", type=float, default=0)
    arguments.add_argument("--rounds", type=int, default=6)
    arguments.add_argument("--steps", type=int, default=12, help="in a window")
    asked = arguments.parse_args()
    lathe = os.path.abspath(asked.lathe)
    with tempfile.TemporaryDirectory() as folder:
        run = os.path.join(folder, "run")
        sizes = dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, length=128, batch_size=32)
        command = [lathe, "run", "bert", "--detach", "--out", run, "--steps", "100000"]
        for name, value in sizes.items():
            command += ["--set", f"{name}={value}"]
        words = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode()
        engine = int(re.search(r"process (\d+)", words)[1])
        try:
            while not os.path.exists(os.path.join(run, "metrics.jsonl")) or len(steps_of(run)) < 5:
                time.sleep(0.2)
            measure(lathe, run, engine, asked)
        finally:
            subprocess.run([lathe, "attach", run], input=b"stop()\n", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(3)


def costs(lathe, run):
    """The least of five, in seconds of the engine, and the share of the time: the next question waits 200 times as long."""
    step = statistics.median(steps_of(run)[-20:])
    for topic, every in ("shares", 4), ("model", 3), ("samples", 10), ("data", 5), ("attention", 5):
        line = f'lathe.view("{topic}"{", 0, 0" if topic == "attention" else ""})\n'
        answer = subprocess.run([lathe, "attach", run], input=line.encode() * 5, stdout=subprocess.PIPE).stdout.decode()
        took = min(json.loads(row)["seconds"] for row in answer.splitlines() if row.startswith('{"seconds"'))
        print(f"{topic}: {1e3 * took:.2f} ms, {took / step:.3f} of a step, {100 * took / max(every, 200 * took):.2f} % of the time")


def measure(lathe, run, engine, asked):
    costs(lathe, run)
    screen = Screen(lathe, run)
    if not screen.read(10, b"palette"):
        sys.exit("the workbench did not open")
    screen.read(3)
    screen.bytes = 0
    screen.read(20)
    print(f"bytes a second at 80x24: {screen.bytes / 20:,.0f}")
    times = []
    for _ in range(100):
        begin = time.monotonic()
        screen.key("?")
        if screen.read(2, b"keys in"):
            times.append(1e3 * (time.monotonic() - begin))
        screen.key("x")
        screen.read(0.15)
    times.sort()
    print(f"key to changed screen: middle {times[len(times) // 2]:.1f} ms, 99 % {times[int(len(times) * 0.99) - 1]:.1f} ms, {len(times)} keys")
    screen.close()
    shares = []
    for _ in range(asked.rounds):
        (without,) = window(run, engine, asked.steps)
        screen = Screen(lathe, run, 120, 30)
        screen.read(3)
        with_it, own = window(run, engine, asked.steps, screen)
        shares.append([100 * (with_it / without - 1), 100 * own / without])
        screen.close()
    more = [sum(share) for share in shares]
    print(f"a step with the workbench open: {statistics.median(more):+.2f} % of processor time, {statistics.median(own for _, own in shares):.2f} % "
          f"of it the workbench's own; each window: " + " ".join(f"{one:+.2f}" for one in more))
    if asked.minutes:
        soak(lathe, run, asked.minutes)


def soak(lathe, run, minutes):
    """Every pane again and again, zooming, lists and forms that are closed again."""
    screen = Screen(lathe, run, 120, 30)
    screen.read(20)
    first, end = screen.status(), time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        for key in random.sample(["1", "2", "3", "4", "5", "6", "7", "+", "-", "\x1b[D", "\t", "?", "\x1b", "z", "a", "\x1b", "m", "\x1b", "T"], 12):
            screen.key(key)
            screen.read(0.1)
        screen.key("\x1b")
        screen.read(2)
    last = screen.status()
    print(f"after {minutes:g} minutes of keys: {first[0]:,} to {last[0]:,} KB, {first[1]} to {last[1]} descriptors")
    screen.close()


if __name__ == "__main__":
    main()
