"""Do loss and accuracy say of known models what is known of them? An argmax over a flattened array does not."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.asked import asked, evaluated, few_rows, is_askable
from seqlab.audits.shared.stubs import SURE, Copier, HalfRight, Peeker, Stub, Uniform
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["MetricSelfTest"]


class MetricSelfTest(Audit):
    """The loss of equal probabilities is ln V, in training and in evaluation; and a model that is sure of its symbols
    has the accuracy that its loss says: each wrong one costs 30 nats."""

    depends_on: ClassVar[tuple[str, ...]] = ("task",)
    loss_tolerance: float = Field(default=1e-3, gt=0)
    """Relative difference from ln V."""
    accuracy_tolerance: float = Field(default=0.02, gt=0)
    """Difference of an accuracy from the share of right symbols."""

    def examine(self, subject: Subject) -> Finding:
        if not is_askable(subject):
            return not_applicable("the task does not ask for the next of a moderate number of symbols")
        vocabulary = subject.task.signature.vocabulary
        uniform = Uniform(vocabulary)
        losses = {"train/loss": asked(subject, uniform), "val/loss": evaluated(subject, uniform).get("loss", math.nan)}
        for name, loss in losses.items():
            if not math.isnan(loss) and abs(loss / math.log(vocabulary) - 1) > self.loss_tolerance:
                return self._wrong_loss(name, loss, subject)
        worst = 0.0
        for stub in (Peeker(vocabulary), HalfRight(vocabulary), Copier(vocabulary)):
            for name, accuracy, right in _accuracies(subject, stub):
                worst = max(worst, abs(accuracy - right))
                if not abs(accuracy - right) <= self.accuracy_tolerance:
                    return failed(
                        f"{name} is {accuracy:.4g} of a model that is right at {right:.1%} of the symbols: an argmax "
                        "over the wrong axis or the flattened array, or another denominator than the scored symbols.",
                        accuracy=accuracy,
                        right=right,
                        limit=self.accuracy_tolerance,
                    )
        return passed(
            "loss and accuracy say of known models what is known of them",
            difference=worst,
            limit=self.accuracy_tolerance,
        )

    def _wrong_loss(self, name: str, loss: float, subject: Subject) -> Finding:
        """What explains a loss of equal probabilities that is not ln V."""
        vocabulary, length = subject.task.signature.vocabulary, subject.task.row_tokens
        rows, right = len(next(iter(few_rows(subject).tensors.values()))), math.log(vocabulary)
        explained = {
            f"1/{vocabulary} of it: it is divided by the vocabulary, too": 1 / vocabulary,
            f"{vocabulary} times it: it is summed over the vocabulary": vocabulary,
            f"1/{length} of it: it is divided by the length twice": 1 / length,
            f"{length} times it: it is not divided by the length": length,
            f"1/{rows} of it: it is divided by the rows twice": 1 / rows,
            f"1/{rows * length} of it: a mean is divided once more": 1 / (rows * length),
            "1/ln 2 of it: it is in bits and not in nats": 1 / math.log(2),
        }
        told = next((text for text, factor in explained.items() if abs(loss / right / factor - 1) < 0.02), "")
        judge = failed if told else warned
        measured: dict[str, Any] = {"loss": loss, "limit": right}
        return judge(
            f"{name} of equal probabilities is {loss:.4g} and should be ln {vocabulary} = {right:.4g}"
            f"{f'; it is {told}' if told else ''}.",
            **measured,
        )


def _accuracies(subject: Subject, stub: Stub) -> list[tuple[str, float, float]]:
    """Every accuracy that the task reports of a sure stub: its name, its value, and what the loss beside it says."""
    found = []
    measured = evaluated(subject, stub)
    if "loss" in measured:
        right = 1 - measured["loss"] / SURE
        found += [(f"val/{name}", value, right) for name, value in measured.items() if name.endswith("accuracy")]
    batch = few_rows(subject)
    with torch.no_grad():
        loss, others = subject.task.loss(stub, batch)
    right = 1 - float(loss) / batch.scored / SURE
    found += [
        (f"train/{name}", float(value) / batch.scored, right)
        for name, value in others.items()
        if name.endswith("accuracy")
    ]
    return found
