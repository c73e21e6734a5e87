"""Is the result too good to be true? The notebook's perplexity of 1.006 was shown for weeks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

from seqlab.audits import Audit, Finding, Stage, not_applicable, passed, warned
from seqlab.audits.shared.results import ceilings_of, floors_of, held_out
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["TooGood"]

CAUSES = "the model sees its answer (causality, random_tokens, target_alignment) or the splits overlap (overlap)"
COMPARED_LINES = 5
"""Lines of the training loss whose mean is held against the held-out loss."""


class TooGood(Audit):
    """The held-out result is believable: no n-gram is left behind by far, nothing is predicted without an error, and
    held-out data is no easier than training data.

    Only data from files is judged so; a generated task may be solved, but not beyond the best that is possible, where
    that is known.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("trained",)

    of_ngram: float = Field(default=0.35, gt=0, lt=1)
    """Smallest believable loss, as a share of the best byte n-gram's."""
    perplexity: float = Field(default=1.2, gt=1)
    """Smallest believable perplexity of a symbol."""
    accuracy: float = Field(default=0.999, gt=0, le=1)
    """Largest believable accuracy where the floors are below 0.9."""
    of_training: float = Field(default=0.5, gt=0, lt=1)
    """Smallest believable held-out loss, as a share of the training loss."""
    beyond_best: float = Field(default=0.05, gt=0)
    """Largest believable accuracy above the best possible one, where it is known: held-out rows are few."""
    least_floor: float = Field(default=0.5, ge=0)
    """Nats of the best floor below which the data itself is that easy, so that nothing can be told of it."""

    def examine(self, subject: Subject) -> Finding:
        reached = held_out(subject)
        if not reached:
            return not_applicable("the record has no held-out result")
        if subject.task.by_heart:
            return not_applicable("the task asks for what was trained on, so all of it may be known")
        best = ceilings_of(subject, "accuracy")
        if not subject.task.fingerprints and not best:
            return not_applicable("the data is generated, so it may be solved without an error")
        measured = {name: reached[name] for name in ("loss", "accuracy") if name in reached}
        measured |= {f"loss_{floor}": value for floor, value in floors_of(subject, "loss").items()}
        alarms = self._alarms(subject, reached) if subject.task.fingerprints else self._beyond(best, reached)
        for sentence in alarms:
            return warned(f"{sentence}: {CAUSES}.", **measured)
        return passed("nothing is too good to be true", **measured)

    def _alarms(self, subject: Subject, reached: dict[str, float]) -> Iterator[str]:
        loss, floors = reached.get("loss"), floors_of(subject, "loss")
        hard = bool(floors) and min(floors.values()) >= self.least_floor
        if loss is not None and hard:
            ngram = floors.get("ngram")
            if ngram is not None and loss < self.of_ngram * ngram:
                yield f"the held-out loss {loss:.4g} is far below the best n-gram's ({ngram:.4g})"
            if subject.task.signature.classes is None and loss < math.log(self.perplexity):
                yield f"a held-out perplexity of {math.exp(loss):.4g} leaves hardly anything to be guessed"
        yield from self._accuracy(subject, reached, hard)
        yield from self._training(subject, loss)

    def _beyond(self, best: dict[str, float], reached: dict[str, float]) -> Iterator[str]:
        for name, value in best.items():
            accuracy = reached.get("accuracy", 0.0)
            if accuracy > value + self.beyond_best:
                yield f"a held-out accuracy of {accuracy:.4g} is above the best possible ({name}, {value:.4g})"

    def _accuracy(self, subject: Subject, reached: dict[str, float], hard: bool) -> Iterator[str]:
        accuracy, floors = reached.get("accuracy"), floors_of(subject, "accuracy")
        low = max(floors.values()) < 0.9 if floors else hard
        if accuracy is not None and accuracy >= self.accuracy and low:
            yield f"a held-out accuracy of {accuracy:.4g} leaves no error"

    def _training(self, subject: Subject, loss: float | None) -> Iterator[str]:
        curve = subject.run.metrics.curve("train/loss")[1] if subject.run is not None else []
        if loss is None or len(curve) < COMPARED_LINES:
            return
        trained = sum(curve[-COMPARED_LINES:]) / COMPARED_LINES
        if trained >= self.least_floor and loss < self.of_training * trained:
            yield f"the held-out loss {loss:.4g} is far below the training loss ({trained:.4g})"
