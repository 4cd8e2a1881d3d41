#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories as transformers writes them, from the weights in tests/golden:

    tests/golden/hf_bert   two shards with their index, gamma and beta, the tied decoder beside the embeddings, position_ids
    tests/golden/hf_gpt2   names of the bare model, the buffers of old files, no lm_head

Run it by hand: /usr/bin/python3 tests/parity/pretrained.py
With --check DIR it reads a directory that Lathe wrote (run.model:save) with PyTorch alone, by the rules of transformers: every
parameter of the class that config.json names must be there in its shape, and nothing else; then it prints logits."""
import argparse
import json
import os
import sys

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import safetensors_file
from torch_bert import Bert
from torch_gpt2 import Gpt2

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")


def write_json(path, value):
    with open(path, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")


def write_bert(folder):
    weights = dict(safetensors_file.read(os.path.join(GOLDEN, "bert_model.safetensors")))
    words = weights["bert.embeddings.word_embeddings.weight"]
    weights["cls.predictions.decoder.weight"] = words
    weights["cls.predictions.decoder.bias"] = weights["cls.predictions.bias"]
    weights["bert.embeddings.position_ids"] = np.arange(16, dtype=np.int64)[None]
    weights = {k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
               for k, v in weights.items()}
    names = sorted(weights)
    shards = [names[::2], names[1::2]]
    files = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    for file, part in zip(files, shards):
        safetensors_file.write(os.path.join(folder, file), {k: weights[k] for k in part})
    write_json(os.path.join(folder, "model.safetensors.index.json"),
               {"metadata": {"total_size": sum(v.nbytes for v in weights.values())},
                "weight_map": {k: file for file, part in zip(files, shards) for k in part}})
    write_json(os.path.join(folder, "config.json"),
               {"architectures": ["BertForPreTraining"], "attention_probs_dropout_prob": 0.0, "classifier_dropout": None,
                "hidden_act": "gelu", "hidden_dropout_prob": 0.0, "hidden_size": 24, "initializer_range": 0.02,
                "intermediate_size": 96, "layer_norm_eps": 1e-12, "max_position_embeddings": 16, "model_type": "bert",
                "num_attention_heads": 3, "num_hidden_layers": 2, "pad_token_id": 0, "position_embedding_type": "absolute",
                "torch_dtype": "float32", "transformers_version": "4.40.0", "type_vocab_size": 2, "use_cache": True, "vocab_size": 61})


def write_gpt2(folder):
    weights = safetensors_file.read(os.path.join(GOLDEN, "gpt2_model.safetensors"))
    weights = {k[len("transformer."):]: v for k, v in weights.items()}
    for i in range(2):
        weights[f"h.{i}.attn.bias"] = np.tril(np.ones((1, 1, 256, 256), np.uint8))[:, :, :4, :4].copy()
        weights[f"h.{i}.attn.masked_bias"] = np.array(-1e4, np.float32)
    safetensors_file.write(os.path.join(folder, "model.safetensors"), weights)
    write_json(os.path.join(folder, "config.json"),
               {"activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.0, "bos_token_id": 50256,
                "embd_pdrop": 0.0, "eos_token_id": 50256, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05, "model_type": "gpt2",
                "n_ctx": 256, "n_embd": 24, "n_head": 3, "n_inner": None, "n_layer": 2, "n_positions": 256, "resid_pdrop": 0.0,
                "summary_type": "cls_index", "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
                "vocab_size": 61})


# What files of a class of transformers do not have of our models.
LACKS = {"BertForPreTraining": (), "BertForSequenceClassification": ("cls.",), "GPT2LMHeadModel": (),
         "GPT2ForSequenceClassification": ()}


def check(folder):
    with open(os.path.join(folder, "config.json")) as file:
        c = json.load(file)
    name = c["architectures"][0]
    classes = {"num_labels": len(c["id2label"])} if "id2label" in c else {}
    gpt2 = c["model_type"] == "gpt2"
    if gpt2:
        model = Gpt2(dropout=0.0, **classes, **{k: c[k] for k in ("vocab_size", "n_embd", "n_layer", "n_head", "n_positions", "n_inner")})
    else:
        model = Bert(dropout=0.0, **classes, **{k: c[k] for k in ("vocab_size", "hidden_size", "num_hidden_layers",
                                                                  "num_attention_heads", "max_position_embeddings",
                                                                  "intermediate_size")})
    weights = safetensors_file.read(os.path.join(folder, "model.safetensors"))
    found = model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()}, strict=False)
    lacking = [k for k in found.missing_keys if not k.startswith(LACKS[name])]
    assert not found.unexpected_keys and not lacking, (found.unexpected_keys, lacking)
    ids = torch.arange(8)[None] % c["vocab_size"]
    model.eval()
    with torch.no_grad():
        if classes:
            logits = model.classes(ids, torch.tensor([8]))[0] if gpt2 else model.classes(ids, ids * 0, None)[0]
        else:
            logits = model(ids)[0, -1] if gpt2 else model(ids, ids * 0, None, torch.tensor([7]))[0][0]
    print(name, len(weights), "tensors; logits of 0 to 7:", " ".join(f"{x:.5f}" for x in logits[:5].tolist()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", metavar="DIR")
    options = parser.parse_args()
    if options.check:
        return check(options.check)
    for name, write in (("hf_bert", write_bert), ("hf_gpt2", write_gpt2)):
        os.makedirs(os.path.join(GOLDEN, name), exist_ok=True)
        write(os.path.join(GOLDEN, name))


main()
