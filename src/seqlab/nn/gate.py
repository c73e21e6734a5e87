"""What a module multiplies features by, for who looks inside."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["Gate"]


class Gate(NamedTuple):
    """A gate as it was opened, of any shape."""

    values: Tensor
    is_sigmoid: bool = False
    """Whether it lies between 0, closed, and 1, open; otherwise it may be any number."""
