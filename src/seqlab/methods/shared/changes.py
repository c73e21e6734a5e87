"""What an act changed, as every method reports it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["changed", "unchanged"]


def changed(old: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`changed` and `change_norm` of new weights beside the old ones of the same paths."""
    differences = [value - old[path] for path, value in new.items()]
    return {
        "changed": torch.stack([difference.count_nonzero() for difference in differences]).sum(),
        "change_norm": torch.stack([difference.norm() for difference in differences]).norm(),
    }


def unchanged(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same of an act that changed no weight."""
    some = next(iter(weights.values()))
    return {
        "changed": torch.zeros((), dtype=torch.int64, device=some.device),
        "change_norm": torch.zeros((), dtype=some.dtype, device=some.device),
    }
