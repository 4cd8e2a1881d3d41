# SPDX-License-Identifier: GPL-3.0-or-later
"""Fine-tuning of a classifier in plain PyTorch, for the generators of stored expectations."""
import copy

import numpy as np
import torch
from torch.nn import functional as F


def train(model, optimizer, inputs, labels):
    """-> losses and gradient norms of the steps, with clipping at 1."""
    losses, norms = [], []
    for step in range(len(labels)):
        logits = model.classes(*(torch.from_numpy(a[step].astype(np.int64)) for a in inputs))
        loss = F.cross_entropy(logits, torch.from_numpy(labels[step].astype(np.int64)))
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    return np.array(losses, np.float32), np.array(norms, np.float32)


def expectations(model, weights, trunk, inputs, labels):
    """model: with classes(*inputs of a step); weights: name -> array, loaded first, the head drawn anew. trunk: the beginning of the
    names of what is below the head. inputs: arrays [steps,...]; labels int32[steps,B]. -> the head's weights, the labels, the logits of
    the first step, and losses and gradient norms: class_ of training all, probe_ of training the head alone."""
    model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()}, strict=False)
    head = [k for k, _ in model.named_parameters() if k not in weights]
    with torch.no_grad():
        for name in head:
            model.get_parameter(name).copy_(torch.randn(model.get_parameter(name).shape) * 0.1)
    out = {f"class.{name}": model.get_parameter(name).detach().numpy().copy() for name in head}
    out["labels"] = labels
    with torch.no_grad():
        out["class_logits"] = model.classes(*(torch.from_numpy(a[0].astype(np.int64)) for a in inputs)).numpy()

    def run(kind, prepare=lambda m: None, optimizer=lambda m: m.optimizer()):
        fresh = copy.deepcopy(model)
        prepare(fresh)
        out[f"{kind}_losses"], out[f"{kind}_norms"] = train(fresh, optimizer(fresh), inputs, labels)
        print(kind, out[f"{kind}_losses"][0], "->", out[f"{kind}_losses"][-1])

    def freeze(m):
        for name, p in m.named_parameters():
            p.requires_grad_(not name.startswith(trunk))

    run("class")
    run("probe", freeze)
    return out
