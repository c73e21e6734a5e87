"""A method that resets everything: ReDo with a score divided by the layer's sum, not its mean (plasticity notebook).

The threshold is then H times larger than in the paper: at .08 every event reset 192 of 192 units, at .01 150 to 158.
"ReDo" was a model that starts again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from exhibits import small
from torch import Tensor

from seqlab.experiment import Experiment
from seqlab.methods import Change, Draws, Method, Moments, Units

CAUGHT_BY = "method_effect"
SAYS = r"resets everything: nothing remains"


class SumReDo(Method):
    every_steps: int | None = 5
    threshold: float = 0.3

    def score(self, activity: Tensor) -> Tensor:
        return activity / activity.sum()

    def change(
        self,
        weights: Mapping[str, Tensor],
        moments: Moments,
        statistics: Mapping[str, Tensor],
        draws: Draws,
        units: Mapping[str, Units],
    ) -> Change:
        fresh = draws.fresh()
        new = {
            path: torch.where((self.score(w.norm(dim=1)) <= self.threshold)[:, None], fresh[path], w)
            for path, w in weights.items()
            if w.ndim == 2 and path.startswith("blocks")
        }
        changed = sum(int((new[path] != weights[path]).sum()) for path in new)
        return Change(weights=new, report={"changed": torch.tensor(changed), "change_norm": torch.tensor(0.0)})


class MeanReDo(SumReDo):
    def score(self, activity: Tensor) -> Tensor:
        return activity / activity.mean()


def healthy() -> Experiment:
    return replace(small(), methods=(MeanReDo(),))


def faulty() -> Experiment:
    return replace(small(), methods=(SumReDo(),))
