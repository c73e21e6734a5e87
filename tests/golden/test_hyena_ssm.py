"""State space models against the arrays of HazyResearch/safari and of an independent quadratic evaluation.

Every case of every file is compared; sizes are read from the case's own arrays, the setting from its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from test_hyena import FOLDER, assert_close
from torch import Tensor

from seqlab.filters.s4d import S4DFilter, S4DKernel
from seqlab.filters.shift import ShiftFilter, ShiftKernel


def cases(begin: str) -> list[object]:
    """The cases whose names begin so, in every file of state space models."""
    found = []
    for path in sorted(FOLDER.glob("hyena_ssm*.npz")):
        with np.load(path) as arrays:
            names = dict.fromkeys(key.partition("/")[0] for key in arrays.files)
        found += [pytest.param(path, name, id=f"{path.stem}-{name}") for name in names if name.startswith(begin)]
    return found or [pytest.param(None, "", marks=pytest.mark.skip(reason=f"no {begin}* in {FOLDER}"))]


def load(path: Path, case: str) -> dict[str, Tensor]:
    with np.load(path) as arrays:
        return {
            key.partition("/")[2]: torch.from_numpy(arrays[key])
            for key in arrays.files
            if key.startswith(f"{case}/") and not key.endswith("/meta")
        }


@torch.no_grad()
def take_s4d(module: S4DFilter, arrays: Mapping[str, Tensor], prefix: str) -> None:
    module.log_dt.copy_(arrays[f"{prefix}log_dt"])
    module.log_A_real.copy_(arrays[f"{prefix}inv_A_real"])
    module.A_imag.copy_(arrays[f"{prefix}A_imag"])
    module.B.copy_(arrays[f"{prefix}B"])
    module.C.copy_(arrays[f"{prefix}C"][0])


@torch.no_grad()
def take_shift(module: ShiftFilter, arrays: Mapping[str, Tensor], prefix: str) -> None:
    module.B.copy_(arrays[f"{prefix}B"])
    module.C.copy_(arrays[f"{prefix}C"][0])


@pytest.mark.parametrize(("path", "case"), cases("s4d_"))
def test_s4d_kernel(path: Path, case: str) -> None:
    arrays = load(path, case)
    _, discretisation, spectrum = case.split("_")
    wanted, real = arrays["K"][0], arrays["param/kernel.inv_A_real"]
    spec = S4DKernel(states=2 * real.shape[1], discretisation=discretisation, spectrum=spectrum.removeprefix("diag-"))
    module = spec.build(channels=len(real), length=wanted.shape[1]).double()
    # The stored start was computed in float32; for legs it holds the conjugate of each pair, which is the same model.
    assert_close(module.log_A_real, real, 1e-6, "the real parts at the start")
    started = arrays["param/kernel.A_imag"].abs()
    assert_close(module.A_imag / started.max(), started / started.max(), 1e-6, "the frequencies at the start")
    take_s4d(module, arrays, "param/kernel.")
    assert_close(module(wanted.shape[1]), wanted, 1e-12, "K")


@pytest.mark.parametrize(("path", "case"), cases("shift"))
def test_shift_kernel(path: Path, case: str) -> None:
    arrays = load(path, case)
    wanted, (channels, states) = arrays["K"][0], arrays["param/B"].shape
    module = ShiftKernel(states=states).build(channels=channels, length=wanted.shape[1]).double()
    assert torch.equal(module.B, arrays["param/B"]), "the start of B"
    take_shift(module, arrays, "param/")
    assert_close(module(wanted.shape[1]).to(wanted.dtype), wanted, 1e-7, "K")
