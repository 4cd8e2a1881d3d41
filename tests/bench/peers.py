#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `lathe bench` times, beside the same in PyTorch (two threads) at its best settings, alternating, with ratios of medians.

    tests/bench/peers.py [--lathe build/lathe] [--rounds 3] [--openblas DIR]... [--setting "KEY=VALUE..."] [NAME...]

Names: bert-tiny bert-mini bert-base bert-infer gpt2-generate. PyTorch's settings are tried first, each in a process of its own:
waiting OpenMP threads that spin or sleep, the kernels that OpenBLAS chooses by itself or those for AVX-512, PyTorch's own vector code,
and each folder with a libblas.so.3 that --openblas names (Debian's OpenBLAS on OpenMP is one, if libopenblas0-openmp is installed).
The fastest are run in turn with ours (--setting names them where an earlier run has found them), because the machine's speed drifts. Nothing of the caller's environment that sets up
mathematics libraries reaches either side."""
import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time

STEPS = {  # batch, length 128, MLM on 15% and next sentence, AdamW, dropout 0.1
    "bert-tiny": (32, dict(vocab_size=8192, hidden_size=128, num_hidden_layers=2)),
    "bert-mini": (32, dict(vocab_size=8192, hidden_size=256, num_hidden_layers=4)),
    "bert-base": (8, dict(vocab_size=30522, hidden_size=768, num_hidden_layers=12)),
}
NAMES = [*STEPS, "bert-infer", "gpt2-generate"]
LENGTH = 128
OPENMP = "/usr/lib/x86_64-linux-gnu/openblas-openmp"


# --- PyTorch, in a process of its own ---

def torch_steps(name, rounds):
    import torch
    from torch.nn import functional as F
    from torch_bert import Bert
    batch, config = STEPS[name]
    model = Bert(dropout=0.1, **config).train()
    optimizer = model.optimizer(foreach=True)
    masked = round(batch * LENGTH * 0.15)
    for _ in range(rounds + 2):
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
        yield time.perf_counter() - start


def torch_infer(rounds):
    import torch
    from torch_bert import Bert
    model = Bert(dropout=0.0, vocab_size=30522, hidden_size=768, num_hidden_layers=12).eval()
    types = (torch.arange(LENGTH) >= LENGTH // 2).long()[None]
    with torch.inference_mode():
        for _ in range(rounds + 2):
            ids = torch.randint(0, 30522, (1, LENGTH))
            start = time.perf_counter()
            model.encode(ids, types, None)
            yield time.perf_counter() - start


def torch_generate(rounds):
    import torch
    from torch_gpt2 import Gpt2
    model = Gpt2(vocab_size=50257, n_embd=768, n_layer=12).eval()
    with torch.inference_mode():
        for _ in range(max(1, rounds // 4) + 2):
            past = [[] for _ in range(12)]
            last = model.hidden(torch.tensor([[1000 + 77 * i for i in range(8)]]), past)
            start = time.perf_counter()
            for _ in range(128):
                token = (last[:, -1] @ model.transformer.wte.weight.T).argmax(-1, keepdim=True)
                last = model.hidden(token, past)
            yield time.perf_counter() - start


def peer(name, rounds):
    """Prints seconds of the median step and the peak memory."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))
    import torch
    torch.set_num_threads(2)
    torch.manual_seed(1)
    run = {"bert-infer": torch_infer, "gpt2-generate": torch_generate}.get(name)
    seconds = list(run(rounds) if run else torch_steps(name, rounds))
    print(json.dumps({"seconds": statistics.median(seconds[2:]),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


# --- both sides ---

def clean_environment():
    libraries = ("OPENBLAS_", "OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "ATEN_", "BLIS_", "GLIBC_TUNABLES",
                 "MALLOC_", "LD_PRELOAD", "LD_LIBRARY_PATH")
    return {k: v for k, v in os.environ.items() if not k.startswith(libraries)}


def settings(folders):
    for policy, core, capability, folder in itertools.product(("", "passive"), ("", "SkylakeX"), ("", "avx512"),
                                                              folders):
        yield {k: v for k, v in {"OMP_WAIT_POLICY": policy, "OPENBLAS_CORETYPE": core,
                                 "ATEN_CPU_CAPABILITY": capability, "LD_LIBRARY_PATH": folder}.items() if v}


def run_peer(name, rounds, setting):
    environment = dict(clean_environment(), OMP_NUM_THREADS="2", **setting)
    out = subprocess.run([sys.executable, __file__, "--peer", name, str(rounds)], env=environment, check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out)


def best_setting(name, folders):
    found = [(run_peer(name, 2 if name == "bert-base" else 4, s)["seconds"], s) for s in settings(folders)]
    return min(found, key=lambda pair: pair[0])[1]


def run_lathe(lathe, name, precision):
    out = subprocess.run([lathe, "bench", name, "--threads", "2", "--json", "--set", "precision=" + precision],
                         env=clean_environment(), check=True, capture_output=True, text=True).stdout
    return json.loads(out)["rows"][0]


def share(row):
    if "gbytes_per_second" in row:
        return f"{100 * row['gbytes_per_second'] / row['memory_gbytes_per_second']:.0f}% of memory"
    return f"{100 * row['sgemm_seconds'] / row['seconds']:.0f}% of sgemm"


def compare(options, name, folders):
    setting = options.setting if options.setting is not None else best_setting(name, folders)
    rows = {"f32": [], "bf16": []}
    theirs = []
    for _ in range(options.rounds):
        for precision, list_ in rows.items():
            list_.append(run_lathe(options.lathe, name, precision))
            theirs.append(run_peer(name, 3 if name == "bert-base" else 10, setting))
    peer_seconds = statistics.median(r["seconds"] for r in theirs)
    seconds = {p: statistics.median(r["seconds"] for r in list_) for p, list_ in rows.items()}
    memory = [max(r["peak_bytes"] for r in list_) / 1e6 for list_ in (rows["f32"], rows["bf16"], theirs)]
    middle = sorted(rows["f32"], key=lambda r: r["seconds"])[len(rows["f32"]) // 2]
    print(f"{name:14} {seconds['f32'] * 1e3:9.1f} {seconds['bf16'] * 1e3:9.1f} {peer_seconds * 1e3:9.1f}"
          f" {peer_seconds / seconds['f32']:6.2f} {peer_seconds / seconds['bf16']:6.2f}"
          f" {memory[0]:6.0f} {memory[1]:6.0f} {memory[2]:6.0f}  {share(middle)}", flush=True)
    print("  PyTorch with " + (" ".join(f"{k}={v}" for k, v in setting.items()) or "nothing set"), flush=True)
    if "most_above_limit" in middle:
        print("  ours: most above their limit are " + middle["most_above_limit"], flush=True)


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(sys.argv[2], int(sys.argv[3]))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--lathe", default="build/lathe")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--openblas", action="append", default=[], help="a folder with another libblas.so.3")
    parser.add_argument("--setting", help="PyTorch's environment, which is not looked for then",
                        type=lambda words: dict(word.split("=", 1) for word in words.split()))
    options = parser.parse_args()
    folders = ["", *options.openblas, *([OPENMP] if os.path.isdir(OPENMP) and not options.openblas else [])]
    print(f"{'bench':14} {'f32 ms':>9} {'bf16 ms':>9} {'torch ms':>9} {'x f32':>6} {'x bf16':>6}"
          f" {'MB f32':>6} {'bf16':>6} {'torch':>6}  f32, of the limit")
    for name in options.names:
        compare(options, name, folders)


main()
