#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training steps of `lathe bench` beside the same steps in PyTorch (two threads), alternating, with the ratio of medians.

    tests/bench/peers.py [--lathe build/lathe] [--rounds 3] [bert-tiny bert-mini bert-base]

PyTorch runs with the default and with a passive OpenMP wait policy, and the better of the two counts. Each measurement is a
process of its own, ours and theirs in turn, because the machine's speed drifts."""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

SHAPES = {  # batch, length 128, MLM on 15% and next sentence, AdamW, dropout 0.1
    "bert-tiny": (32, dict(vocab_size=8192, hidden_size=128, num_hidden_layers=2)),
    "bert-mini": (32, dict(vocab_size=8192, hidden_size=256, num_hidden_layers=4)),
    "bert-base": (8, dict(vocab_size=30522, hidden_size=768, num_hidden_layers=12)),
}
LENGTH = 128


def torch_step(name, steps):
    """Runs in a process of its own: prints seconds of the median step and the peak memory."""
    import torch
    from torch.nn import functional as F
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))
    from torch_bert import Bert
    torch.set_num_threads(2)
    torch.manual_seed(1)
    batch, config = SHAPES[name]
    model = Bert(dropout=0.1, **config).train()
    optimizer = model.optimizer()
    masked = round(batch * LENGTH * 0.15)
    seconds = []
    for _ in range(steps + 2):
        ids = torch.randint(0, config["vocab_size"], (batch, LENGTH))
        types = (torch.arange(LENGTH) >= LENGTH // 2).long()[None].repeat(batch, 1)
        positions = torch.randperm(batch * LENGTH)[:masked].sort().values
        targets = torch.randint(0, config["vocab_size"], (masked,))
        labels = torch.randint(0, 2, (batch,))
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        mlm, nsp = model(ids, types, None, positions)
        (F.cross_entropy(mlm, targets) + F.cross_entropy(nsp, labels)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": statistics.median(seconds[2:]),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def run_peer(name, steps, policy):
    environment = dict(os.environ, OMP_NUM_THREADS="2")
    environment.pop("OMP_WAIT_POLICY", None)
    if policy:
        environment["OMP_WAIT_POLICY"] = policy
    out = subprocess.run([sys.executable, __file__, "--torch", name, str(steps)], env=environment, check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


def run_lathe(lathe, name):
    out = subprocess.run([lathe, "bench", name, "--threads", "2", "--json"], check=True, capture_output=True,
                         text=True).stdout
    return json.loads(out)["rows"][0]


def main():
    if sys.argv[1:2] == ["--torch"]:
        return torch_step(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(SHAPES))
    parser.add_argument("--lathe", default="build/lathe")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{'bench':10} {'lathe ms':>9} {'torch ms':>9} {'ratio':>6} {'lathe MB':>9} {'torch MB':>9}")
    for name in options.names:
        ours, theirs = [], {"": [], "passive": []}
        for _ in range(options.rounds):
            ours.append(run_lathe(options.lathe, name))
            for policy in theirs:
                theirs[policy].append(run_peer(name, 3 if name == "bert-base" else 10, policy))
        mine = statistics.median(r["seconds"] for r in ours)
        best = min(theirs.values(), key=lambda rows: statistics.median(r["seconds"] for r in rows))
        peer = statistics.median(r["seconds"] for r in best)
        memory = (max(r["peak_bytes"] for r in rows) / 1e6 for rows in (ours, best))
        print(f"{name:10} {mine * 1e3:9.1f} {peer * 1e3:9.1f} {peer / mine:6.2f} {next(memory):9.0f} {next(memory):9.0f}",
              flush=True)


main()
