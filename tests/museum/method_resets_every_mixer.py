"""A reset that is meant for idle units and redraws every mixer, beside an embedding and a head that hide it.

The tables are most of a small model, so that the share of all weights that it redrew looked harmless.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from exhibits import small, small_model
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.methods import Change, Draws, Method, Moments, Units

CAUGHT_BY = "method_effect"
SAYS = r"resets everything: nothing remains of the 50% of the elements between embedding and head"


class ResetIdle(Method):
    every_steps: int | None = 5
    idle_below: float = 1.5

    def is_idle(self, weight: Tensor) -> Tensor:
        """Which rows are small beside the largest entry; a row's norm was meant."""
        return (weight.abs().amax(1) <= self.idle_below * weight.abs().max())[:, None]

    def change(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        statistics: Mapping[str, Tensor],
        draws: Draws,
        units: Mapping[str, Units],
    ) -> Change:
        fresh = draws.fresh()
        new = {p: torch.where(self.is_idle(w), fresh[p], w) for p, w in weights.items() if "mixer" in p and w.ndim == 2}
        changed = sum(int((new[path] != weights[path]).sum()) for path in new)
        return Change(weights=new, report={"changed": torch.tensor(changed), "change_norm": torch.tensor(0.0)})


class ResetReallyIdle(ResetIdle):
    def is_idle(self, weight: Tensor) -> Tensor:
        return (weight.norm(dim=1) <= 0.7 * weight.norm(dim=1).mean())[:, None]


def healthy() -> Experiment:
    return replace(small(replace(small_model(), tied=False)), methods=(ResetReallyIdle(),))


def faulty() -> Experiment:
    return replace(small(replace(small_model(), tied=False)), methods=(ResetIdle(),))
