"""Shapes that do not fit are told in a sentence; compiled code would read beyond a tensor."""

from __future__ import annotations

import pytest
import torch

from seqlab.kernels.fitting import fit
from seqlab.kernels.gated_convolutions.native import gated_convolutions_native
from seqlab.kernels.long_convolution.native import long_convolution_native
from seqlab.kernels.slstm.compiled import slstm_compiled


def test_what_fits_passes() -> None:
    fit("kernel", u=(torch.zeros(2, 3, 4), "b l d"), taps=(torch.zeros(4, 9), "d k"), none=(None, "k k k"))


@pytest.mark.parametrize("shape", [(3, 9), (4,), (4, 9, 1)])
def test_what_does_not_fit_is_told(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"kernel takes `taps` as \(d, k\) with d = 4") as told:
        fit("kernel", u=(torch.zeros(2, 3, 4), "b l d"), taps=(torch.zeros(shape), "d k"))
    assert str(shape) in str(told.value)


def test_two_devices_do_not_fit() -> None:
    with pytest.raises(ValueError, match="meta"):
        fit("kernel", u=(torch.zeros(4), "d"), skip=(torch.zeros(4, device="meta"), "d"))


def test_numbers_stand_for_themselves() -> None:
    with pytest.raises(ValueError, match="`x`"):
        fit("kernel", x=(torch.zeros(3, 2), "4 d"))


FILLED = torch.zeros
CALLS = {
    "long": lambda: long_convolution_native(FILLED(2, 3, 4), FILLED(3, 9), FILLED(4)),
    "gated": lambda: gated_convolutions_native(
        FILLED(2, 5, 3, 4), FILLED(3, 4, 3), FILLED(3, 4), FILLED(2, 4, 9), FILLED(1, 4)
    ),
    "slstm": lambda: slstm_compiled(FILLED(2, 5, 2, 4, 3), FILLED(2, 4, 3, 4)),
}


@pytest.mark.parametrize("name", CALLS)
def test_kernels_in_cpp_ask_first(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.kernels.native.Native.run", lambda *_: pytest.fail("it was called"))
    with pytest.raises((ValueError, TypeError), match=r"takes|check"):
        CALLS[name]()
