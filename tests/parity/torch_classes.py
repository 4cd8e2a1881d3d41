# SPDX-License-Identifier: GPL-3.0-or-later
"""Fine-tuning of a classifier in plain PyTorch, for the generators of stored expectations."""
import numpy as np
import torch
from torch.nn import functional as F


def expectations(model, weights, inputs, labels, optimizer=None):
    """model: with classes(*inputs of a step); weights: name -> array, loaded first, the head drawn anew. inputs: arrays [steps,...];
    labels int32[steps,B]. -> the head's weights, the labels, the logits of the first step, losses and gradient norms of all."""
    model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()}, strict=False)
    head = [k for k, _ in model.named_parameters() if k not in weights]
    with torch.no_grad():
        for name in head:
            model.get_parameter(name).copy_(torch.randn(model.get_parameter(name).shape) * 0.1)
    out = {f"class.{name}": model.get_parameter(name).detach().numpy().copy() for name in head}
    out["labels"] = labels
    optimizer = optimizer or model.optimizer()
    losses, norms = [], []
    for step in range(len(labels)):
        logits = model.classes(*(torch.from_numpy(a[step].astype(np.int64)) for a in inputs))
        if step == 0:
            out["class_logits"] = logits.detach().numpy()
        loss = F.cross_entropy(logits, torch.from_numpy(labels[step].astype(np.int64)))
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    out["class_losses"] = np.array(losses, np.float32)
    out["class_norms"] = np.array(norms, np.float32)
    print("classes", losses[0], "->", losses[-1])
    return out
