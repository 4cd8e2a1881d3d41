#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories as transformers writes them, from the weights in tests/golden:

    tests/golden/hf_bert   two shards with their index, gamma and beta, the tied decoder beside the embeddings, position_ids
    tests/golden/hf_gpt2   names of the bare model, the buffers of old files, no lm_head
    tests/golden/hf_electra    a discriminator, and in generator its generator with the tied head beside the embeddings

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
from torch_electra import Electra
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


def write_electra(folder):
    weights = safetensors_file.read(os.path.join(GOLDEN, "electra.safetensors"))
    weights = {k[len("weights."):]: v for k, v in weights.items() if k.startswith("weights.") and "classifier" not in k}
    own = {k[len("generator."):]: v for k, v in weights.items() if k.startswith("generator.")}
    shared = {k: v for k, v in weights.items() if k.startswith("electra.embeddings.")}
    own["generator_lm_head.weight"] = shared["electra.embeddings.word_embeddings.weight"]
    main = {k: v for k, v in weights.items() if not k.startswith("generator.")}
    main["electra.embeddings.position_ids"] = own["electra.embeddings.position_ids"] = np.arange(16, dtype=np.int64)[None]
    os.makedirs(os.path.join(folder, "generator"), exist_ok=True)
    safetensors_file.write(os.path.join(folder, "model.safetensors"), main)
    safetensors_file.write(os.path.join(folder, "generator", "model.safetensors"), {**own, **shared})
    config = {"architectures": ["ElectraForPreTraining"], "attention_probs_dropout_prob": 0.0, "classifier_dropout": None,
              "embedding_size": 16, "hidden_act": "gelu", "hidden_dropout_prob": 0.0, "hidden_size": 24, "initializer_range": 0.02,
              "intermediate_size": 48, "layer_norm_eps": 1e-12, "max_position_embeddings": 16, "model_type": "electra",
              "num_attention_heads": 3, "num_hidden_layers": 2, "pad_token_id": 0, "position_embedding_type": "absolute",
              "summary_activation": "gelu", "summary_last_dropout": 0.1, "summary_type": "first", "summary_use_proj": True,
              "transformers_version": "4.40.0", "type_vocab_size": 2, "use_cache": True, "vocab_size": 61}
    write_json(os.path.join(folder, "config.json"), config)
    config.update(architectures=["ElectraForMaskedLM"], hidden_size=12, intermediate_size=24, num_attention_heads=2, num_hidden_layers=1)
    write_json(os.path.join(folder, "generator", "config.json"), config)


# What files of a class of transformers do not have of our models.
LACKS = {"BertForPreTraining": (), "BertForSequenceClassification": ("cls.",), "GPT2LMHeadModel": (),
         "GPT2ForSequenceClassification": (), "ElectraForPreTraining": ("generator.",),
         "ElectraForSequenceClassification": ("generator.", "discriminator_predictions.")}
ENCODER = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "max_position_embeddings", "intermediate_size")
OPTIONS = {"bert": ENCODER, "electra": (*ENCODER, "embedding_size"),
           "gpt2": ("vocab_size", "n_embd", "n_layer", "n_head", "n_positions", "n_inner")}


def read_config(folder):
    with open(os.path.join(folder, "config.json")) as file:
        return json.load(file)


def build(c, generator):
    """generator: config.json of an ELECTRA's second network, or None."""
    options = {k: c[k] for k in OPTIONS[c["model_type"]]}
    if "id2label" in c:
        options["num_labels"] = len(c["id2label"])
    if c["model_type"] == "electra":
        its = {k: generator[k] for k in ENCODER} if generator else {}
        return Electra(its, dropout=0.0, **options)
    return (Gpt2 if c["model_type"] == "gpt2" else Bert)(dropout=0.0, **options)


def load(model, weights, lacks):
    found = model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in weights.items()}, strict=False)
    lacking = [k for k in found.missing_keys if not k.startswith(lacks)]
    assert not found.unexpected_keys and not lacking, (found.unexpected_keys, lacking)


def logits_of(model, c, classes):
    """Of the tokens 0 to 7: of the last one, or of the classes."""
    ids = torch.arange(8)[None] % c["vocab_size"]
    if c["model_type"] == "gpt2":
        return model.classes(ids, torch.tensor([8]))[0] if classes else model(ids)[0, -1]
    if classes:
        return model.classes(ids, ids * 0, None)[0]
    if c["model_type"] == "electra":
        return model.discriminate(ids, ids * 0, None)[0]
    return model(ids, ids * 0, None, torch.tensor([7]))[0][0]


def check_generator(model, folder):
    """Its embeddings are the discriminator's; all else of it has a place below "generator"."""
    c, weights = read_config(folder), safetensors_file.read(os.path.join(folder, "model.safetensors"))
    for name in [k for k in weights if k.startswith("electra.embeddings.")]:
        assert torch.equal(torch.from_numpy(weights.pop(name).copy()), model.get_parameter(name)), name
    load(model, {f"generator.{k}": v for k, v in weights.items()}, ("electra.", "discriminator_predictions.", "classifier."))
    ids = torch.arange(8)[None] % c["vocab_size"]
    logits = model.generate(ids, ids * 0, None, torch.tensor([7]))[0]
    print(c["architectures"][0], len(weights), "tensors; logits of 7:", " ".join(f"{x:.5f}" for x in logits[:5].tolist()))


@torch.no_grad()
def check(folder):
    c, beside = read_config(folder), os.path.join(folder, "generator")
    name = c["architectures"][0]
    model = build(c, read_config(beside) if os.path.isdir(beside) else None).eval()
    weights = safetensors_file.read(os.path.join(folder, "model.safetensors"))
    load(model, weights, LACKS[name])
    logits = logits_of(model, c, "id2label" in c)
    print(name, len(weights), "tensors; logits of 0 to 7:", " ".join(f"{x:.5f}" for x in logits[:5].tolist()))
    if os.path.isdir(beside):
        check_generator(model, beside)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", metavar="DIR")
    options = parser.parse_args()
    if options.check:
        return check(options.check)
    for name, write in (("hf_bert", write_bert), ("hf_gpt2", write_gpt2), ("hf_electra", write_electra)):
        os.makedirs(os.path.join(GOLDEN, name), exist_ok=True)
        write(os.path.join(GOLDEN, name))


main()
