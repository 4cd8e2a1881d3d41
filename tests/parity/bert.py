#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/bert_model.safetensors (weights of a tiny BERT), bert_steps.safetensors (batches, logits of the first one,
the losses of 20 AdamW steps with clipping at 1, and the same for a classifier) and bert_bf16.safetensors (the losses where products read bf16). Run it by
hand: /usr/bin/python3 tests/parity/bert.py"""
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file
from torch_bert import Bert
from torch_classes import expectations

STEPS, B, T, N, VOCAB = 20, 3, 11, 5, 61
GOLDEN = os.path.join(os.path.dirname(__file__), "..", "golden")

def rounded(x):
    return x.bfloat16().float()


class Bf16Linear(torch.autograd.Function):
    """Operands rounded to bf16 on both ways, sums in f32."""

    @staticmethod
    def forward(context, x, weight, bias):
        context.save_for_backward(rounded(x), rounded(weight))
        return rounded(x) @ rounded(weight).T + bias

    @staticmethod
    def backward(context, dy):
        x, weight = context.saved_tensors
        operand = rounded(dy)
        rows = operand.reshape(-1, operand.shape[-1])
        return operand @ weight, rows.T @ x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1]).sum(0)


def train(model, batches, out):
    """Losses and gradient norms of 20 steps into out, with the logits of the first."""
    optimizer = model.optimizer()
    losses = {"mlm_losses": [], "nsp_losses": [], "grad_norms": []}
    for step in range(STEPS):
        tensor = [torch.from_numpy(a[step].astype(np.int64)) for a in batches]
        mlm_logits, nsp_logits = model(*tensor[:4])
        if step == 0:
            out["mlm_logits"], out["nsp_logits"] = mlm_logits.detach().numpy(), nsp_logits.detach().numpy()
        mlm, nsp = F.cross_entropy(mlm_logits, tensor[4]), F.cross_entropy(nsp_logits, tensor[5])
        optimizer.zero_grad()
        (mlm + 0.5 * nsp).backward()
        losses["grad_norms"].append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        losses["mlm_losses"].append(mlm.item())
        losses["nsp_losses"].append(nsp.item())
    out.update({name: np.array(values, np.float32) for name, values in losses.items()})
    print("losses", losses["mlm_losses"][0], "->", losses["mlm_losses"][-1])


torch.manual_seed(7)
random = np.random.default_rng(7)
model = Bert(vocab_size=VOCAB, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
             max_position_embeddings=16, dropout=0.0)
with torch.no_grad():  # away from the start, so that no gradient is tiny by construction
    for p in model.parameters():
        p.add_(torch.randn(p.shape) * 0.05)
weights = {k: v.detach().numpy().copy() for k, v in model.named_parameters()}
safetensors_file.write(os.path.join(GOLDEN, "bert_model.safetensors"), weights)

ids = random.integers(5, VOCAB, (STEPS, B, T)).astype(np.int32)
types = (np.arange(T)[None, None] >= random.integers(3, 8, (STEPS, B, 1))).astype(np.int32)
lengths = random.integers(T // 2, T + 1, (STEPS, B)).astype(np.int32)
lengths[:, 0] = T
positions = np.stack([np.sort(random.choice(B * (T // 2), N, replace=False)) for _ in range(STEPS)])
positions = (positions // (T // 2) * T + positions % (T // 2)).astype(np.int32)
targets = random.integers(0, VOCAB, (STEPS, N)).astype(np.int32)
labels = random.integers(0, 2, (STEPS, B)).astype(np.int32)

out = dict(input_ids=ids, token_type_ids=types, lengths=lengths, masked_positions=positions, masked_targets=targets,
           next_sentence_label=labels)
batches = (ids, types, lengths, positions, targets, labels)
train(model, batches, out)
classifier = Bert(vocab_size=VOCAB, hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                  max_position_embeddings=16, dropout=0.0, num_labels=3)
out.update(expectations(classifier, weights, "bert.", (ids, types, lengths), random.integers(0, 3, (STEPS, B)).astype(np.int32)))
safetensors_file.write(os.path.join(GOLDEN, "bert_steps.safetensors"), out)

with torch.no_grad():
    for name, p in model.named_parameters():
        p.copy_(torch.from_numpy(weights[name]))
F.linear = Bf16Linear.apply
out = {}
train(model, batches, out)
safetensors_file.write(os.path.join(GOLDEN, "bert_bf16.safetensors"), out)
