# SPDX-License-Identifier: GPL-3.0-or-later
"""ELECTRA in plain PyTorch, written from Clark et al. 2020 with the parameter names of Hugging Face's ElectraForPreTraining; what is
the generator's alone stands below "generator" with the names of ElectraForMaskedLM. The embeddings are shared."""
import torch
from torch import nn
from torch.nn import functional as F

from torch_bert import Embeddings, Layer, Named, Norm, adamw, draw, padding


def trunk(c, embedding_size):
    project = {"embeddings_project": nn.Linear(embedding_size, c["hidden_size"])} if embedding_size != c["hidden_size"] else {}
    return Named(encoder=Named(layer=nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))), **project)


class Electra(nn.Module):
    def __init__(self, generator, **c):
        """generator: what differs from c there."""
        super().__init__()
        self.c, g = c, dict(c, **generator)
        h, width = c["hidden_size"], c["embedding_size"]
        self.electra = trunk(c, width)
        self.electra.embeddings = Embeddings(c, width)
        self.discriminator_predictions = Named(dense=nn.Linear(h, h), dense_prediction=nn.Linear(h, 1))
        head = Named()
        head.bias = nn.Parameter(torch.zeros(c["vocab_size"]))
        self.generator = Named(electra=trunk(g, width), generator_lm_head=head,
                               generator_predictions=Named(LayerNorm=Norm(width), dense=nn.Linear(g["hidden_size"], width)))
        if c.get("num_labels"):
            self.classifier = Named(dense=nn.Linear(h, h), out_proj=nn.Linear(h, c["num_labels"]))
        draw(self, c.get("initializer_range", 0.02))

    def encode(self, network, ids, types, lengths):
        x, bias = self.electra.embeddings(ids, types), padding(lengths, ids.shape[1])
        if hasattr(network, "embeddings_project"):
            x = network.embeddings_project(x)
        for layer in network.encoder.layer:
            x = layer(x, bias)
        return x

    def generate(self, ids, types, lengths, positions):
        """Words at the positions int64[n] in B*T -> [n,vocab]."""
        x = self.encode(self.generator.electra, ids, types, lengths)
        rows = x.reshape(-1, x.shape[2])[positions]
        rows = self.generator.generator_predictions.LayerNorm(F.gelu(self.generator.generator_predictions.dense(rows)))
        return F.linear(rows, self.electra.embeddings.word_embeddings.weight, self.generator.generator_lm_head.bias)

    def discriminate(self, ids, types, lengths):
        """-> [B,T], above 0 where a token was replaced."""
        head = self.discriminator_predictions
        return head.dense_prediction(F.gelu(head.dense(self.encode(self.electra, ids, types, lengths)))).squeeze(-1)

    def classes(self, ids, types, lengths):
        """-> [B,num_labels], from the first token."""
        p, first = self.c["dropout"], self.encode(self.electra, ids, types, lengths)[:, 0]
        x = F.gelu(self.classifier.dense(F.dropout(first, p, self.training)))
        return self.classifier.out_proj(F.dropout(x, p, self.training))

    def losses(self, ids, types, lengths, positions, targets):
        """Of the generator, and of the discriminator on the generator's likeliest words (temperature 0)."""
        words = self.generate(ids, types, lengths, positions)
        filled = ids.reshape(-1).clone()
        filled[positions] = words.argmax(1)
        replaced = torch.zeros(filled.shape)
        replaced[positions] = (filled[positions] != targets).float()
        logits = self.discriminate(filled.reshape(ids.shape), types, lengths)
        inside = torch.arange(ids.shape[1])[None] < lengths[:, None]
        rtd = F.binary_cross_entropy_with_logits(logits[inside], replaced.reshape(ids.shape)[inside])
        return F.cross_entropy(words, targets), rtd

    def optimizer(self, lr=1e-3, weight_decay=0.01):
        return adamw(self, lr, weight_decay)
