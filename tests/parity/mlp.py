#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/mlp_model.safetensors (weights of a small perceptron with a domain classifier) and
mlp_steps.safetensors (batches of two domains, the logits of the first one with each activation, and the losses of 12
AdamW steps of domain-adversarial training). Run it by hand: /usr/bin/python3 tests/parity/mlp.py"""
import math
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(__file__))
import safetensors_file

STEPS, B, TARGETS, D, GAMMA, WEIGHT, LAMBDA = 12, 4, 3, 7, 5.0, 0.7, 1.5
GOLDEN = os.path.join(os.path.dirname(__file__), "..", "golden")


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context, x, scale):
        context.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        return -context.scale * gradient, None


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense, self.out_proj = nn.Linear(5, 4), nn.Linear(4, 1)

    def forward(self, x):
        return self.out_proj(torch.relu(self.dense(x)))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(D, 6), nn.Linear(6, 5)])
        self.classifier = nn.Linear(5, 3)
        self.domain_classifier = Head()

    def hidden(self, x, activation):
        for layer in self.layers:
            x = activation(layer(x))
        return x


torch.manual_seed(11)
model = Mlp()
safetensors_file.write(os.path.join(GOLDEN, "mlp_model.safetensors"),
                       {k: v.detach().numpy().copy() for k, v in model.named_parameters()})
source, target = torch.randn(STEPS, B, D), torch.randn(STEPS, TARGETS, D) * 1.5 + 0.5
labels = torch.randint(0, 3, (STEPS, B))
out = dict(source=source.numpy(), target=target.numpy(), labels=labels.numpy().astype(np.int32))
for name, activation in (("relu", torch.relu), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh)):
    out["logits." + name] = model.classifier(model.hidden(source[0], activation)).detach().numpy()

matrices = [p for p in model.parameters() if p.dim() > 1]
vectors = [p for p in model.parameters() if p.dim() == 1]
optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}],
                              lr=1e-2)
rows = {"classify_losses": [], "domain_losses": [], "domain_accuracies": [], "lambdas": [], "grad_norms": []}
for step in range(STEPS):
    scale = LAMBDA * (2 / (1 + math.exp(-GAMMA * step / STEPS)) - 1)
    hidden = [model.hidden(x[step], torch.tanh) for x in (source, target)]
    classify = F.cross_entropy(model.classifier(hidden[0]), labels[step])
    logits = model.domain_classifier(Reversed.apply(torch.cat(hidden), scale))
    domains = torch.cat([torch.zeros(B, 1), torch.ones(TARGETS, 1)])
    domain = F.binary_cross_entropy_with_logits(logits, domains)
    optimizer.zero_grad()
    (classify + WEIGHT * domain).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    accuracy = ((logits > 0) == (domains > 0)).float().mean()
    for name, value in zip(rows, (classify, domain, accuracy, scale, norm)):
        rows[name].append(float(value))
out.update({name: np.array(values, np.float32) for name, values in rows.items()})
safetensors_file.write(os.path.join(GOLDEN, "mlp_steps.safetensors"), out)
print("classify", rows["classify_losses"][0], "->", rows["classify_losses"][-1])
