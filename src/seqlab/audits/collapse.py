"""Does the model still say different things? One symbol everywhere, equal probabilities, or a loop is a collapse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["Collapse"]

ROWS = 4


class Collapse(Audit):
    """Of a trained model over symbols: how often its likeliest symbol is the same one, how uncertain it is, and whether
    it repeats itself when it goes on greedily."""

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)
    most_alike: float = Field(default=0.95, gt=0, le=1)
    """Share of positions at which the same symbol is likeliest."""
    least_sharp: float = Field(default=0.02, gt=0, lt=1)
    """Share of ln V by which the mean entropy must be below ln V."""
    symbols: int = Field(default=64, ge=16)
    """Symbols written greedily."""
    longest_period: int = Field(default=3, ge=1)
    """A repetition with a period up to this, to the end and from the middle on at the latest, is a loop."""

    def examine(self, subject: Subject) -> Finding:
        inputs = subject.inputs(ROWS)
        logits = subject.output(subject.awake, inputs)
        vocabulary = subject.task.signature.vocabulary
        if not subject.task.forward_only or logits.ndim != 3 or logits.shape[-1] < 2:
            return not_applicable("the model does not predict symbols")
        likeliest = logits.argmax(-1).flatten()
        alike = float(likeliest.bincount().max()) / len(likeliest)
        probabilities = logits.softmax(-1)
        entropy = float(torch.special.entr(probabilities).sum(-1).mean())
        measured: dict[str, Any] = {"alike": alike, "limit": self.most_alike, "entropy": entropy}
        measured["ln_vocabulary"] = math.log(vocabulary)
        if entropy > (1 - self.least_sharp) * math.log(vocabulary):
            return warned(
                f"the model gives all symbols nearly the same probability: its mean entropy is {entropy:.4g} of "
                f"{math.log(vocabulary):.4g} nats.",
                **measured,
            )
        if alike >= self.most_alike:
            return warned(f"one symbol is the likeliest at {alike:.0%} of the held-out positions.", **measured)
        period = _period(_greedily(subject, inputs[0][0], self.symbols), self.longest_period)
        if period:
            return warned(
                f"the model, writing greedily, repeats itself every {period} symbols.", **measured, period=period
            )
        return passed("the model says different things at different places", **measured)


def _greedily(subject: Subject, prompt: Tensor, symbols: int) -> list[int]:
    """What the model writes after some held-out symbols, the likeliest each time; nothing where it cannot go on."""
    model: Any = subject.awake
    if not (hasattr(model, "prefill") and hasattr(model, "step")):
        return []
    start = prompt[None, : max(1, len(prompt) // 2)]
    written: list[int] = []
    try:
        with torch.no_grad():
            logits, state = model.prefill(start)
            for _ in range(symbols):
                written.append(int(logits[0].argmax()))
                logits, state = model.step(torch.tensor([written[-1]], device=prompt.device), state)
    except (ValueError, NotImplementedError):  # as long as the model can be, or a mixer that has no steps
        return written
    return written


def _period(written: Sequence[int], longest: int) -> int:
    """The shortest period of the second half, up to `longest`; 0 where there is none."""
    half = list(written[len(written) // 2 :])
    if len(half) < 4 * longest:
        return 0
    return next((p for p in range(1, longest + 1) if half[p:] == half[:-p]), 0)
