"""What modules hold besides the numbers in their tensors: a recorded step would go on with what it began with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

__all__ = ["changed", "held"]

GONE = object()
"""In the place of what a module does not hold."""


def held(model: nn.Module) -> dict[str, Any]:
    """Numbers, words and tensors of every module by their paths, also in lists and dictionaries."""
    return {
        f"{path}.{name}".lstrip("."): _copied(value)
        for path, module in model.named_modules()
        for name, value in vars(module).items()
    }


def changed(before: Mapping[str, Any], model: nn.Module) -> str | None:
    """The first path at which a model holds something else than it did; None without one."""
    now = held(model)
    names = dict.fromkeys([*before, *now])
    return next((name for name in names if not _same(before.get(name, GONE), now.get(name, GONE))), None)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    return value if isinstance(value, int | float | str | Tensor) else None


def _same(one: Any, other: Any) -> bool:
    """Tensors are the same where they are one; what is written to them a recorded step sees."""
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other or (one != one and other != other))  # NaN is as it was
