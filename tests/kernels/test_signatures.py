"""The kernels under test have their signatures checked; without that, a wrong shape could pass unseen."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from seqlab.kernels.rotary import rotary


def test_a_wrong_shape_is_seen() -> None:
    with pytest.raises(TypeCheckError):
        rotary(torch.randn(2, 3, 1, 4), torch.arange(3))
