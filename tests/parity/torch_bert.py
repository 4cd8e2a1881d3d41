# SPDX-License-Identifier: GPL-3.0-or-later
"""BERT in plain PyTorch, written from Devlin et al. 2019 with Hugging Face's parameter names. It is the reference for stored
expectations and the peer for speed; nothing of the program needs it."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Named(nn.Module):
    """A module that only holds others under the names of the weight files."""

    def __init__(this, **children):  # "self" is the name of a child
        super(Named, this).__init__()
        for name, child in children.items():
            setattr(this, name, child)


class Norm(nn.Module):
    """nn.LayerNorm, with or without bias (PyTorch 1.13 always has one)."""

    def __init__(self, width, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, x.shape[-1:], self.weight, self.bias, 1e-12)


def rotate(x, theta):
    """x [B,heads,T,size], as transformers does it: element i and i + size/2 are a pair (Su et al. 2021)."""
    t, size = x.shape[2:]
    angles = torch.arange(t).float()[:, None] * theta ** (-torch.arange(0, size, 2).float() / size)
    angles = torch.cat((angles, angles), -1)
    half = torch.cat((-x[..., size // 2:], x[..., :size // 2]), -1)
    return x * angles.cos() + half * angles.sin()


class Layer(nn.Module):
    """c: hidden_size, intermediate_size, num_attention_heads, dropout; norm_first, rotary (theta), geglu, bias: as ModernBERT
    (Warner et al. 2024) has them."""

    def __init__(self, c):
        super().__init__()
        h, wide, bias, first = c["hidden_size"], c["intermediate_size"], c.get("bias", True), c.get("norm_first", False)
        norms = {True: {"LayerNorm": Norm(h, bias)}, False: {}}
        projections = Named(**{name: nn.Linear(h, h, bias=bias) for name in ("query", "key", "value")})
        self.attention = Named(self=projections, output=Named(dense=nn.Linear(h, h, bias=bias), **norms[not first]), **norms[first])
        norms = {True: {"LayerNorm": Norm(h, bias)}, False: {}}
        self.gated = c.get("geglu", False)
        self.intermediate = Named(dense=nn.Linear(h, wide * (2 if self.gated else 1), bias=bias), **norms[first])
        self.output = Named(dense=nn.Linear(wide, h, bias=bias), **norms[not first])
        self.heads, self.p, self.first, self.theta = c["num_attention_heads"], c["dropout"], first, c.get("rotary")

    def attend(self, x, bias):
        b, t, h = x.shape
        inner = getattr(self.attention, "self")
        q, k, v = (m(x).view(b, t, self.heads, h // self.heads).transpose(1, 2)
                   for m in (inner.query, inner.key, inner.value))
        if self.theta:
            q, k = rotate(q, self.theta), rotate(k, self.theta)
        scores = q @ k.transpose(2, 3) / math.sqrt(h // self.heads)
        if bias is not None:
            scores = scores + bias
        weights = F.dropout(scores.softmax(-1), self.p, self.training)
        return (weights @ v).transpose(1, 2).reshape(b, t, h)

    def activate(self, x):
        if not self.gated:
            return F.gelu(x)
        a, gate = x.chunk(2, -1)
        return F.gelu(a) * gate

    def end(self, output, x, y):
        x = x + F.dropout(output.dense(y), self.p, self.training)
        return x if self.first else output.LayerNorm(x)

    def begin(self, module, x):
        return module.LayerNorm(x) if self.first else x

    def forward(self, x, bias):
        x = self.end(self.attention.output, x, self.attend(self.begin(self.attention, x), bias))
        return self.end(self.output, x, self.activate(self.intermediate.dense(self.begin(self.intermediate, x))))


def padding(lengths, t):
    """What is added to attention's scores, or None."""
    if lengths is None:
        return None
    outside = torch.arange(t)[None] >= lengths[:, None]
    return torch.zeros(outside.shape).masked_fill(outside, -math.inf)[:, None, None]


class Embeddings(nn.Module):
    def __init__(self, c, width):
        super().__init__()
        self.word_embeddings = nn.Embedding(c["vocab_size"], width)
        if not c.get("rotary"):
            self.position_embeddings = nn.Embedding(c["max_position_embeddings"], width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = Norm(width, c.get("bias", True))
        self.p = c["dropout"]

    def forward(self, ids, types):
        x = self.word_embeddings(ids)
        if hasattr(self, "position_embeddings"):
            x = x + self.position_embeddings.weight[:ids.shape[1]]
        return F.dropout(self.LayerNorm(x + self.token_type_embeddings(types)), self.p, self.training)


def draw(model, deviation):
    """Weights as at the start of training."""
    for name, p in model.named_parameters():
        if "LayerNorm" not in name:
            nn.init.zeros_(p) if p.dim() == 1 else nn.init.normal_(p, 0, deviation)


def adamw(model, lr=1e-3, weight_decay=0.01, **options):
    """Matrices decay, vectors do not."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay},
                              {"params": vectors, "weight_decay": 0.0}], lr=lr, **options)


class Bert(nn.Module):
    def __init__(self, **c):
        super().__init__()
        c.setdefault("intermediate_size", 4 * c["hidden_size"])
        c.setdefault("num_attention_heads", max(1, c["hidden_size"] // 64))
        c.setdefault("max_position_embeddings", 512)
        c.setdefault("dropout", 0.1)
        h = c["hidden_size"]
        self.c = c
        self.bert = Named(embeddings=Embeddings(c, h),
                          encoder=Named(layer=nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))),
                          pooler=Named(dense=nn.Linear(h, h)))
        if c.get("norm_first"):
            self.bert.LayerNorm = Norm(h, c.get("bias", True))
        predictions = Named(transform=Named(dense=nn.Linear(h, h), LayerNorm=Norm(h)))
        predictions.bias = nn.Parameter(torch.zeros(c["vocab_size"]))
        self.cls = Named(predictions=predictions, seq_relationship=nn.Linear(h, 2))
        if c.get("num_labels"):
            self.classifier = nn.Linear(h, c["num_labels"])
        draw(self, c.get("initializer_range", 0.02))

    def encode(self, ids, types, lengths):
        """ids, types int64[B,T]; lengths int64[B] or None -> hidden [B,T,H], pooled [B,H]."""
        x, bias = self.bert.embeddings(ids, types), padding(lengths, ids.shape[1])
        for layer in self.bert.encoder.layer:
            x = layer(x, bias)
        if self.c.get("norm_first"):
            x = self.bert.LayerNorm(x)
        return x, torch.tanh(self.bert.pooler.dense(x[:, 0]))

    def forward(self, ids, types, lengths, positions):
        """positions int64[n] in B*T -> logits [n,vocab], [B,2]."""
        x, pooled = self.encode(ids, types, lengths)
        rows = x.reshape(-1, x.shape[2])[positions]
        transform = self.cls.predictions.transform
        rows = transform.LayerNorm(F.gelu(transform.dense(rows)))
        logits = F.linear(rows, self.bert.embeddings.word_embeddings.weight, self.cls.predictions.bias)
        return logits, self.cls.seq_relationship(pooled)

    def classes(self, ids, types, lengths):
        """-> [B,num_labels], from the pooled first token."""
        return self.classifier(F.dropout(self.encode(ids, types, lengths)[1], self.c["dropout"], self.training))

    def optimizer(self, lr=1e-3, weight_decay=0.01, **options):
        return adamw(self, lr, weight_decay, **options)
