# SPDX-License-Identifier: GPL-3.0-or-later
"""Fine-tuning of a classifier in plain PyTorch, for the generators of stored expectations."""
import copy
import re

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

LAYERS, DECAY, RANK, ALPHA = 2, 0.5, 4, 8.0


def by_depth(model):
    """The model's optimizer with learning rates that fall by DECAY from layer to layer, down from the head."""
    names = {id(p): name for name, p in model.named_parameters()}
    base = model.optimizer()
    groups = []
    for group in base.param_groups:
        for p in group["params"]:
            layer = re.search(r"\.(?:layer|h)\.(\d+)\.", names[id(p)])
            first = re.search(r"embeddings\.|\.wte\.|\.wpe\.", names[id(p)])
            depth = int(layer[1]) + 1 if layer else 0 if first else LAYERS + 1
            groups.append({"params": [p], "weight_decay": group["weight_decay"],
                           "lr": group["lr"] * DECAY ** (LAYERS + 1 - depth)})
    return torch.optim.AdamW(groups)


class Lora(nn.Module):
    """W + alpha / r * B A, where W is a Linear's [out,in] or a Conv1D's [in,out]."""

    def __init__(self, weight, transposed):
        super().__init__()
        inner, outer = weight.shape if transposed else weight.shape[::-1]
        self.transposed = transposed
        self.A, self.B = nn.Parameter(torch.randn(RANK, inner) * 0.1), nn.Parameter(torch.randn(outer, RANK) * 0.1)

    def forward(self, weight):
        added = ALPHA / RANK * self.B @ self.A
        return weight + (added.T if self.transposed else added)


def adapt(model, trunk, out):
    """Adapters beside the layers that Lathe adapts by default; what is in the trunk is frozen else."""
    for name, p in model.named_parameters():
        p.requires_grad_(not name.startswith(trunk))
    for name, module in list(model.named_modules()):
        if name.split(".")[-1] not in ("query", "value", "c_attn"):
            continue
        lora = Lora(module.weight, not isinstance(module, nn.Linear))
        out[f"lora.{name}.lora_A.weight"] = lora.A.detach().numpy().copy()
        out[f"lora.{name}.lora_B.weight"] = lora.B.detach().numpy().copy()
        parametrize.register_parametrization(module, "weight", lora)


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
    the first step, and losses and gradient norms: class_ of training all, probe_ of training the head alone, decay_ of all with
    learning rates by depth, lora_ of adapters and head; the adapters' first weights."""
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
    run("decay", optimizer=by_depth)
    run("lora", lambda m: adapt(m, trunk, out))
    return out
