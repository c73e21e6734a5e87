"""The character GPT of the DLN journal in plain PyTorch: what a training step is compared with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["PlainGPT", "plain_step"]


class PlainGPT(nn.Module):
    """tokens (B, L) -> logits (B, L, V): learned positions; x + attention(norm(x)), then x + mlp(norm(x)); RMS norms,
    and layer norms of q and k, without weights; gelu by tanh; dropout on the attention's weights and on every branch;
    a head of its own and no norm before it."""

    def __init__(self, vocabulary: int, length: int, *, dim: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocabulary, dim), nn.Embedding(length, dim)
        self.layers = nn.Sequential(*(_Layer(dim, heads, dropout) for _ in range(layers)))
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions.weight[: tokens.shape[1]]
        logits: Tensor = self.head(self.layers(x))
        return logits


class _Layer(nn.Module):
    def __init__(self, dim: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.dim, self.heads, self.dropout = dim, heads, dropout
        self.qkv, self.out = nn.Linear(dim, 3 * dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.up, self.down = nn.Linear(dim, 4 * dim, bias=False), nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + F.dropout(self.out(self._attended(F.rms_norm(x, (self.dim,)))), self.dropout, self.training)
        hidden = F.gelu(self.up(F.rms_norm(x, (self.dim,))), approximate="tanh")
        return x + F.dropout(self.down(hidden), self.dropout, self.training)

    def _attended(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(2, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, dim=2))
        q, k = (F.layer_norm(t, t.shape[-1:]).to(v.dtype) for t in (q, k))
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout * self.training, is_causal=True)
        return y.transpose(1, 2).flatten(2)


def plain_step(model: nn.Module, tokens: Tensor, targets: Tensor, *, autocast: bool) -> Callable[[], object]:
    """One optimiser step on a batch (B, L): forward, backward, clipping, AdamW as torch has it by default, in float32;
    autocast: the model's products in bfloat16."""
    parameters = [*model.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
            logits = model(tokens)
            loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step
