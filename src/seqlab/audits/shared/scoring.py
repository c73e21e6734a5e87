"""What a task makes of models with known answers: its training loss and its evaluation, on little data."""

from __future__ import annotations

import copy
import math
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from seqlab.audits.shared.stubs import SURE, Stub, Told, Uniform
from seqlab.audits.shared.subject import Subject
from seqlab.data import DataError
from seqlab.tasks import Batch, PreparedTask

__all__ = ["AFFORDABLE_LOGITS", "Scoring", "scoring", "small_task"]

AFFORDABLE_LOGITS = 2**21
"""Logits that a stub makes in an evaluation or a training batch: some hundredths of a second."""


def scoring(subject: Subject) -> Scoring:
    """The scoring of a subject, shared among audits."""
    known: Scoring = subject.notes.setdefault("scoring", Scoring(subject))
    return known


def small_task(task: PreparedTask, symbols: int) -> PreparedTask:
    """The task, with a subset of about so many symbols where it has a spec that says how large its subset is."""
    spec: Any = getattr(task, "spec", None)
    if not hasattr(spec, "subset_bytes"):
        return task
    small: Any = copy.copy(task)
    small.spec = replace(spec, subset_bytes=min(spec.subset_bytes, max(1, symbols)))
    return small  # type: ignore[no-any-return]


class Scoring:
    """Asks a task for the scores of stubs. `why_not` says why it cannot be asked."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self.task = subject.task

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the model makes of two held-out rows."""
        return tuple(self._subject.output(self._subject.awake, self._subject.inputs(2)).shape)

    @property
    def classes(self) -> int:
        """V, the size of the model's last axis."""
        return self.shape[-1]

    @property
    def predicts_symbols(self) -> bool:
        """Whether symbols (B, L) go in and logits (B, L, V) come out."""
        first = self._subject.inputs(2)[0]
        fits = len(self.shape) == 3 and self.shape[:2] == tuple(first.shape) and self.classes > 1
        return fits and not first.is_floating_point() and self.classes >= self.task.signature.vocabulary

    @property
    def predicts_classes(self) -> bool:
        """Whether one vector (B, C) comes out for a row."""
        return len(self.shape) == 2 and self.classes > 1

    @cached_property
    def why_not(self) -> str | None:
        """Why the task cannot be asked: it does not score logits by their softmax; None where it can."""
        if not (self.predicts_symbols or self.predicts_classes):
            return "the model does not give a logit for each symbol or class"
        try:
            low, high = (self.evaluated(self.uniform(level)) for level in (0.0, 3.0))
        except Exception as error:
            return f"the task asks more of a model than logits ({type(error).__name__}: {error})"
        if "loss" not in low or not math.isclose(low["loss"], high["loss"], rel_tol=1e-3, abs_tol=1e-6):
            return "the task's loss is not a cross-entropy"
        return None

    def uniform(self, level: float = 0.0) -> Uniform:
        """A stub to which every answer is equally likely."""
        return Uniform(self.classes, level, rows_only=self.predicts_classes)

    def small_task(self, symbols: int) -> PreparedTask:
        """The task, with a subset of about so many symbols, where that can be said."""
        return small_task(self.task, symbols)

    @cached_property
    def batch(self) -> Batch:
        """A small training batch of at least two rows where the data has them."""
        t = self._subject.training
        size = max(2, min(8, t.experiment.batch.size, AFFORDABLE_LOGITS // (self.classes * self.task.row_tokens)))
        try:
            self.task.check_batch(size)
        except DataError:
            size = t.experiment.batch.size
        return self.task.batch(t.experiment.seed, 0, size).to(t.device)

    def evaluated(self, stub: Stub, split: str = "val") -> dict[str, float]:
        """The metrics of a stub on the small subset of a split."""
        task = self.small_task(AFFORDABLE_LOGITS // self.classes)
        with self._subject.drawing("scoring"):
            found = task.evaluate(stub.to(self._subject.training.device).eval(), split, subset=True)
        return {name: float(value) for name, value in found.items()}

    def trained_on(self, stub: Stub) -> dict[str, float]:
        """The training loss of a stub and the metrics beside it, for each symbol that the task says it scored."""
        with self._subject.drawing("scoring"), torch.no_grad():
            loss, others = self.task.loss(stub.to(self._subject.training.device).train(), self.batch)
        return {name: float(value) / self.batch.scored for name, value in {**others, "loss": loss}.items()}

    def trained_right(self, stub_loss: float) -> float:
        """The share of the scored answers that a sure stub has right, from its training loss, smoothed or not."""
        right, wrong = self._trained_extremes
        return (wrong - stub_loss) / (wrong - right)

    @cached_property
    def _trained_extremes(self) -> tuple[float, float]:
        """The training loss where every answer is right, and where each is wrong: as the task scores the targets that
        the batch holds, else as a cross-entropy does."""
        found: list[tuple[float, float]] = []
        for symbols in self.batch.tensors.values():
            with suppress(Exception):  # not symbols, or not as many as are predicted
                right, wrong = (self.trained_on(Told(self.classes, symbols + by))["loss"] for by in (0, 1))
                found.append((right, wrong))
        best = max(found, key=lambda losses: losses[1] - losses[0], default=(0.0, 0.0))
        if best[0] < best[1] / 2:
            return best
        return 0.0, SURE * self.trained_on(self.uniform())["loss"] / math.log(self.classes)

    def right(self, stub_loss: float, uniform_loss: float) -> float:
        """The share of the scored answers that a sure stub has right, from its loss, whatever scale that has."""
        return 1.0 - stub_loss / uniform_loss * math.log(self.classes) / SURE
