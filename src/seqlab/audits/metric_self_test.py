"""Do the metrics measure what they are called? Models with known answers are scored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.factors import factor
from seqlab.audits.shared.scoring import Scoring, scoring
from seqlab.audits.shared.stubs import SURE, Constant, Contrary, Copier, Partly, Peeker, Priced, RunnerUp, Stub
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["MetricSelfTest"]

Metrics = dict[str, float]

DENSE = 0.4
"""Share of the symbols read that is scored where every position is, though windows overlap."""
DEAREST = 10.0
"""Nats that the longest symbol costs where the loss tells the bytes that are scored; hand-written losses clip at 23."""
TELLING = 8
"""Symbols in a row of which most tell what comes next; of shorter ones the last position is a large part."""

SEARCHED_CLASSES = 256
"""Up to so many symbols, each is tried as the answer to the last position."""


class MetricSelfTest(Audit):
    """Known answers get the scores they deserve, in training and in evaluation.

    Equal probabilities cost ln V nats; of models that are sure of their answers, the loss says how many are right, and
    the accuracy must say the same; bits per byte and perplexity follow from the loss.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("task", "model")
    is_of_structure: ClassVar[bool] = True

    limit: float = Field(default=0.01, gt=0)
    """Relative difference of a metric from what it must be."""

    def examine(self, subject: Subject) -> Finding:
        asked = scoring(subject)
        if asked.why_not:
            return not_applicable(asked.why_not)
        scores = _scores(asked)
        measured = {name: value for name, value in scores["equal probabilities"].items() if name != "symbols"}
        measured = {"loss": measured.pop("loss"), "limit": math.log(asked.classes), **measured}
        measured |= {f"{name}_accuracy": m["accuracy"] for name, m in scores.items() if name and "accuracy" in m}
        measured = {name.replace(" ", "_"): value for name, value in measured.items()}
        wrong = next(self._complaints(asked, scores), None)
        return failed(wrong, **measured) if wrong else passed("known answers get the scores they deserve", **measured)

    def _complaints(self, asked: Scoring, scores: dict[str, Metrics]) -> Iterator[str]:
        """What is wrong, the root of it first."""
        uniform = scores["equal probabilities"]
        yield from self._loss("the evaluation's loss", uniform["loss"], asked, uniform.get("symbols"))
        yield from _ranges(scores)
        yield from _flat("the evaluation's loss", asked, uniform["loss"], scores.get("all wrong", uniform)["loss"])
        yield from _misaligned(asked, scores)
        yield from self._accuracy(asked, scores)
        yield from self._derived(asked, scores)
        yield from self._training(asked)

    def _loss(
        self, what: str, loss: float, asked: Scoring, count: float | None, *, loosely: float = 0.0
    ) -> Iterator[str]:
        due = math.log(asked.classes)
        ratio = loss / due if math.isfinite(loss) else math.inf
        cause = factor(
            ratio, vocabulary=asked.classes, length=asked.task.row_tokens, scored=count or 1, tolerance=self.limit
        )
        if abs(ratio - 1) > (self.limit if cause else max(self.limit, loosely)):
            yield (
                f"{what} is {loss:.4g} where all {asked.classes} answers are equally likely, and ln {asked.classes} = "
                f"{due:.4g} is due: {cause or 'it is not the mean over what is scored'}."
            )

    def _accuracy(self, asked: Scoring, scores: dict[str, Metrics]) -> Iterator[str]:
        """Of models that are sure of every answer, loss and accuracy say the same."""
        uniform = scores["equal probabilities"]
        if "accuracy" not in uniform:
            return
        sure = {name: m for name, m in scores.items() if name != "equal probabilities"}
        pairs = {name: (m["accuracy"], asked.right(m["loss"], uniform["loss"])) for name, m in sure.items()}
        wrong = {name: pair for name, pair in pairs.items() if abs(pair[0] - pair[1]) > self.limit}
        if wrong and not _is_of_the_last_position(asked):
            yield _accuracy_sentence("the accuracy", pairs, wrong)
        yield from _first_few(asked, scores)

    def _derived(self, asked: Scoring, scores: dict[str, Metrics]) -> Iterator[str]:
        """Bits per byte, perplexity and the count of symbols, as they follow from the rest."""
        uniform = scores["equal probabilities"]
        loss, bits = uniform["loss"], uniform.get("bits_per_byte")
        due = [loss / math.log(2) / size for size in _bytes_per_symbol(asked)] if bits is not None else []
        if bits is not None and due and all(abs(bits / each - 1) > self.limit for each in due):
            cause = ": it is not divided by ln 2" if abs(bits / due[0] / math.log(2) - 1) < self.limit else ""
            yield f"bits_per_byte is {bits:.4g} where the loss of {loss:.4g} nats a symbol makes {due[0]:.4g}{cause}."
        perplexity = uniform.get("perplexity")
        if perplexity is not None and abs(perplexity / math.exp(loss) - 1) > self.limit:
            yield f"perplexity is {perplexity:.4g} where e to the loss is {math.exp(loss):.4g}."
        read = scores["what comes next"].get("read") if "what comes next" in scores else None
        count = uniform.get("symbols")
        if count is not None and read is not None and not 0 < count <= read:
            yield f"the evaluation says that it scored {count:,.0f} symbols, and the model read {read:,.0f}."

    def _training(self, asked: Scoring) -> Iterator[str]:
        """The same of the loss that is trained, and of what is logged beside it."""
        try:
            uniform = asked.trained_on(asked.uniform())
        except Exception:  # a training loss that asks more of a model than its logits
            return
        yield from self._loss("the training loss", uniform["loss"], asked, asked.batch.scored, loosely=0.2)
        if not asked.predicts_symbols:
            return
        wrong_loss = asked.trained_on(Contrary(asked.classes))["loss"]
        yield from _flat("the training loss", asked, uniform["loss"], wrong_loss)
        if "accuracy" in uniform:
            found = {name: asked.trained_on(stub) for name, stub in _sure(asked).items()}
            pairs = {name: (m["accuracy"], asked.trained_right(m["loss"])) for name, m in found.items()}
            wrong = {name: pair for name, pair in pairs.items() if abs(pair[0] - pair[1]) > self.limit}
            if wrong:
                yield _accuracy_sentence("the accuracy that the training loss returns", pairs, wrong)


def _sure(asked: Scoring) -> dict[str, Stub]:
    """Models that are sure of every answer."""
    v = asked.classes
    if asked.predicts_classes:
        return {f"always class {answer}": Constant(v, answer) for answer in range(min(v, 10))}
    return {"what comes next": Peeker(v), "6 in 10 right": Partly(v), "all wrong": Contrary(v)}


def _scores(asked: Scoring) -> dict[str, Metrics]:
    scores = {"equal probabilities": asked.evaluated(asked.uniform())}
    for name, stub in _sure(asked).items():
        scores[name] = asked.evaluated(stub)
        scores[name]["read"] = float(sum(tokens.numel() for tokens in stub.shown))
        scores[name]["length"] = float(stub.shown[0].shape[1])
    return scores


def _ranges(scores: dict[str, Metrics]) -> Iterator[str]:
    for metrics in scores.values():
        for name, value in metrics.items():
            if not math.isfinite(value):
                yield f"{name} of a model with known answers is {value}."
            elif name.endswith("accuracy") and not -1e-6 <= value <= 1 + 1e-6:
                yield f"{name} is {value:.4g}, which no share can be: it is a sum, or it is divided by the wrong count."
            elif name == "loss" and value < -1e-6:
                yield f"the loss is {value:.4g}: no cross-entropy is below zero."


def _flat(what: str, asked: Scoring, uniform: float, wrong: float) -> Iterator[str]:
    """Whether a model that is sure and wrong pays little more than one that knows nothing: ln (V - 1 + e) for ln V."""
    due = math.log(asked.classes)
    if asked.predicts_symbols and asked.task.forward_only and wrong * due / uniform < due + 1.2:
        yield (
            f"{what} of a model that is sure and always wrong is only {wrong:.4g}, where {SURE:.4g} is due: the "
            "softmax is applied twice, or something else holds the probabilities together."
        )


def _accuracy_sentence(what: str, pairs: dict[str, tuple[float, float]], wrong: dict[str, tuple[float, float]]) -> str:
    name, (told, due) = max(wrong.items(), key=lambda item: abs(item[1][0] - item[1][1]))
    factors = [told / due for told, due in pairs.values() if due > 0.05]
    if factors and min(factors) > 0 and max(factors) - min(factors) < 0.01 * max(factors):
        cause = f"it is {factors[0]:.3g} times what it must be, so it is divided by the wrong count"
    else:
        cause = "the argmax is over the flattened array or another axis than the symbols', or it is held against others"
    return f"{what} of a model that has {due:.1%} right ({name}; its loss says so) is {told:.1%}: {cause}."


def _first_few(asked: Scoring, scores: dict[str, Metrics]) -> Iterator[str]:
    """Whether an accuracy counts an answer that is among the first few, where the inputs tell most answers."""
    if not asked.predicts_symbols:
        return
    right, wrong = (scores[name]["accuracy"] for name in ("what comes next", "all wrong"))
    if right - wrong < 0.5:
        return
    second = asked.evaluated(RunnerUp(asked.classes))["accuracy"]
    if second > (right + wrong) / 2:
        yield (
            f"the accuracy of a model that ranks the right symbol second is {second:.1%}: it counts an answer among "
            "the first few, not the first one."
        )


def _is_of_the_last_position(asked: Scoring) -> bool:
    """Whether the accuracy is that of the last position alone, whose answer the input does not tell: then no other
    position matters to it, and the shares of all symbols as its answer add up to one."""
    if not asked.predicts_symbols or asked.classes > SEARCHED_CLASSES:
        return False

    def accuracy(kind: type[Peeker], answer: int) -> float:
        return asked.evaluated(_LastIs(kind(asked.classes), answer))["accuracy"]

    if any(abs(accuracy(Peeker, answer) - accuracy(Contrary, answer)) > 1e-6 for answer in (0, 1)):
        return False
    return abs(sum(accuracy(Contrary, answer) for answer in range(asked.classes)) - 1) < 0.01


class _LastIs(Stub):
    """As another stub, but the answer to the last position is given."""

    def __init__(self, other: Peeker, answer: int) -> None:
        super().__init__(other.vocabulary)
        self.other, self.answer = other, answer

    def logits(self, tokens: Tensor) -> Tensor:
        answers = self.other.answers(tokens).clone()
        answers[:, -1] = self.answer
        return self.sure_of(answers)


def _misaligned(asked: Scoring, scores: dict[str, Metrics]) -> Iterator[str]:
    """Whether the evaluation scores other symbols than the next ones."""
    if not (asked.predicts_symbols and asked.task.forward_only):
        return
    uniform = scores["equal probabilities"]["loss"]
    if asked.right(scores["what comes next"]["loss"], uniform) >= 0.5:
        return
    others = {
        "the inputs themselves": Copier(asked.classes),
        "the symbols two positions on": Peeker(asked.classes, 2),
        "the symbols before": Peeker(asked.classes, -1),
        "the next row's inputs (the batch axis was sliced instead of the time axis)": Peeker(asked.classes, 0, 1),
    }
    for what, stub in others.items():
        if asked.right(asked.evaluated(stub)["loss"], uniform) >= 0.5:
            yield f"the evaluation scores {what}, not what comes next."
            return
    read, count = scores["what comes next"]["read"], scores["equal probabilities"].get("symbols", 0.0)
    if count >= DENSE * read and scores["what comes next"]["length"] >= TELLING:
        yield "the evaluation scores symbols that are not what comes next, though it scores every position."


def _bytes_per_symbol(asked: Scoring) -> list[float]:
    """The mean over the symbols that the evaluation scores, and over the whole split, which a task may divide by, too;
    [] where unknown."""
    lengths = getattr(getattr(asked.task, "symbols", None), "byte_lengths", None)
    stream = asked.task.examples("val")
    if lengths is None or stream is None or not asked.predicts_symbols:
        return []
    table = np.asarray(lengths(), dtype=np.float64)
    prices = torch.zeros(asked.classes)
    prices[: len(table)] = torch.from_numpy(table * (DEAREST / table.max()))
    stub = Priced(prices)
    scored = (asked.evaluated(stub)["loss"] - stub.level) * table.max() / DEAREST
    return [scored, float(table[stream].mean())]
