#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/electra.safetensors: the weights of a tiny ELECTRA, its logits on the first batch of bert_steps.safetensors, and
the losses of both networks in 20 AdamW steps (the discriminator's 50-fold) with clipping at 1. Run it by hand, after bert.py."""
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import safetensors_file
from torch_electra import Electra

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")


def main():
    torch.manual_seed(11)
    model = Electra(generator=dict(hidden_size=12, num_attention_heads=2, intermediate_size=24, num_hidden_layers=1), vocab_size=61,
                    embedding_size=16, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=48,
                    max_position_embeddings=16, dropout=0.0, num_labels=3)
    with torch.no_grad():  # away from the start, so that no gradient is tiny by construction
        for p in model.parameters():
            p.add_(torch.randn(p.shape) * 0.05)
    out = {f"weights.{name}": p.detach().numpy().copy() for name, p in model.named_parameters()}
    batches = safetensors_file.read(os.path.join(GOLDEN, "bert_steps.safetensors"))
    names = ("input_ids", "token_type_ids", "lengths", "masked_positions", "masked_targets")
    optimizer, losses, norms = model.optimizer(), [], []
    for step in range(len(batches["input_ids"])):
        batch = [torch.from_numpy(batches[k][step].astype(np.int64)) for k in names]
        if step == 0:
            out["mlm_logits"] = model.generate(*batch[:4]).detach().numpy()
            out["rtd_logits"] = model.discriminate(*batch[:3]).reshape(-1).detach().numpy()
            out["class_logits"] = model.classes(*batch[:3]).detach().numpy()
        mlm, rtd = model.losses(*batch)
        optimizer.zero_grad()
        (mlm + 50 * rtd).backward()
        norms.append(torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], 1.0).item())
        optimizer.step()
        losses.append([mlm.item(), rtd.item()])
    out["losses"], out["grad_norms"] = np.array(losses, np.float32), np.array(norms, np.float32)
    safetensors_file.write(os.path.join(GOLDEN, "electra.safetensors"), out)
    print("losses", losses[0], "->", losses[-1])


main()
