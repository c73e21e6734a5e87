"""Building a module that has shapes and no numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

__all__ = ["shapes_only"]

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def shapes_only(build: Callable[[], AnyModule]) -> AnyModule:
    """What `build` makes, on PyTorch's meta device."""
    with torch.device("meta"), _WithoutDraws():
        return build()


class _WithoutDraws(TorchFunctionMode):
    """Leaves out the drawing of weights: on the meta device there is nothing to draw, and torch would import its
    compiler for it (a second)."""

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        if getattr(function, "__name__", "") in ("normal_", "uniform_", "trunc_normal_", "kaiming_uniform_"):
            return arguments[0] if arguments else (options or {})["tensor"]
        return function(*arguments, **(options or {}))
