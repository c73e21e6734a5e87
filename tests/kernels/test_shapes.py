"""A kernel given shapes that do not fit says so, and reads no memory that is not its own."""

from __future__ import annotations

import importlib

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from seqlab.kernels.shapes import fitting


@fitting
def kernel(
    x: Float[Tensor, "b l d"],
    taps: Float[Tensor, "d-1 4"],
    memory: tuple[Float[Tensor, "b d"], Float[Tensor, " b"]] | None = None,
    starts: Bool[Tensor, "#b l"] | None = None,
    *,
    share: float = 0.0,
) -> Tensor:
    return x


def given(**changes: tuple[int, ...]) -> dict[str, Tensor]:
    return {name: torch.zeros(shape) for name, shape in ({"x": (2, 3, 5), "taps": (4, 4)} | changes).items()}


def test_what_fits_passes() -> None:
    memory = torch.zeros(2, 5), torch.zeros(2)
    for starts in (None, torch.zeros(1, 3, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool)):
        assert kernel(**given(), memory=memory, starts=starts, share=0.5).shape == (2, 3, 5)


@pytest.mark.parametrize("changes", [{"x": (2, 5, 3)}, {"x": (2, 3)}, {"taps": (5, 4)}, {"taps": (4, 3)}])
def test_what_does_not_fit_is_told(changes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"kernel takes x \(b, l, d\), taps \(d-1, 4\), got x \(") as told:
        kernel(**given(**changes))
    assert "\n" not in str(told.value)


def test_members_of_a_tuple_are_told_by_number() -> None:
    with pytest.raises(ValueError, match=r"memory\[1\] \(b\).*memory\[1\] \(3,\)"):
        kernel(**given(), memory=(torch.zeros(2, 5), torch.zeros(3)))
    with pytest.raises(ValueError, match=r"memory has 2 tensors, got 3"):
        kernel(**given(), memory=[torch.zeros(2, 5)] * 3)  # a list holds what a tuple does
    with pytest.raises(ValueError, match="starts"):
        kernel(**given(), starts=torch.zeros(3, 3, dtype=torch.bool))


def test_other_numbers_than_are_wanted_are_told() -> None:
    with pytest.raises(ValueError, match="kernel takes starts as Bool, got int64"):
        kernel(**given(), starts=torch.zeros(2, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="kernel takes x as Float, got int32"):
        kernel(torch.zeros(2, 3, 5, dtype=torch.int32), torch.zeros(4, 4))


def test_tensors_of_two_devices_are_told() -> None:
    with pytest.raises(ValueError, match="one device, got cpu, meta"):
        kernel(torch.zeros(2, 3, 5), torch.zeros(4, 4, device="meta"))


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("long_convolution", [(2, 16, 9), (16, 9), (16,)]),
        ("gated_convolutions", [(2, 9, 3, 16), (3, 9, 3), (3, 9), (1, 9, 4), (1, 9)]),
        ("scan", [(2, 9, 1, 4), (1, 5)]),
        ("scan", [(2, 9, 1, 4), (2, 9, 1, 4), (1, 1, 4)]),
        ("scan", [(2, 9, 4), (1, 4)]),
        ("timed_scan", [(2, 9, 4), (2, 9, 4), (4,), (5,)]),
        ("slstm", [(2, 9, 4, 4, 8), (2, 4, 8, 8)]),
    ],
)
def test_kernels_below_python_refuse_what_does_not_fit(name: str, shapes: list[tuple[int, ...]]) -> None:
    """Imported here, and not above: there the kernels have their signatures checked by jaxtyping (conftest.py)."""
    kernel = getattr(importlib.import_module(f"seqlab.kernels.{name}"), name)
    with pytest.raises(ValueError, match=f"^{name} takes .* got "):
        kernel(*map(torch.zeros, shapes))
