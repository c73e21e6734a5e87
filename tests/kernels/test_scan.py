"""The recurrence against its loop: values and every gradient, real and complex, at ragged lengths."""

from __future__ import annotations

import pytest
import torch
from compare_kernels import agree
from jaxtyping import TypeCheckError
from torch import Tensor

from seqlab.kernels.scan import scan
from seqlab.kernels.scan.fast import scan_chunks
from seqlab.kernels.scan.reference import scan_reference

WAYS = {"chosen": scan, "chunks": scan_chunks}
# Batch, length, features; parts of the input and of the state.
SHAPES = [(1, 1, 1, 1, 1), (2, 2, 3, 1, 2), (2, 3, 5, 2, 2), (3, 17, 4, 1, 1), (1, 64, 33, 1, 2), (2, 131, 7, 2, 2)]


def decays(*shape: int, parts: int) -> Tensor:
    """Numbers inside the unit circle, near it and at its centre."""
    modulus = torch.rand(*shape).clamp(max=0.999)
    modulus = torch.where(torch.rand(*shape) < 0.1, 0.0, modulus)
    angle = 6 * torch.rand(*shape)
    both = [modulus * angle.cos(), modulus * angle.sin()] if parts == 2 else [modulus]
    return torch.stack(both, dim=-2)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("constant", [False, True], ids=["per position", "constant"])
@pytest.mark.parametrize(("b", "length", "d", "p", "q"), SHAPES)
@pytest.mark.parametrize("way", WAYS)
def test_values_and_gradients(
    way: str, b: int, length: int, d: int, p: int, q: int, constant: bool, dtype: torch.dtype
) -> None:
    u, initial = torch.randn(b, length, p, d), torch.randn(b, q, d)
    decay = decays(d, parts=q) if constant else decays(b, length, d, parts=q)
    agree(WAYS[way], scan_reference, u, decay, initial, dtype=dtype)
    agree(WAYS[way], scan_reference, u, decay, None, dtype=dtype)


@pytest.mark.parametrize("way", WAYS)
def test_numbers_that_vanish_and_numbers_that_stay(way: str) -> None:
    """No state is divided by a product of decays: 1e-30 to the 200th is zero, and 1 for ever is a plain sum."""
    u = torch.randn(1, 200, 1, 3)
    decay = torch.tensor([1e-30, 1.0, 0.0]).expand(1, 200, 1, 3)
    states = WAYS[way](u, decay)
    exact = torch.stack([u[0, :, 0, 0], u[0, :, 0, 1].double().cumsum(0).float(), u[0, :, 0, 2]], dim=-1)
    torch.testing.assert_close(states[0, :, 0], exact)


@pytest.mark.parametrize("way", WAYS)
def test_a_piece_goes_on_where_the_last_one_ended(way: str) -> None:
    u, decay = torch.randn(2, 20, 2, 3).double(), decays(2, 20, 3, parts=2).double()
    whole = WAYS[way](u, decay)
    first = WAYS[way](u[:, :7], decay[:, :7])
    rest = WAYS[way](u[:, 7:], decay[:, 7:], first[:, -1])
    torch.testing.assert_close(torch.cat([first, rest], dim=1), whole)


@pytest.mark.parametrize("way", WAYS)
def test_the_result_is_the_state_and_not_the_product_of_decays(way: str) -> None:
    """A scan over pairs carries both; the public code of June 2024 returned the product, which no input changes."""
    u = torch.randn(1, 9, 1, 4, dtype=torch.float64, requires_grad=True)
    decay = torch.rand(1, 4, dtype=torch.float64)
    states = WAYS[way](u, decay)
    (gradient,) = torch.autograd.grad(states[:, -1].sum(), u)
    torch.testing.assert_close(gradient[0, :, 0], decay ** torch.arange(8, -1, -1)[:, None])


@pytest.mark.parametrize("way", WAYS)
def test_inputs_with_strides(way: str) -> None:
    u = torch.randn(2, 12, 6, 2, dtype=torch.float64).transpose(2, 3)[..., ::2]
    decay = decays(2, 12, 6, parts=2).double()[..., 1::2]
    torch.testing.assert_close(WAYS[way](u, decay), scan_reference(u, decay))


def test_what_does_not_fit_is_told() -> None:
    u, decay = torch.randn(2, 3, 1, 4), torch.rand(2, 3, 2, 4)
    for wrong in ((u.bfloat16(), decay.bfloat16()), (u, decay.double()), (u, decay, torch.zeros(2, 2, 4).double())):
        with pytest.raises(ValueError, match="all float32 or all float64"):
            scan(*wrong)
    for wrong in ((u, decay[:1]), (u, decay[..., :2]), (u.expand(-1, -1, 2, -1), decay[:, :, :1]), (u, decay, decay)):
        with pytest.raises((ValueError, TypeCheckError), match=r"scan"):
            scan(*wrong)
