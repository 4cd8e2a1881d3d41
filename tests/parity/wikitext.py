#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pre-trains the recipe's BERT in PyTorch on the very batches that Lathe read (tests/parity/wikitext.lua wrote them), with masks of
its own, and prints the held-out losses beside those of the run.

    tests/parity/wikitext.py RUN [--lathe build/lathe]

RUN is a finished run of scripts/recipes/bert.lua with --set text=... --set valid=..."""
import argparse
import json
import math
import os
import subprocess
import sys
import tempfile

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning waiters starve everybody else
import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from torch_bert import Bert

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def read_batches(path):
    with open(path) as file:
        while line := file.readline():
            rows = [[int(x) for x in file.readline().split()] for _ in range(int(line))]
            width = max(r[1] for r in rows)
            ids = torch.zeros(len(rows), width, dtype=torch.long)
            for i, row in enumerate(rows):
                ids[i, :row[1]] = torch.tensor(row[3:])
            labels, lengths, first = (torch.tensor([r[k] for r in rows]) for k in range(3))
            places = torch.arange(width)[None]
            types = ((places >= first[:, None]) & (places < lengths[:, None])).long()
            yield ids, types, lengths, labels


def mask(ids, lengths, special, mask_id, vocabulary, generator, share=0.15):
    """Devlin et al.'s corruption: a fixed share of each row, 80% [MASK], 10% random, 10% kept."""
    places = torch.arange(ids.shape[1])[None]
    free = (places < lengths[:, None]) & ~special[ids]
    budget = (free.sum(1).double() * share).round().clamp(min=1)
    draw = torch.rand(ids.shape, generator=generator).masked_fill(~free, 2.0)
    rank = draw.argsort(1).argsort(1)
    chosen = (rank < budget[:, None]) & free
    what = torch.rand(ids.shape, generator=generator)
    corrupted = torch.where(chosen & (what < 0.8), torch.tensor(mask_id), ids)
    random = torch.randint(0, vocabulary, ids.shape, generator=generator)
    corrupted = torch.where(chosen & (what >= 0.8) & (what < 0.9), random, corrupted)
    positions = chosen.reshape(-1).nonzero()[:, 0]
    return corrupted, positions, ids.reshape(-1)[positions]


def bigram_loss(train, valid, vocabulary, draws):
    """Nats of the masked tokens by their left neighbour: counts of the training text, interpolated with the unigram."""
    pairs, left, single = {}, torch.zeros(vocabulary), torch.zeros(vocabulary)
    for ids, _, lengths, _ in train:
        for row, length in zip(ids.tolist(), lengths.tolist()):
            for a, b in zip(row[:length - 1], row[1:length]):
                pairs[a, b] = pairs.get((a, b), 0) + 1
                left[a] += 1
                single[b] += 1
    unigram = ((single + 1) / (single.sum() + vocabulary)).tolist()
    left, total, count = left.tolist(), 0.0, 0
    for (ids, *_), (positions, targets) in zip(valid, draws):
        flat = ids.reshape(-1).tolist()
        for at, b in zip(positions.tolist(), targets.tolist()):
            a = flat[at - 1]
            total -= math.log(0.7 * pairs.get((a, b), 0) / max(left[a], 1) + 0.3 * unigram[b])
            count += 1
    return total / count


def schedule(step, steps, warmup=0.05):
    warm = math.floor(warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--lathe", default="build/lathe")
    options = parser.parse_args()
    with open(os.path.join(options.run, "config.json")) as file:
        config = json.load(file)
    with open(os.path.join(options.run, "model.json")) as file:
        shape = json.load(file)
    with open(os.path.join(options.run, "vocab.txt")) as file:
        pieces = file.read().splitlines()
    p, steps = config["parameters"], config["steps"]
    special = torch.tensor([piece in SPECIALS for piece in pieces])
    mask_id = pieces.index("[MASK]")
    ours = json.loads(subprocess.run([options.lathe, "eval", options.run, "--json"], check=True, capture_output=True,
                                     text=True).stdout)["valid"]
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, TEXT=p["text"], VALID=p["valid"], VOCAB=os.path.join(options.run, "vocab.txt"),
                           LENGTH=str(p["length"]), BATCH=str(p["batch_size"]), STEPS=str(steps), OUT=folder)
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wikitext.lua")
        subprocess.run([options.lathe, "repl", script], env=environment, check=True, stdin=subprocess.DEVNULL)
        train, valid = (list(read_batches(os.path.join(folder, name))) for name in ("train.txt", "valid.txt"))
    torch.manual_seed(1)
    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(1)
    model = Bert(vocab_size=len(pieces), hidden_size=shape["hidden_size"], num_hidden_layers=shape["num_hidden_layers"],
                 num_attention_heads=shape["num_attention_heads"], intermediate_size=shape["intermediate_size"],
                 max_position_embeddings=shape["max_position_embeddings"],
                 initializer_range=shape["initializer_range"], dropout=shape["hidden_dropout_prob"])
    lr = float(p["lr"])
    optimizer = model.optimizer(lr=lr)
    weight = float(p["nsp_weight"])
    for step, (ids, types, lengths, labels) in enumerate(train):
        corrupted, positions, targets = mask(ids, lengths, special, mask_id, len(pieces), generator)
        for group in optimizer.param_groups:
            group["lr"] = lr * schedule(step, steps)
        mlm, nsp = model(corrupted, types, lengths, positions)
        mlm, nsp = F.cross_entropy(mlm, targets), F.cross_entropy(nsp, labels)
        optimizer.zero_grad()
        (mlm + weight * nsp).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}/{steps} mlm {mlm.item():.3f} nsp {nsp.item():.3f}", file=sys.stderr, flush=True)
    model.eval()
    sums, count, examples = torch.zeros(2), 0, 0
    draws = []
    with torch.no_grad():
        for ids, types, lengths, labels in valid:
            corrupted, positions, targets = mask(ids, lengths, special, mask_id, len(pieces), generator)
            draws.append((positions, targets))
            mlm, nsp = model(corrupted, types, lengths, positions)
            sums += torch.stack([F.cross_entropy(mlm, targets, reduction="sum"),
                                 F.cross_entropy(nsp, labels, reduction="sum")])
            count, examples = count + len(targets), examples + len(labels)
    theirs = {"mlm": sums[0].item() / count, "nsp": sums[1].item() / examples}
    print(f"mlm: unigram {ours['mlm']['unigram_loss']:.4f}  bigram {bigram_loss(train, valid, len(pieces), draws):.4f}")
    for name, loss in theirs.items():
        print(f"{name}: lathe {ours[name]['loss']:.4f}  pytorch {loss:.4f}  ratio {ours[name]['loss'] / loss:.4f}")


main()
