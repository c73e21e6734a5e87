"""A training step of the DLN journal's character GPT in bfloat16, beside plain PyTorch: float32, autocast, compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch

from seqlab.bench import Options, Row
from seqlab.bench.shared.plain_gpt import PlainGPT, plain_step
from seqlab.bench.shared.products import best_rate
from seqlab.bench.shared.subjects import STAND_IN
from seqlab.bench.shared.timing import alternate, ratio
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.norms.rmsnorm import RMSNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.tasks.text import Text
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training, assemble

__all__ = ["measure"]

SHARE, FASTER = 65.0, 1 / 3
"""Wanted: per cent of the rate of the best product, and the time of a step over that of the plain one in float32."""
PLAIN = "plain float32"
CPU = torch.device("cpu")


def measure(options: Options) -> list[Row]:
    """6 layers of 384, rows of 256 characters, with the journal's dropout of 0.2 and without it; batches of 16
    (the journal's 64 take all of them four times as long). The steps take turns, the plain ones on one batch. A share
    counts three times the model's forward operations, of attention's the causal half."""
    size = {"dim": 32, "layers": 1, "heads": 2} if options.quick else {"dim": 384, "layers": 6, "heads": 6}
    length, rows = (16, 2) if options.quick else (256, 16)
    return [
        row
        for dropout in (0.2, 0.0)
        for row in _compared(_training(size, length, rows, dropout), size, dropout, options.quick)
    ]


def _training(size: dict[str, int], length: int, rows: int, dropout: float) -> Training:
    mixer = Attention(heads=size["heads"], dropout=dropout, qk_norm=LayerNorm(weight=False, bias=False))
    block = Block(
        mixer=mixer, channel=MLP(activation="gelu_tanh", bias=False), norm=RMSNorm(weight=False), dropout=dropout
    )
    model = LM(dim=size["dim"], layers=(block,) * size["layers"], norm=None, tied=False, position="learned")
    task = Text(path=STAND_IN, symbols="characters", lowercase=True, length=length, validation=0.005)
    optim = AdamW(lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    experiment = Experiment(
        task=task, model=model, optim=optim, batch=Batching(size=rows), budget=Budget(steps=1_000_000)
    )
    return assemble(experiment, task.prepare(), CPU, torch.bfloat16)


def _compared(training: Training, size: dict[str, int], dropout: float, quick: bool) -> list[Row]:
    batch, task = training.next_batch(), training.task
    tokens, targets = batch.tensors["inputs"], batch.tensors["targets"]
    steps: dict[str, Callable[[], object]] = {"seqlab": partial(optimiser_step, training)}
    for name in (PLAIN, "plain autocast") if quick else (PLAIN, "plain autocast", "compiled autocast"):
        model: Any = PlainGPT(task.signature.vocabulary, tokens.shape[1], **size, dropout=dropout)
        model = torch.compile(model) if name.startswith("compiled") else model
        steps[name] = plain_step(model, tokens, targets, autocast=name != PLAIN)
    times = alternate(steps, rounds=1 if quick else 5, warm_up=1 if quick else 2)
    operations = 3.0 * float(cast(Any, training.model).flops(task.row_tokens)) * len(tokens)
    rows = []
    for name, timing in times.items():
        dtype = torch.float32 if name == PLAIN else torch.bfloat16
        also = {
            "% of GEMM": 100 * operations / timing.minimum / best_rate(CPU, dtype, quick),
            "tokens/s": tokens.numel() / timing.median,
        }
        told = {"also": also, "ratio": ratio(timing, times[PLAIN]).median, "peer": PLAIN}
        rows.append(timing.row(f"{name}, dropout {dropout:g}", "ms", scale=1e3, **told))
    return rows + ([] if quick else _goals(rows[0], dropout))


def _goals(ours: Row, dropout: float) -> list[Row]:
    what = f"seqlab, dropout {dropout:g}"
    share = Row(what=f"{what}: share", value=ours.also["% of GEMM"], unit="%", target=SHARE, more_is_better=True)
    return [share, Row(what=f"{what}: time over {PLAIN}", value=ours.ratio or 0.0, unit="x", target=FASTER)]
