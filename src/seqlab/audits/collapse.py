"""Does the model still say anything? One symbol for everything, the same probabilities everywhere, an endless loop."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.results import floors_of, steps_told
from seqlab.audits.shared.scoring import scoring
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["Collapse"]

ROWS = 8
"""Held-out rows that are read; of whole rows with one answer each, eight times as many."""
PROMPT = 16
"""Symbols of each row that generation goes on from."""
GENERATED = 48
"""Symbols that are generated; the last half is looked at."""


class Collapse(Audit):
    """What is predicted on held-out inputs differs from place to place, and greedy generation does not end in a loop of
    one or two symbols.

    It does not apply where training scores fewer than half of the places: there the model has not learned to go on.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)

    largest_share: float = Field(default=0.9, gt=0, le=1)
    """Share of the places at which the same symbol may be the likeliest, where the data is not that uniform itself."""
    entropy: float = Field(default=0.98, gt=0, le=1)
    """Largest mean entropy of the predictions, as a share of ln V."""
    period: int = Field(default=2, ge=1)
    """Longest loop, in symbols, that is told; longer ones are usual for small models."""

    def examine(self, subject: Subject) -> Finding:
        asked = scoring(subject)
        if asked.why_not:
            return not_applicable(asked.why_not)
        scored, read = asked.batch.scored, asked.batch.tokens
        if asked.predicts_symbols and 2 * scored < read:  # such as answers alone, which nothing follows
            return not_applicable(f"training scores {scored} of {read} places; what is said elsewhere was not learned")
        inputs = subject.inputs(ROWS if asked.predicts_symbols else 8 * ROWS)
        logits = subject.output(subject.awake, inputs).double().flatten(0, -2)
        likeliest, share = _commonest(logits.argmax(-1))
        entropy = float(torch.distributions.Categorical(logits=logits).entropy().mean()) / math.log(asked.classes)
        usual = _commonest(inputs[0])[1] if asked.predicts_symbols else _majority(subject)
        loops = _loops(subject, inputs[0]) if asked.predicts_symbols else []
        looping = [loop for loop in loops if loop is not None and loop <= self.period]
        measured: dict[str, Any] = {"largest_share": share, "limit": self.largest_share, "data_share": usual}
        measured |= {"entropy_of_ln_v": entropy, "loops": [loop or 0 for loop in loops]}
        few = steps_told(subject)
        if entropy > self.entropy:
            return warned(f"all answers are about equally likely everywhere ({entropy:.1%} of ln V){few}.", **measured)
        if share > max(self.largest_share, (1 + usual) / 2):
            name = _spelled(subject, likeliest)
            return warned(f"{name} is the likeliest answer at {share:.1%} of the places{few}.", **measured)
        if len(looping) > len(loops) / 2 and usual < 0.5:
            return warned(
                f"greedy generation ends in a loop of {max(looping)} symbols after {len(looping)} of {len(loops)} "
                f"prompts{few}.",
                **measured,
            )
        return passed("predictions differ from place to place", **measured)


def _commonest(values: Tensor) -> tuple[int, float]:
    kinds, counts = values.flatten().unique(return_counts=True)
    return int(kinds[counts.argmax()]), float(counts.max()) / values.numel()


def _majority(subject: Subject) -> float:
    """The share of the commonest class: what the floors say, else none."""
    return max(floors_of(subject, "accuracy").values(), default=0.0)


def _loops(subject: Subject, tokens: Tensor) -> list[int | None]:
    """For each row, the period in which greedy generation ends (None: it does not repeat); [] where the model cannot
    generate, as one that sees both sides cannot."""
    model: Any = subject.awake
    limit = getattr(model, "max_length", None)
    room = GENERATED if limit is None else min(GENERATED, limit - PROMPT)
    can_generate = hasattr(model, "prefill") and getattr(model, "causal", True)
    if tokens.shape[1] < PROMPT or room < 16 or not can_generate:
        return []
    try:
        with torch.no_grad():
            logits, state = model.prefill(tokens[:, :PROMPT])
            said = [logits.argmax(-1)]
            for _ in range(room - 1):
                logits, state = model.step(said[-1], state)
                said.append(logits.argmax(-1))
    except NotImplementedError:
        return []
    return [_period(row) for row in torch.stack(said, 1)[:, -(room // 2) :].tolist()]


def _period(symbols: list[int]) -> int | None:
    """The smallest shift by which symbols repeat themselves, up to a third of them."""
    return next((p for p in range(1, len(symbols) // 3 + 1) if symbols[p:] == symbols[:-p]), None)


def _spelled(subject: Subject, symbol: int) -> str:
    """A symbol as the task writes it, else its number."""
    symbols = getattr(subject.task, "symbols", None)
    if symbols is None:
        return f"answer {symbol}"
    return repr(symbols.decode(np.array([symbol])).decode(errors="backslashreplace"))
