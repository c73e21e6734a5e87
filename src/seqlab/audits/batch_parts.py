"""Is a batch the same in one piece and in several? The Potts notebook weighted its parts by the wrong count."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed
from seqlab.audits.shared.stubs import Uniform
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import captured_gradient, rows_for, total_norm, trainee
from seqlab.experiment import Batching
from seqlab.spec import Field
from seqlab.tasks import Batch
from seqlab.train.training import Training

__all__ = ["BatchParts"]

ROWS = 5
"""Rows of the batch that is cut: into 3 parts it cannot be cut evenly."""
PARTS = 3
"""Parts that it is cut into."""
NEAR_ONE = 0.2
"""A ratio of sums this near to 1 is that of no mean and of no weight: what is summed differs from cut to cut."""
INFLUENCE = "the rows of a batch influence one another, in the model or in `task.loss`"


class BatchParts(Audit):
    """The loss is a sum over scored symbols, so a batch has one gradient, in however many parts it is computed.

    Cut into parts of different sizes, in float64 and without dropout.
    """

    difference: float = Field(default=1e-4, gt=0)
    """Largest relative difference of the gradient (and of each sum) between one part and several."""
    in_steps: float = Field(default=0.02, gt=0)
    """The same of a step of the training loop, which computes in the run's own dtype."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "batch", "seed")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        t = trainee(subject, rows=max(2, rows_for(subject, ROWS)) if subject.experiment.batch.size > 1 else 1)
        batch = t.next_batch()
        rows = len(next(iter(batch.tensors.values())))
        if rows < 2:
            return not_applicable("a batch has one row")
        model = copy.deepcopy(subject.awake)
        whole, whole_gradient = _sums(subject, t, model, batch)
        cut = sorted({1, min(3, rows), rows})
        each = [_sums(subject, t, model, part) for part in _cut(batch, cut)]
        parts = {name: sum(sums[name] for sums, _ in each) for name in whole}
        gradient = {name: torch.stack([g[name] for _, g in each]).sum(0) for name in whole_gradient}
        for name, value in whole.items():
            if abs(parts[name] - value) > self.difference * max(abs(value), 1e-9):
                return failed(_sentence(name, value, parts[name], cut), **self._told(name, parts[name], value))
        found = _distance(whole_gradient, gradient)
        if found > self.difference:
            return failed(
                f"the gradient of a batch differs by {found:.2g} of its size when it is computed in {len(cut)} parts: "
                f"{INFLUENCE}.",
                difference=found,
                limit=self.difference,
            )
        norms = sum(total_norm(list(part.values())) for _, part in each)
        cancelled = norms / max(total_norm(list(whole_gradient.values())), 1e-30)
        return _scored(subject, t, batch) or self._steps(subject, rows, found, max(1.0, cancelled))

    def _told(self, name: str, parts: float, whole: float) -> dict[str, Any]:
        return {"difference": parts / whole - 1 if whole else parts, "limit": self.difference, "metric": name}

    def _steps(self, subject: Subject, rows: int, in_wide: float, cancelled: float) -> Finding:
        """Whether the loop's own steps agree. cancelled: the norms of the parts' gradients, added up, in units of that
        of their sum: the more they cancel, the more of the sum is rounding."""
        limit = self.in_steps * cancelled
        count = min(PARTS, rows)
        one, several = (_step_gradient(subject, rows, parts) for parts in (1, count))
        distance = _distance(one, several)
        if distance > limit:
            return failed(
                f"a step with `batch.accumulate`={count} has another gradient (by {distance:.2g} of its size) than "
                f"with 1 on the same {rows} rows: its parts are weighted wrongly; each counts by what it scores.",
                difference=distance,
                limit=limit,
            )
        return passed(
            f"a batch has the same gradient in 1 and in {count} parts", difference=in_wide, limit=self.difference
        )


def _sentence(name: str, whole: float, parts: float, cut: Sequence[int]) -> str:
    ratio = parts / whole if whole else math.inf
    if abs(ratio - 1) < NEAR_ONE:
        return (
            f"in {len(cut)} parts the {name} of a batch differs by {abs(ratio - 1):.1e} of its size from that of the "
            f"whole: {INFLUENCE}."
        )
    is_mean = name != "loss" or abs(ratio - len(cut)) < 0.5 * len(cut)
    cause = "it is a mean over what it is given" if is_mean else "parts are not weighted by the symbols that they score"
    return (
        f"`task.loss` is no sum over scored symbols: in {len(cut)} parts the {name} of a batch is {ratio:.3g} times "
        f"that of the whole; {cause}."
    )


def _cut(batch: Batch, edges: Sequence[int]) -> list[Batch]:
    starts = [0, *edges[:-1]]
    return [
        Batch({name: x[a:b] for name, x in batch.tensors.items()}, batch.scored, batch.tokens, batch.epoch)
        for a, b in zip(starts, edges, strict=True)
    ]


Gradient = dict[str, Tensor]


def _sums(subject: Subject, t: Training, model: nn.Module, part: Batch) -> tuple[dict[str, float], Gradient]:
    """Loss and metrics summed over a part, and the gradient."""
    dtype = next(model.parameters()).dtype
    model.zero_grad(set_to_none=True)
    cast = {name: x.to(dtype) if x.is_floating_point() else x for name, x in part.tensors.items()}
    with subject.drawing("batch_parts"):
        loss, others = t.task.loss(model, Batch(cast, part.scored, part.tokens, part.epoch))
    loss.backward()
    sums = {name: float(value.detach()) for name, value in {"loss": loss, **others}.items()}
    return sums, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def _distance(a: Gradient, b: Gradient) -> float:
    """The norm of the difference, as a share of the norm of the first."""
    return total_norm([a[name] - b[name] for name in a.keys() & b.keys()]) / max(total_norm(list(a.values())), 1e-30)


def _scored(subject: Subject, t: Training, batch: Batch) -> Finding | None:
    """A failure where a next-symbol task says that it scored more, or fewer, symbols than it did."""
    vocabulary = subject.task.signature.vocabulary
    targets = batch.tensors.get("targets")
    if not subject.task.forward_only or vocabulary < 2 or targets is None:
        return None
    try:
        with torch.no_grad():
            loss = float(t.task.loss(Uniform(vocabulary).to(t.device), batch)[0])
    except Exception:  # a task that asks more of its model than logits
        return None
    counted = loss / math.log(vocabulary)
    if abs(counted - round(counted)) < 1e-3 * counted and abs(counted / batch.scored - 1) > 0.02 and counted >= 1:
        return failed(
            f"the batch says that it scores {batch.scored} symbols and its loss is the sum over {counted:.0f}: the "
            "training loss is divided by the wrong number.",
            scored=batch.scored,
            summed=round(counted),
        )
    return None


def _step_gradient(subject: Subject, rows: int, parts: int) -> Gradient:
    cut = Batching(size=rows, accumulate=parts)
    t = trainee(subject, awake=True, methods=(), regularisers=(), clip=None, batch=cut)
    t.weights.worker.eval()
    with subject.drawing("batch_parts"):
        return captured_gradient(t, subject.step)
