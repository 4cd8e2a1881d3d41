#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/gpt2_model.safetensors (weights of a tiny GPT-2 in Hugging Face's layout) and gpt2_steps.safetensors (batches,
logits of the first one, 200 tokens of greedy generation with the gaps to the second best, the losses of 20 AdamW steps with
clipping at 1, and the same for a classifier). Run it by hand: /usr/bin/python3 tests/parity/gpt2.py"""
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import safetensors_file
from torch_classes import expectations
from torch_gpt2 import Gpt2

STEPS, B, T, VOCAB, TOKENS = 20, 3, 12, 61, 200
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")

torch.manual_seed(9)
random = np.random.default_rng(9)
model = Gpt2(vocab_size=VOCAB, n_embd=24, n_layer=2, n_head=3, n_positions=256, dropout=0.0)
with torch.no_grad():  # away from the start, so that no gradient is tiny by construction
    for p in model.parameters():
        p.add_(torch.randn(p.shape) * 0.15)
weights = {k: v.detach().numpy().copy() for k, v in model.named_parameters()}
safetensors_file.write(os.path.join(GOLDEN, "gpt2_model.safetensors"), weights)

ids = random.integers(1, VOCAB, (STEPS, B, T)).astype(np.int32)
lengths = random.integers(T // 2, T + 1, (STEPS, B)).astype(np.int32)
lengths[:, 0] = T
out = dict(input_ids=ids, lengths=lengths)
model.eval()
written = model.generate([3, 1, 4, 1, 5], TOKENS)
out["generated"] = np.array(written, np.int32)
with torch.no_grad():
    best = model(torch.tensor([written]))[0, 4:-1].topk(2).values
print("smallest gap of the generation", (best[:, 0] - best[:, 1]).min().item(), "of", len(set(written)), "tokens")

optimizer = model.train().optimizer()
losses, norms = [], []
for step in range(STEPS):
    tokens = torch.from_numpy(ids[step].astype(np.int64))
    targets = tokens[:, 1:].clone()
    targets[torch.arange(1, T)[None] >= torch.from_numpy(lengths[step].astype(np.int64))[:, None]] = -100
    logits = model(tokens[:, :-1]).reshape(-1, VOCAB)
    if step == 0:
        out["clm_logits"] = logits.detach().numpy()
    loss = F.cross_entropy(logits, targets.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
    optimizer.step()
    losses.append(loss.item())
out["losses"] = np.array(losses, np.float32)
out["grad_norms"] = np.array(norms, np.float32)
classifier = Gpt2(vocab_size=VOCAB, n_embd=24, n_layer=2, n_head=3, n_positions=256, dropout=0.0, num_labels=3)
out.update(expectations(classifier, weights, "transformer.", (ids, lengths), random.integers(0, 3, (STEPS, B)).astype(np.int32)))
safetensors_file.write(os.path.join(GOLDEN, "gpt2_steps.safetensors"), out)
print("losses", losses[0], "->", losses[-1])
