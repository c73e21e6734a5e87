"""Activations by name."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from seqlab.nn.activations import Activation, activation, sigmoidshrink
from seqlab.spec import SpecError

NAMES = get_args(Activation)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_function_with_a_right_gradient(name: Activation) -> None:
    x = torch.linspace(-4, 4, 20, dtype=torch.float64, requires_grad=True)  # 0, where some have a corner, is not in it
    assert torch.autograd.gradcheck(activation(name), (x,))


@pytest.mark.parametrize("name", NAMES)
def test_narrow_dtypes_stay_and_are_rounded_once(name: Activation) -> None:
    x = torch.linspace(-6, 6, 101).bfloat16()
    y, exact = activation(name)(x), activation(name)(x.double())
    assert y.dtype == torch.bfloat16
    assert ((y.double() - exact).abs() <= 8e-3 * exact.abs() + 1e-6).all()


def test_sigmoidshrink_is_its_formula() -> None:
    x = torch.linspace(-6, 6, 101, dtype=torch.float64)
    assert torch.allclose(sigmoidshrink(x, 4.0), x - 4 * (x.sigmoid() - 0.5), rtol=0, atol=1e-14)


def test_another_name_is_told() -> None:
    with pytest.raises(SpecError, match="did you mean `gelu`"):
        activation("gleu")  # type: ignore[arg-type]
