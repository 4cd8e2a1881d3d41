#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/golden/ops.safetensors and ops.json: for each op a few calls with their inputs, outputs and gradients under a random
cotangent, computed by PyTorch in double precision. Run it by hand: /usr/bin/python3 tests/parity/ops.py

A case is (attributes as Lathe reads them, inputs, function). An input is a shape (normal numbers), ("+", shape) (positive),
("i", high, shape) (integers) or None (left out)."""
import json
import math
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import safetensors_file

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")


def attention(heads, causal=False):
    def run(q, k, v, lengths):
        b, t, h = q.shape
        q, k, v = (x.view(b, t, heads, h // heads).transpose(1, 2) for x in (q, k, v))
        scores = q @ k.transpose(2, 3) / math.sqrt(h // heads)
        places = torch.arange(t)
        if lengths is not None:
            scores = scores.masked_fill((places[None] >= lengths[:, None])[:, None, None], -math.inf)
        if causal:
            scores = scores.masked_fill(places[None] > places[:, None], -math.inf)
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, h)
    return run


def packed_attention(heads, causal=False):
    return lambda qkv, k, v, lengths: attention(heads, causal)(*qkv.chunk(3, -1), lengths)


def embedding_sum(words, positions, types, ids, type_ids):
    return words[ids] + positions[:ids.shape[1]] + types[type_ids]


def rotary(heads, theta=10000.0, offset=0):
    """As transformers does it: element i and i + size/2 of a head are a pair."""
    def run(x):
        b, t, h = x.shape
        size = h // heads
        angles = (offset + torch.arange(t).double())[:, None] * theta ** (-torch.arange(0, size, 2).double() / size)
        cos, sin = (f(torch.cat((angles, angles), -1))[None, :, None] for f in (torch.cos, torch.sin))
        x = x.view(b, t, heads, size)
        half = torch.cat((-x[..., size // 2:], x[..., :size // 2]), -1)
        return (x * cos + half * sin).reshape(b, t, h)
    return run


def geglu(x):
    a, gate = x.chunk(2, -1)
    return F.gelu(a) * gate


def embedding_from(offset):
    return lambda words, positions, types, ids, type_ids: words[ids] + positions[offset:offset + ids.shape[1]]


def norm(eps):
    return lambda x, w, b: F.layer_norm(x, x.shape[-1:], w, b, eps)


def residual_norm(eps):
    return lambda x, r, w, b: F.layer_norm(x + r, x.shape[-1:], w, b, eps)


def linear_gelu(x, w, b):
    return F.gelu(F.linear(x, w, b))


class Reverse(torch.autograd.Function):
    """Identity whose backward is -0.5 times the gradient (Ganin, Lempitsky 2015)."""
    @staticmethod
    def forward(context, x):
        return x.clone()

    @staticmethod
    def backward(context, gradient):
        return -0.5 * gradient


def choose(c, a, b):
    return torch.where(c != 0, a, b)


bce = F.binary_cross_entropy_with_logits

UNARY = {"tanh": torch.tanh, "relu": torch.relu, "gelu": F.gelu, "neg": torch.neg, "exp": torch.exp, "abs": torch.abs,
         "sigmoid": torch.sigmoid, "square": torch.square}
POSITIVE = {"log": torch.log, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt}
BINARY = {"add": torch.add, "sub": torch.sub, "mul": torch.mul, "maximum": torch.maximum, "minimum": torch.minimum}
COMPARE = {"eq": torch.eq, "ne": torch.ne, "lt": torch.lt, "le": torch.le, "gt": torch.gt, "ge": torch.ge}

CASES = {
    "linear": [("", [(3, 5), (7, 5), (7,)], F.linear), ("", [(2, 3, 4), (1, 4), None], F.linear),
               ("", [(70, 33), (67, 33), (67,)], F.linear)],
    "linear_gelu": [("", [(3, 5), (7, 5), (7,)], linear_gelu), ("", [(2, 1, 4), (1, 4), (1,)], linear_gelu),
                    ("", [(3, 5), (7, 5), None], linear_gelu)],
    "layer_norm": [("eps=1e-5", [(3, 7), (7,), (7,)], norm(1e-5)), ("eps=1e-5", [(70, 5), (5,), (5,)], norm(1e-5)),
                   ("eps=1e-5", [(3, 7), (7,), None], norm(1e-5))],
    "dropout_add_layer_norm": [("p=0 eps=1e-5", [(3, 7), (3, 7), (7,), (7,)], residual_norm(1e-5)),
                               ("p=0 eps=1e-5", [(3, 7), (3, 7), (7,), None], residual_norm(1e-5))],
    "dropout": [("p=0", [(3, 5)], lambda x: x * 1)],
    "attention": [("heads=2", [(2, 5, 6)] * 3 + [("l", 5, (2,))], attention(2)),
                  ("heads=1 causal=true", [(1, 4, 3)] * 3 + [None], attention(1, True)),
                  ("heads=4", [(3, 1, 4)] * 3 + [None], attention(4)),
                  ("heads=2 causal=true", [(2, 70, 12), None, None, None], packed_attention(2, True)),
                  ("heads=2", [(1, 150, 12), None, None, ("l", 150, (1,))], packed_attention(2)),
                  ("heads=3 causal=true", [(2, 200, 18), None, None, ("l", 200, (2,))], packed_attention(3, True))],
    "rotary": [("heads=2", [(2, 5, 8)], rotary(2)), ("heads=3 theta=100 offset=3", [(1, 70, 12)], rotary(3, 100.0, 3))],
    "geglu": [("", [(3, 10)], geglu), ("", [(2, 70, 6)], geglu)],
    "embedding": [("", [(5, 3), ("i", 5, (2, 4))], lambda t, i: t[i])],
    "embedding_sum": [("", [(5, 3), (4, 3), (2, 3), ("i", 5, (2, 4)), ("i", 2, (2, 4))], embedding_sum),
                      ("", [(5, 3), None, (2, 3), ("i", 5, (2, 4)), ("i", 2, (2, 4))],
                       lambda words, positions, types, ids, type_ids: words[ids] + types[type_ids]),
                      ("offset=2", [(5, 3), (4, 3), None, ("i", 5, (2, 2)), None], embedding_from(2))],
    "gather_rows": [("", [(6, 3), ("i", 6, (4,))], lambda x, i: x[i])],
    "cross_entropy": [("", [(4, 5), ("i", 5, (4,))], F.cross_entropy), ("", [(1, 2), ("i", 2, (1,))], F.cross_entropy),
                      ("ignore_index=2", [(9, 4), ("i", 4, (9,))], lambda x, t: F.cross_entropy(x, t, ignore_index=2)),
                      ("ignore_index=2 label_smoothing=0.1", [(9, 7), ("i", 7, (9,))],
                       lambda x, t: F.cross_entropy(x, t, ignore_index=2, label_smoothing=0.1))],
    "div": [("", [(3, 5), ("+", (3, 5))], torch.div), ("", [(2, 1, 4), ("+", (3, 1))], torch.div)],
    "scale": [("factor=-2.5", [(3, 5)], lambda x: x * -2.5)],
    "sum": [("", [(3, 5)], torch.sum), ("dim=0,2 keepdim=true", [(2, 3, 4)], lambda x: x.sum((0, 2), keepdim=True)), ("", [(2, 1, 7)], torch.sum)],
    "mean": [("", [(3, 5)], torch.mean), ("dim=1", [(3, 5)], lambda x: x.mean(1))],
    "max": [("", [(3, 5)], torch.max)],
    "min": [("", [(3, 5)], torch.min)],
    "reshape": [("shape=3,4", [(2, 6)], lambda x: x.reshape(3, 4))],
    "select": [("dim=1 index=2", [(2, 5, 3)], lambda x: x[:, 2])],
    "matmul": [("", [(3, 4), (4, 5)], torch.matmul), ("", [(2, 3, 4), (2, 4, 5)], torch.matmul),
               ("", [(2, 3, 4), (4, 5)], torch.matmul), ("", [(3, 4), (2, 4, 5)], torch.matmul),
               ("", [(2, 1, 3, 4), (5, 4, 1)], torch.matmul), ("", [(5,), (5,)], torch.matmul), ("", [(4,), (4, 5)], torch.matmul),
               ("", [(2, 3, 4), (4,)], torch.matmul), ("", [(4,), (2, 4, 3)], torch.matmul)],
    "permute": [("dims=2,0,1", [(2, 3, 4)], lambda x: x.permute(2, 0, 1))],
    "slice": [("dim=1 start=1 stop=4", [(3, 5)], lambda x: x[:, 1:4])],
    "pow": [("", [("+", (3, 5)), (3, 5)], torch.pow), ("", [("+", (2, 1, 4)), (3, 1)], torch.pow), ("", [(3, 5), ("i", 4, ())], torch.pow)],
    "softmax": [("", [(3, 5)], lambda x: x.softmax(-1)), ("dim=1", [(2, 3, 5)], lambda x: x.softmax(1))],
    "log_softmax": [("", [(3, 5)], lambda x: x.log_softmax(-1)), ("dim=0", [(2, 3, 5)], lambda x: x.log_softmax(0))],
    "gelu": [("approximate=tanh", [(3, 5)], lambda x: F.gelu(x, approximate="tanh"))],
    "clamp": [("min=-0.5 max=0.7", [(3, 5)], lambda x: x.clamp(-0.5, 0.7)), ("min=0.1", [(5,)], lambda x: x.clamp(min=0.1)),
              ("min=1 max=-1", [(5,)], lambda x: x.clamp(1, -1))],
    "where": [("", [("i", 2, (3, 5)), (3, 5), (3, 5)], choose), ("", [("i", 3, (3, 1)), (4,), (2, 1, 4)], choose)],
    "concat": [("dim=1", [(2, 3), (2, 1), (2, 4)], lambda *x: torch.concat(x, 1)), ("", [(1, 3), (5, 3)], lambda *x: torch.concat(x))],
    "expand": [("shape=2,3,-1", [(3, 1)], lambda x: x.expand(2, 3, -1)), ("shape=4,5", [(1,)], lambda x: x.expand(4, 5))],
    "argmax": [("", [(3, 5)], torch.argmax), ("dim=1 keepdim=true", [(3, 5)], lambda x: x.argmax(1, keepdim=True)),
               ("dim=0", [(3, 5)], lambda x: x.argmax(0))],
    "norm": [("", [(3, 5)], torch.norm), ("p=1 dim=1", [(3, 5)], lambda x: x.norm(1, dim=1)),
             ("p=3 dim=0,2 keepdim=true", [(2, 3, 4)], lambda x: x.norm(3, dim=(0, 2), keepdim=True))],
    "l2_normalize": [("", [(3, 5)], lambda x: F.normalize(x, dim=-1)), ("dim=1", [(2, 3, 4)], lambda x: F.normalize(x, dim=1)),
                     ("eps=3", [(3, 5)], lambda x: F.normalize(x, dim=-1, eps=3))],
    "var": [("", [(3, 5)], torch.var), ("dim=1 correction=0", [(3, 5)], lambda x: x.var(1, correction=0)),
            ("dim=0,2 keepdim=true", [(2, 3, 4)], lambda x: x.var((0, 2), keepdim=True))],
    "std": [("", [(3, 5)], torch.std), ("dim=1 correction=0", [(3, 5)], lambda x: x.std(1, correction=0))],
    "cumsum": [("dim=1", [(3, 5)], lambda x: x.cumsum(1)), ("dim=0", [(2, 3, 4)], lambda x: x.cumsum(0))],
    "mse_loss": [("", [(3, 5), (3, 5)], F.mse_loss), ("reduction=sum", [(5,), (5,)], lambda x, t: F.mse_loss(x, t, reduction="sum")),
                 ("reduction=none", [(3, 5), (3, 5)], lambda x, t: F.mse_loss(x, t, reduction="none"))],
    "binary_cross_entropy_with_logits": [("", [(3, 5), ("+", (3, 5))], bce),
                                         ("reduction=sum", [(5,), ("+", (5,))], lambda x, t: bce(x, t, reduction="sum")),
                                         ("reduction=none", [(5,), ("+", (5,))], lambda x, t: bce(x, t, reduction="none"))],
    "kl_div": [("reduction=" + how + " log_target=" + str(log).lower(), [(3, 5), (3, 5) if log else ("+", (3, 5))],
                lambda x, t, how=how, log=log: F.kl_div(x, t, reduction=how, log_target=log))
               for how, log in (("mean", False), ("batchmean", False), ("sum", True), ("none", True))],
    "cast": [("dtype=f32", [(3, 5)], lambda x: x * 1), ("dtype=bf16", [("i", 3, (4,))], lambda x: x.double()),
             ("dtype=i32", [(3, 5)], lambda x: x.long())],
    "detach": [("", [(3, 5)], torch.detach)],
    "gradient_reverse": [("scale=0.5", [(3, 5)], Reverse.apply)],
}
for name, function in UNARY.items():
    CASES[name] = CASES.get(name, []) + [("", [(3, 5)], function), ("", [(1,)], function)]
for name, function in POSITIVE.items():
    CASES[name] = [("", [("+", (3, 5))], function)]
for name, function in BINARY.items():
    CASES[name] = [("", [(3, 5), (3, 5)], function), ("", [(2, 1, 4), (3, 1)], function), ("", [(5,), (4, 5)], function)]
for name, function in COMPARE.items():
    CASES[name] = [("", [("i", 3, (3, 5)), ("i", 3, (3, 5))], function), ("", [(2, 1, 4), (3, 1)], function),
                   ("", [("i", 2, (5,)), (4, 5)], function)]

# Integers are computed as integers.
INTEGERS, MORE = ("i", 9, (3, 5)), ("i", 5, (1, 5))
for name in ("add", "sub", "mul", "maximum", "minimum"):
    CASES[name].append(("", [INTEGERS, MORE], BINARY[name]))
for name in ("neg", "abs", "square", "relu"):
    CASES[name].append(("", [INTEGERS], UNARY[name]))
CASES["div"].append(("", [INTEGERS, ("+", (5,))], torch.div))
CASES["exp"].append(("", [INTEGERS], torch.exp))
CASES["sum"] += [("", [INTEGERS], torch.sum), ("dim=1", [INTEGERS], lambda x: x.sum(1))]
CASES["max"].append(("", [INTEGERS], torch.max))
CASES["min"].append(("dim=0", [INTEGERS], lambda x: x.min(0).values))
CASES["argmax"].append(("dim=1", [("i", 1000000, (3, 5))], lambda x: x.argmax(1)))
CASES["cumsum"].append(("dim=0", [INTEGERS], lambda x: x.cumsum(0)))
CASES["clamp"].append(("min=2 max=5", [INTEGERS], lambda x: x.clamp(2, 5)))
CASES["where"].append(("", [("i", 2, (3, 5)), INTEGERS, MORE], choose))
CASES["concat"].append(("", [INTEGERS, MORE], lambda *x: torch.concat(x)))


def make(spec, random):
    if spec is None:
        return None
    if spec and spec[0] == "i":
        return torch.from_numpy(random.integers(0, spec[1], spec[2]))
    if spec and spec[0] == "l":
        return torch.from_numpy(random.integers(1, spec[1] + 1, spec[2]))
    if spec and spec[0] == "+":
        values = 0.2 + random.random(spec[1])
    else:
        values = random.standard_normal(spec)
    return torch.from_numpy(np.asarray(values, np.float32).astype(np.float64)).requires_grad_()


def main():
    random = np.random.default_rng(11)
    tensors, calls = {}, []

    def store(name, tensor):
        array = tensor.detach().numpy()
        tensors[name] = array.astype(np.float32 if array.dtype.kind == "f" else np.int32)

    for op, cases in sorted(CASES.items()):
        for number, (attrs, specs, function) in enumerate(cases):
            prefix = f"{op}.{number}"
            inputs = [make(spec, random) for spec in specs]
            out = function(*inputs)
            store(f"{prefix}.out", out)
            if out.requires_grad:
                drawn = random.standard_normal(tuple(out.shape)).astype(np.float32).astype(np.float64)
                cotangent = torch.from_numpy(np.asarray(drawn))
                out.backward(cotangent.reshape(out.shape))
                store(f"{prefix}.cotangent", cotangent)
            for i, x in enumerate(inputs):
                if x is None:
                    continue
                store(f"{prefix}.in.{i}", x)
                if x.grad is not None:
                    store(f"{prefix}.grad.{i}", x.grad)
            calls.append({"op": op, "name": prefix, "attrs": attrs, "inputs": len(inputs)})
    safetensors_file.write(os.path.join(GOLDEN, "ops.safetensors"), tensors)
    with open(os.path.join(GOLDEN, "ops.json"), "w") as file:
        json.dump({"calls": calls}, file, indent=1)
        file.write("\n")
    print(len(calls), "calls of", len(CASES), "ops")


main()
