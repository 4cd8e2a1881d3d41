#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/bert_options.safetensors: a tiny BERT with each of the options of later encoders and with all of them. One set of
weights serves for all: a model takes those that it has, of feed-forward layers without a gate the first rows. For each the logits
of the first batch of bert_steps.safetensors and the losses of 20 AdamW steps. Run it by hand, after bert.py."""
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import safetensors_file
from torch_bert import Bert

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")
SHAPE = dict(vocab_size=61, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=36,
             max_position_embeddings=16, dropout=0.0)
OPTIONS = {"norm_first": dict(norm_first=True), "rotary": dict(rotary=100.0), "geglu": dict(geglu=True), "bias": dict(bias=False),
           "all": dict(norm_first=True, rotary=100.0, geglu=True, bias=False)}


def load(model, weights):
    for name, p in model.named_parameters():
        p.data.copy_(torch.from_numpy(weights[name][:p.shape[0]]))


def main():
    torch.manual_seed(9)
    weights = {}
    for options in ({}, dict(norm_first=True, geglu=True)):
        for name, p in Bert(**SHAPE, **options).named_parameters():
            weights[name] = (p + torch.randn(p.shape) * 0.05).detach().numpy()
    out = {f"weights.{name}": array for name, array in weights.items()}
    batches = safetensors_file.read(os.path.join(GOLDEN, "bert_steps.safetensors"))
    names = ("input_ids", "token_type_ids", "lengths", "masked_positions", "masked_targets", "next_sentence_label")
    for name, options in OPTIONS.items():
        model = Bert(**SHAPE, **options)
        load(model, weights)
        optimizer, losses = model.optimizer(), []
        for step in range(len(batches["input_ids"])):
            batch = [torch.from_numpy(batches[k][step].astype(np.int64)) for k in names]
            mlm_logits, nsp_logits = model(*batch[:4])
            if step == 0:
                out[f"{name}.mlm_logits"], out[f"{name}.nsp_logits"] = mlm_logits.detach().numpy(), nsp_logits.detach().numpy()
            loss = F.cross_entropy(mlm_logits, batch[4]) + 0.5 * F.cross_entropy(nsp_logits, batch[5])
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        out[f"{name}.losses"] = np.array(losses, np.float32)
        print(name, losses[0], "->", losses[-1])
    safetensors_file.write(os.path.join(GOLDEN, "bert_options.safetensors"), out)


main()
