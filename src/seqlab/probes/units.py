"""Which hidden units still do something."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import Tensor, nn

from seqlab.probes import Measures, Probe, Profile
from seqlab.probes.shared.features import features
from seqlab.probes.shared.spread import quantiles
from seqlab.spec import Field

__all__ = ["Units", "activity_told"]

THRESHOLDS = (0.0, 0.025, 0.1)


class Units(Probe):
    """Of every layer of hidden units (seqlab.nn.units): `dead`, the share that is above 0 at no position of any row;
    `dormant`, the shares whose score is at most 0, 0.025 and 0.1; and quantiles of the scores. A unit's score is its
    mean absolute activation over that of the layer (arXiv 2302.12902). It reads the model alone, whatever resets it."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        return {self.metric(name): activity_told(values) for name, values in features(model, inputs)}


def activity_told(features: Tensor) -> Profile:
    """Of activations (N, H)."""
    activity = features.abs().mean(0)
    scores = activity / activity.mean().clamp(min=1e-300)
    dormant = [float((scores <= threshold).double().mean()) for threshold in THRESHOLDS]
    return {"dead": float((features <= 0).all(0).double().mean()), "dormant": dormant, **quantiles(scores)}
