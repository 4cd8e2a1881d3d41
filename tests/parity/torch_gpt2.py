# SPDX-License-Identifier: GPL-3.0-or-later
"""GPT-2 in plain PyTorch, written from Radford et al. 2019 with Hugging Face's parameter names and its Conv1D layout ([in,out]).
It is the reference for stored expectations and the peer for speed; nothing of the program needs it."""
import math

import torch
from torch import nn
from torch.nn import functional as F

from torch_bert import Named


class Conv1D(nn.Module):
    def __init__(self, inner, outer):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inner, outer))
        self.bias = nn.Parameter(torch.zeros(outer))

    def forward(self, x):
        return torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], -1)


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        h, wide, eps = c["n_embd"], c["n_inner"], 1e-5
        self.ln_1, self.ln_2 = nn.LayerNorm(h, eps=eps), nn.LayerNorm(h, eps=eps)
        self.attn = Named(c_attn=Conv1D(h, 3 * h), c_proj=Conv1D(h, h))
        self.mlp = Named(c_fc=Conv1D(h, wide), c_proj=Conv1D(wide, h))
        self.heads, self.p = c["n_head"], c["dropout"]

    def forward(self, x, past=None):
        """past: None, or a list to which keys and values are added: [keys, values] of [B,heads,T,size]."""
        b, t, h = x.shape
        q, k, v = (part.view(b, t, self.heads, h // self.heads).transpose(1, 2)
                   for part in self.attn.c_attn(self.ln_1(x)).split(h, 2))
        if past is not None:
            if past:
                k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
            past[:] = [k, v]
        scores = q @ k.transpose(2, 3) / math.sqrt(h // self.heads)
        if t > 1:
            later = torch.arange(k.shape[2])[None] > torch.arange(k.shape[2] - t, k.shape[2])[:, None]
            scores = scores.masked_fill(later, -math.inf)
        y = F.dropout(scores.softmax(-1), self.p, self.training) @ v
        y = self.attn.c_proj(y.transpose(1, 2).reshape(b, t, h))
        x = x + F.dropout(y, self.p, self.training)
        y = self.mlp.c_proj(F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh"))
        return x + F.dropout(y, self.p, self.training)


class Gpt2(nn.Module):
    def __init__(self, **c):
        super().__init__()
        c.setdefault("n_inner", 4 * c["n_embd"])
        c.setdefault("n_head", max(1, c["n_embd"] // 64))
        c.setdefault("n_positions", 1024)
        c.setdefault("dropout", 0.1)
        h = c["n_embd"]
        self.c = c
        self.transformer = Named(wte=nn.Embedding(c["vocab_size"], h), wpe=nn.Embedding(c["n_positions"], h),
                                 h=nn.ModuleList(Layer(c) for _ in range(c["n_layer"])), ln_f=nn.LayerNorm(h, eps=1e-5))
        if c.get("num_labels"):
            self.score = nn.Linear(h, c["num_labels"], bias=False)
        for name, p in self.named_parameters():
            if "ln_" in name:
                continue
            deviation = 0.02 / math.sqrt(2 * c["n_layer"]) if "c_proj" in name else 0.02
            nn.init.zeros_(p) if p.dim() == 1 else nn.init.normal_(p, 0, deviation)

    def hidden(self, ids, past=None):
        """ids int64[B,T] -> [B,T,H]. past: None or a list of a list for each layer, for generation."""
        start = past[0][0].shape[2] if past and past[0] else 0
        e = self.transformer
        x = e.wte(ids) + e.wpe.weight[start:start + ids.shape[1]]
        x = F.dropout(x, self.c["dropout"], self.training)
        for i, layer in enumerate(e.h):
            x = layer(x, None if past is None else past[i])
        return e.ln_f(x)

    def forward(self, ids):
        return F.linear(self.hidden(ids), self.transformer.wte.weight)

    def classes(self, ids, lengths):
        """ids int64[B,T], lengths int64[B] -> [B,num_labels], from each sequence's last token."""
        return self.score(self.hidden(ids)[torch.arange(len(ids)), lengths - 1])

    @torch.no_grad()
    def generate(self, ids, tokens):
        """The likeliest token, again and again, without a cache: a list of ids."""
        ids = list(ids)
        for _ in range(tokens):
            ids.append(self(torch.tensor([ids]))[0, -1].argmax().item())
        return ids

    def optimizer(self, lr=1e-3, weight_decay=0.01):
        matrices = [p for p in self.parameters() if p.dim() > 1]
        vectors = [p for p in self.parameters() if p.dim() == 1]
        return torch.optim.AdamW([{"params": matrices, "weight_decay": weight_decay},
                                  {"params": vectors, "weight_decay": 0.0}], lr=lr)
