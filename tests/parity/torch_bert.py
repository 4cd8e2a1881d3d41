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


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, wide = c["hidden_size"], c["intermediate_size"]
        projections = Named(query=nn.Linear(h, h), key=nn.Linear(h, h), value=nn.Linear(h, h))
        self.attention = Named(self=projections,
                               output=Named(dense=nn.Linear(h, h), LayerNorm=nn.LayerNorm(h, eps=1e-12)))
        self.intermediate = Named(dense=nn.Linear(h, wide))
        self.output = Named(dense=nn.Linear(wide, h), LayerNorm=nn.LayerNorm(h, eps=1e-12))
        self.heads, self.p = c["num_attention_heads"], c["dropout"]

    def forward(self, x, bias):
        b, t, h = x.shape
        inner = getattr(self.attention, "self")
        q, k, v = (m(x).view(b, t, self.heads, h // self.heads).transpose(1, 2)
                   for m in (inner.query, inner.key, inner.value))
        scores = q @ k.transpose(2, 3) / math.sqrt(h // self.heads)
        if bias is not None:
            scores = scores + bias
        weights = F.dropout(scores.softmax(-1), self.p, self.training)
        context = (weights @ v).transpose(1, 2).reshape(b, t, h)
        out = self.attention.output
        x = out.LayerNorm(x + F.dropout(out.dense(context), self.p, self.training))
        wide = F.gelu(self.intermediate.dense(x))
        return self.output.LayerNorm(x + F.dropout(self.output.dense(wide), self.p, self.training))


class Bert(nn.Module):
    def __init__(self, **c):
        super().__init__()
        c.setdefault("intermediate_size", 4 * c["hidden_size"])
        c.setdefault("num_attention_heads", max(1, c["hidden_size"] // 64))
        c.setdefault("max_position_embeddings", 512)
        c.setdefault("dropout", 0.1)
        h = c["hidden_size"]
        self.c = c
        self.bert = Named(
            embeddings=Named(word_embeddings=nn.Embedding(c["vocab_size"], h),
                             position_embeddings=nn.Embedding(c["max_position_embeddings"], h),
                             token_type_embeddings=nn.Embedding(2, h), LayerNorm=nn.LayerNorm(h, eps=1e-12)),
            encoder=Named(layer=nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))),
            pooler=Named(dense=nn.Linear(h, h)))
        predictions = Named(transform=Named(dense=nn.Linear(h, h), LayerNorm=nn.LayerNorm(h, eps=1e-12)))
        predictions.bias = nn.Parameter(torch.zeros(c["vocab_size"]))
        self.cls = Named(predictions=predictions, seq_relationship=nn.Linear(h, 2))
        if c.get("num_labels"):
            self.classifier = nn.Linear(h, c["num_labels"])
        for name, p in self.named_parameters():
            if "LayerNorm" in name:
                continue
            nn.init.zeros_(p) if p.dim() == 1 else nn.init.normal_(p, 0, c.get("initializer_range", 0.02))

    def encode(self, ids, types, lengths):
        """ids, types int64[B,T]; lengths int64[B] or None -> hidden [B,T,H], pooled [B,H]."""
        e = self.bert.embeddings
        t = ids.shape[1]
        x = e.LayerNorm(e.word_embeddings(ids) + e.position_embeddings.weight[:t] + e.token_type_embeddings(types))
        x = F.dropout(x, self.c["dropout"], self.training)
        bias = None
        if lengths is not None:
            outside = torch.arange(t)[None] >= lengths[:, None]
            bias = torch.zeros(outside.shape).masked_fill(outside, -math.inf)[:, None, None]
        for layer in self.bert.encoder.layer:
            x = layer(x, bias)
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
        matrices = [p for p in self.parameters() if p.dim() > 1]
        vectors = [p for p in self.parameters() if p.dim() == 1]
        return torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay},
                                  {"params": vectors, "weight_decay": 0.0}], lr=lr, **options)
