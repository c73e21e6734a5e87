"""Is the first loss the one that guessing has? The accident of the embedding scale, and of losses divided twice."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import nn

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed, warned
from seqlab.audits.shared.ends import ends
from seqlab.audits.shared.factors import factor
from seqlab.audits.shared.stubs import Uniform
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import rows_for, trainee
from seqlab.spec import Field
from seqlab.train.training import Training

__all__ = ["InitLoss"]

SCORED = 64
"""Examples that a first loss must be a mean of; with fewer, chance moves it too far to judge."""

TOO_LARGE = "its logits are too large at the start (embedding scale, head, or a residual stream that grows)"


class InitLoss(Audit):
    """The loss of the fresh model on a training batch is near ln V, that of guessing among V symbols.

    A model whose predictions are all equal has exactly ln V; it tells a loss that is wrongly divided from a model
    whose logits are too large.
    """

    low: float = Field(default=0.75, gt=0, lt=1)
    """Smallest first loss that is believed, as a share of ln V: nothing was learned yet."""
    high: float = Field(default=1.5, gt=1)
    """Largest first loss without a warning, as a multiple of ln V."""
    highest: float = Field(default=3.0, gt=1)
    """Largest first loss without a failure; a tied head, whose logits grow with the embedding, only warns."""
    of_classes: float = Field(default=2.0, ge=0)
    """Nats above guessing without a warning where whole rows are classified: a fresh model gives them all nearly the
    same logits, and of two classes a draw of unit variance, as LeCun's law has it, may cost so much."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "batch", "seed", "start_from")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        chance = _chance(subject)
        if chance is None:
            return not_applicable("the task does not say what guessing scores")
        if not subject.is_fresh:
            return not_applicable("the weights are those of another run")
        rows = min(SCORED, subject.experiment.batch.size) if subject.task.row_tokens == 1 else rows_for(subject)
        t = trainee(subject, rows=rows)
        loss, likelihood = _mean_loss(subject, t, t.weights.worker)
        allowed = max(self.high, 1 + (self.of_classes / chance if subject.task.signature.classes is not None else 0))
        measured: dict[str, Any] = {"loss": loss, "limit": allowed * chance, "guessing": chance}
        if subject.task.forward_only and (finding := _judge_task(subject, t, chance, measured)):
            return finding
        if likelihood is not None:
            measured["likelihood"] = likelihood
        return self._judge(subject, t, loss, chance, measured)

    def _judge(self, subject: Subject, t: Training, loss: float, chance: float, measured: dict[str, Any]) -> Finding:
        share = loss / chance
        told = f"the fresh model's loss is {loss:.4g}, {share:.3g} times the {chance:.4g} of guessing"
        if not math.isfinite(loss):
            return failed(f"the fresh model's loss is {loss}: its outputs overflow at the start.", **measured)
        if share < self.low and t.next_batch().scored >= SCORED // 2:
            why = _cause(share, t) or "it is scored on what it can see (targets among the inputs)"
            return failed(f"{told}, though it has learned nothing: {why}.", **measured)
        if loss > measured["limit"]:
            why = _penalised(loss, measured) or _cause(share, t) or TOO_LARGE
            tell = failed if share > self.highest and not ends(subject, t.model).is_tied else warned
            return tell(f"{told}: {why}.", **measured)
        return passed(f"the fresh model's loss is {share:.3g} times that of guessing", **measured)


def _judge_task(subject: Subject, t: Training, chance: float, measured: dict[str, Any]) -> Finding | None:
    """Whether equal predictions score ln V; None where they do, or where the task cannot score such a model."""
    try:
        flat, _ = _mean_loss(subject, t, Uniform(subject.task.signature.vocabulary).to(t.device))
    except Exception:  # a task that asks more of its model than logits is judged by the model's own loss
        return None
    share = flat / chance
    if 0.9 <= share <= 1.1:
        return None
    why = _cause(share, t) or "the loss is divided by something else than the number of scored symbols"
    return failed(
        f"the task scores a model whose predictions are all equal {flat:.4g} and not ln V = {chance:.4g}: {why}.",
        **{"equal_predictions": flat, **measured, "limit": 1.1 * chance},
    )


def _chance(subject: Subject) -> float | None:
    """The loss of guessing, in nats."""
    if subject.task.forward_only:
        return math.log(subject.task.signature.vocabulary) if subject.task.signature.vocabulary > 1 else None
    floors = subject.task.floors()
    for name in ("uniform", "chance"):
        for metric in ("loss", "nats_per_symbol"):
            value = floors.get(name, {}).get(metric)
            if value:
                return float(value)
    return None


def _mean_loss(subject: Subject, t: Training, model: nn.Module) -> tuple[float, float | None]:
    """The loss of a batch, and that of its likelihood alone where the task penalises what the model emits."""
    batch = t.next_batch()
    with subject.drawing("init_loss"), torch.no_grad():
        loss, sums = t.task.loss(model, batch)
    return float(loss) / batch.scored, float(sums["nll"]) / batch.scored if "nll" in sums else None


def _penalised(loss: float, measured: dict[str, Any]) -> str | None:
    """That the penalty is what is too large, where it is most of a loss."""
    likelihood = measured.get("likelihood", loss)
    if loss - likelihood <= likelihood:
        return None
    return (
        f"{loss - likelihood:.4g} of it are the task's penalty and {likelihood:.4g} the likelihood; a smaller penalty, "
        "or a start whose couplings are smaller, begins lower"
    )


def _cause(share: float, t: Training) -> str | None:
    """What makes a loss so many times the right one."""
    rows, scored = t.experiment.batch.size, t.next_batch().scored
    return factor(share, vocabulary=t.task.signature.outputs, length=t.task.row_tokens, rows=rows, scored=scored)
