"""Can it learn at all? Whatever has enough weights learns one small batch by heart."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import length_for, rates, trained_weights, trainee
from seqlab.optim.schedules.constant import Constant
from seqlab.spec import Field
from seqlab.train.training import Training

__all__ = ["Memorises"]

AFFORDABLE = 3e10
"""Operations that all steps together may take, about a second."""


class Memorises(Audit):
    """The loss on one small batch falls, with the experiment's own optimiser at its greatest rate.

    What to expect is told by the first step: minus the gradient times the step, times the number of steps. Where that
    is a small part of the loss, as at a tiny rate, no fall is asked for. Where the rate is too great to begin with (a
    recipe with a warm-up), a tenth and a hundredth of it are tried.
    """

    fall: float = Field(default=0.01, gt=0, lt=1)
    """Smallest fall that counts, as a share of the first loss."""
    expected: float = Field(default=0.1, gt=0)
    """A fall is asked for where the first step promises at least this share of the loss."""
    convincing: float = Field(default=0.5, gt=0)
    """The promise from which on a missing fall is a failure and not a warning."""
    enough: float = Field(default=0.1, gt=0, lt=1)
    """The fall at which the look ends early."""
    most_steps: int = Field(default=24, ge=2)
    """Steps, for a model that can afford them."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "optim", "freeze", "clip", "batch", "seed")
    is_of_structure: ClassVar[bool] = True  # rates down to a hundredth of the given one are tried

    def examine(self, subject: Subject) -> Finding:
        if not subject.is_fresh:
            return not_applicable("the weights are trained already")
        tried: list[dict[str, Any]] = []
        for factor in (1.0, 0.1, 0.01):
            found = self._learn(subject, factor)
            tried.append(found)
            if found["fall"] >= self.fall:
                break
            if found["is_finite"] and (found["uphill"] or found["promised"] < self.expected):
                break
        return self._judge(tried)

    def _judge(self, tried: list[dict[str, Any]]) -> Finding:
        best = max(tried, key=lambda found: found["fall"])
        measured = {key: best[key] for key in ("fall", "first_loss", "least_loss", "promised", "steps", "rate")}
        measured = {"fall": measured.pop("fall"), "limit": self.fall, **measured}
        told = f"the loss on one batch goes from {best['first_loss']:.4g} to {best['least_loss']:.4g}"
        steps = f"in {best['steps']} steps at the rate {best['rate']:.3g}"
        if best["fall"] >= self.fall:
            return passed(f"{told} {steps}", **measured)
        if not best["is_finite"] and not tried[-1]["is_finite"]:
            return failed(f"the loss on one batch is not a number {steps}, and at a hundredth of it.", **measured)
        if tried[0]["uphill"]:
            return failed(
                f"the first step goes uphill: it changes the loss on its own batch by {-tried[0]['promised']:+.2g} of "
                "it to first order; the sign of the gradient, or of the update, is wrong.",
                **measured,
            )
        if best["promised"] < self.expected:
            return passed(f"at this rate {best['promised']:.1g} of the loss is all that can fall; {told}", **measured)
        tell = failed if best["promised"] >= self.convincing else warned
        return tell(
            f"the model does not learn one batch by heart: {told} {steps}, though the first step promised "
            f"{min(best['promised'], 1):.0%}; the update, the loss or the data changes from call to call.",
            **measured,
        )

    def _learn(self, subject: Subject, factor: float) -> dict[str, Any]:
        t = _on_one_batch(subject, factor)
        steps = self._steps(subject, t)
        losses: list[float] = []
        promised = 0.0
        for index in range(steps):
            before = trained_weights(t) if index == 0 else {}
            gradient = _hooked(t) if index == 0 else {}
            losses.append(_step(subject, t))
            if index == 0:
                after = trained_weights(t)
                promised = -sum(float((gradient[n] * (after[n] - before[n])).sum()) for n in gradient)
            if not math.isfinite(losses[-1]) or losses[-1] < (1 - self.enough) * losses[0]:
                break
        finite = [loss for loss in losses if math.isfinite(loss)]
        first, least = losses[0], min(finite, default=math.nan)
        scale = max(abs(first), 1e-12)
        return {
            "fall": (first - least) / scale if finite else -math.inf,
            "first_loss": first,
            "least_loss": least,
            "promised": promised * len(losses) / scale,
            "uphill": promised < 0 and -promised > 1e-9 * scale,
            "is_finite": len(finite) == len(losses),
            "steps": len(losses),
            "rate": max(rate for _, rate in rates(t).values()),
        }

    def _steps(self, subject: Subject, t: Training) -> int:
        each = 3 * subject.flops(length_for(subject)) * t.experiment.batch.size
        return max(6, min(self.most_steps, int(AFFORDABLE / max(each, 1.0))))


def _on_one_batch(subject: Subject, factor: float) -> Training:
    t = trainee(subject, methods=(), regularisers=(), schedule=Constant())
    for group in t.optimiser.param_groups:
        group["initial_lr"] *= factor
    return t


def _step(subject: Subject, t: Training) -> float:
    """The loss of the batch of step 0, before the update on it."""
    t.step = 0
    with subject.drawing("memorises"):
        return float(subject.step(t)["train/loss"])


def _hooked(t: Training) -> dict[str, torch.Tensor]:
    """The gradient of each parameter, filled in when the optimiser is called."""
    found: dict[str, torch.Tensor] = {}
    step = t.optimiser.step

    def keep(*arguments: Any, **settings: Any) -> Any:
        found.update({n: p.grad.clone() for n, p in t.model.named_parameters() if p.grad is not None})
        t.optimiser.step = step  # type: ignore[method-assign]
        return step(*arguments, **settings)

    t.optimiser.step = keep  # type: ignore[method-assign]
    return found
