"""The public CPU recipe of nanoGPT (karpathy/nanoGPT, README: "I only have a macbook") in plain PyTorch.

python -m seqlab.bench.shared.peer TEXT [--seed N] [--steps N] [--every N]

4 layers, 4 heads, width 128, windows of 64 characters, batch 12; learned positions, layer norms and linears without
biases, GELU, a tied head; AdamW 1e-3 (0.9, 0.99), weight decay 0.1 on matrices, warm-up over 100 steps, cosine to
1e-4 at step 2000, gradient norm 1, no dropout, float32. Evaluated on the whole validation split by seqlab's own task.
Prints a line of JSON for every evaluation. `seconds` count from the start of the process, and the time of every
evaluation but the line's own is taken out.
"""

from __future__ import annotations

import argparse
import json
import math
import time

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.journal.clock import process_age
from seqlab.tasks.text import PreparedText, Text

__all__ = ["GPT", "main"]

LAYERS, HEADS, DIM, BLOCK, BATCH = 4, 4, 128, 64, 12
RATE, LEAST_RATE, WARM_UP, DECAY_STEPS = 1e-3, 1e-4, 100, 2000


class Layer(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); (B, L, D) -> (B, L, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(DIM, bias=False), nn.LayerNorm(DIM, bias=False)
        self.qkv, self.out = nn.Linear(DIM, 3 * DIM, bias=False), nn.Linear(DIM, DIM, bias=False)
        self.up, self.down = nn.Linear(DIM, 4 * DIM, bias=False), nn.Linear(4 * DIM, DIM, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(2, (HEADS, -1)).transpose(1, 2) for t in self.qkv(self.first(x)).chunk(3, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        y: Tensor = x + self.down(F.gelu(self.up(self.second(x))))
        return y


class GPT(nn.Module):
    """tokens (B, L) -> logits (B, L, V)."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.embedding, self.positions = nn.Embedding(vocabulary, DIM), nn.Embedding(BLOCK, DIM)
        self.layers = nn.Sequential(*(Layer() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(DIM, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                is_branch_end = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, 0.0, 0.02 / math.sqrt(2 * LAYERS) if is_branch_end else 0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        return F.linear(self.norm(self.layers(x)), self.embedding.weight)


def main(arguments: list[str] | None = None) -> None:
    """Train on a text and print what was reached when."""
    parser = argparse.ArgumentParser(prog="python -m seqlab.bench.shared.peer")
    parser.add_argument("text")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--every", type=int, default=100, help="steps between evaluations")
    options = parser.parse_args(arguments)
    begun = time.monotonic() - process_age()
    torch.manual_seed(options.seed)
    task = Text(path=options.text, symbols="characters", length=BLOCK).prepare()
    train(GPT(task.signature.vocabulary), task, options.steps, options.every, begun)


def train(model: GPT, task: PreparedText, steps: int, every: int, begun: float) -> None:
    """The loop; `begun` (time.monotonic) is where its seconds count from."""
    data = torch.from_numpy(task.encoded["train"].astype("int64"))
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99))
    outside = 0.0
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(step)
        starts = torch.randint(len(data) - BLOCK, (BATCH, 1))
        rows = data[starts + torch.arange(BLOCK + 1)]
        loss = F.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if (step + 1) % every == 0 or step + 1 == steps:
            outside += report(model, task, step + 1, begun + outside)


def rate(step: int) -> float:
    """The learning rate of a step, counted from 0."""
    if step < WARM_UP:
        return RATE * (step + 1) / (WARM_UP + 1)
    done = min(1.0, (step - WARM_UP) / (DECAY_STEPS - WARM_UP))
    return LEAST_RATE + 0.5 * (1 + math.cos(math.pi * done)) * (RATE - LEAST_RATE)


def report(model: GPT, task: PreparedText, step: int, begun: float) -> float:
    """Evaluate and print; returns the seconds that took."""
    start = time.monotonic()
    loss = task.evaluate(model.eval(), "val")["loss"]
    model.train()
    now = time.monotonic()
    line = {"step": step, "seconds": now - begun, "loss": loss, "tokens": step * BATCH * BLOCK}
    print(json.dumps({**line, "training_seconds": start - begun}), flush=True)
    return now - start


if __name__ == "__main__":
    main()
