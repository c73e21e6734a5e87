"""Is what is evaluated the model itself, with its dropout off and its weights at rest, and the same each time?"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, passed, warned
from seqlab.audits.shared.first_moved import first_moved
from seqlab.audits.shared.scoring import scoring
from seqlab.audits.shared.subject import Subject, moved, wake
from seqlab.spec import Field

__all__ = ["EvaluationMode"]

AFFORDABLE_FLOPS = 8e9
"""Operations of one evaluation in this audit; a longer one is broken off and not repeated."""


class EvaluationMode(Audit):
    """Evaluation runs the model in evaluation mode, changes nothing of it, and repeats itself.

    The model is called twice with other random draws; then the task evaluates it twice, and its calls are watched.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("model", "task")
    is_of_structure: ClassVar[bool] = True

    limit: float = Field(default=1e-5, gt=0)
    """Relative difference that rounding may make between two evaluations."""

    def examine(self, subject: Subject) -> Finding:
        model = _in_evaluation(subject)
        inputs = subject.inputs(2)
        apart = moved(*(subject.output(model, inputs, draw) for draw in (0, 1)))
        if apart > self.limit:
            where = first_moved(subject, model, inputs, inputs, draws=(0, 1))
            return failed(
                f"two calls of the model in evaluation mode differ by {apart:.1e} of their size; it begins in {where}: "
                "dropout or noise is left on (F.dropout needs `training=self.training`).",
                moved=apart,
                limit=self.limit,
            )
        return self._evaluated(subject, model, {"moved": apart, "limit": self.limit})

    def _evaluated(self, subject: Subject, model: nn.Module, measured: dict[str, Any]) -> Finding:
        """The finding about two evaluations by the task."""
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        first = _evaluation(subject, model, draw=0)
        measured |= {"calls": first.calls, "in_training_mode": first.training, "with_gradients": first.gradients}
        if first.training:
            return failed(
                "the task's evaluation puts the model in training mode: dropout is on and batch statistics move; leave "
                "out `model.train()`.",
                **measured,
            )
        second = _evaluation(subject, model, draw=1) if first.metrics is not None else first
        changed = [name for name, tensor in model.state_dict().items() if not torch.equal(before[name], tensor)]
        if changed:
            return failed(f"evaluation changes `{changed[0]}` of the model: it learns from held-out data.", **measured)
        for name, value in (first.metrics or {}).items():
            other = (second.metrics or {}).get(name, math.nan)
            if not math.isclose(value, other, rel_tol=self.limit, abs_tol=1e-9):
                return failed(
                    f"two evaluations of the same weights differ ({name} {value:.6g} and {other:.6g}): dropout is on, "
                    "or each scores another part of the data.",
                    **measured,
                )
        if first.gradients:
            return warned("the task's evaluation keeps gradients; put it under `torch.no_grad()`.", **measured)
        return passed("evaluation repeats itself and changes nothing", **measured)


@dataclass
class _Watched:
    """An evaluation: its metrics (None where it was broken off), and how it called the model."""

    metrics: dict[str, float] | None = None
    calls: int = 0
    training: int = 0
    gradients: int = 0
    flops: float = 0.0
    cost: float = field(default=0.0, repr=False)
    """Operations for each number that is read."""


class _TooLong(Exception):
    """The evaluation costs more than a look can afford."""


def _evaluation(subject: Subject, model: nn.Module, draw: int) -> _Watched:
    seen = _Watched(cost=2.0 * sum(p.numel() for p in model.parameters()))
    task = scoring(subject).small_task(int(AFFORDABLE_FLOPS / 4 / seen.cost))
    with _watching(model.eval(), seen), subject.drawing("evaluation", draw):
        try:
            seen.metrics = task.evaluate(model, "val", subset=True)
        except _TooLong:
            seen.metrics = None
    return seen


@contextmanager
def _watching(model: nn.Module, seen: _Watched) -> Iterator[None]:
    """Within, every call of the model is counted, and the one that is too much is broken off."""

    asleep = [part for part in model.modules() if not part.training]

    def count(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        seen.calls += 1
        seen.training += any(part.training for part in asleep)
        seen.gradients += torch.is_grad_enabled()
        read = next((value.shape[:2].numel() for value in arguments if isinstance(value, Tensor)), 0)
        seen.flops += seen.cost * read
        if seen.flops > AFFORDABLE_FLOPS:
            raise _TooLong

    hook = model.register_forward_pre_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _in_evaluation(subject: Subject) -> nn.Module:
    """A copy in evaluation mode and in its own dtype, every branch switched on."""
    model = copy.deepcopy(subject.training.model)
    if subject.stage == "before":
        with subject.drawing("awake"):
            wake(model)
    return model.eval()
