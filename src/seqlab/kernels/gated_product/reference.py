"""A product with a gate, by its definition."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

__all__ = ["Gate", "gated_product_reference"]

Gate = Literal["sigmoid", "silu"]


def gated_product_reference(
    gate: Float[Tensor, "*b d"], x: Float[Tensor, "*b d"], function: Gate = "sigmoid"
) -> Float[Tensor, "*b d"]:
    """f(gate) . x, in the wider of both dtypes; the result has the gate's."""
    wide = gate.to(torch.promote_types(gate.dtype, x.dtype))
    opened = wide.sigmoid() if function == "sigmoid" else F.silu(wide)
    return (opened * x).to(gate.dtype)
