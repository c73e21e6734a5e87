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
from seqlab.mixers.h3 import H3, H3Layer
from seqlab.mixers.h3conv import H3Conv
from seqlab.mixers.s4d import S4D


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
    discretisation, spectrum = case.split("_")[1:3]
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


def h3(arrays: Mapping[str, Tensor]) -> H3Layer:
    """The stored layer in ours: q, k and v are one linear, and features lie head by head, before the last linear too,
    where safari's slow path, which was stored, has them head by head inside out (its fast path has not)."""
    dim, states = arrays["param/ssm_k_kernel.kernel.B"].shape
    heads, pairs = arrays["param/kernel.kernel.inv_A_real"].shape
    spec = H3(
        head_dim=dim // heads,
        shift=ShiftKernel(states=states),
        kernel=S4DKernel(states=2 * pairs, discretisation="bilinear", spectrum="lin"),
    )
    layer = spec.build(dim=dim, length=arrays["u"].shape[1]).double()
    take_shift(layer.shift, arrays, "param/ssm_k_kernel.kernel.")
    take_s4d(layer.kernel, arrays, "param/kernel.kernel.")
    with torch.no_grad():
        layer.key_skip.copy_(arrays["param/ssm_k_D"])
        layer.skip.copy_(arrays["param/D"])
        take_linear(layer.project, arrays, "q_proj", "k_proj", "v_proj")
        take_linear(layer.out, arrays, "output_linear")
        layer.out.weight.copy_(layer.out.weight.unflatten(1, (-1, heads)).transpose(1, 2).flatten(1))
    return layer


@torch.no_grad()
def take_linear(linear: torch.nn.Linear, arrays: Mapping[str, Tensor], *names: str) -> None:
    linear.weight.copy_(torch.cat([arrays[f"param/{name}.weight"] for name in names]))
    linear.bias.copy_(torch.cat([arrays[f"param/{name}.bias"] for name in names]))


@pytest.mark.parametrize(("path", "case"), cases("h3_"))
def test_h3(path: Path, case: str) -> None:
    """safari's own output and gradient come from kernels that it rounds to float32."""
    arrays = load(path, case)
    layer, u = h3(arrays), arrays["u"].requires_grad_()
    length = u.shape[1]
    wanted = arrays["Kshift"][:, : layer.shift.taps(length).shape[1]]
    assert_close(layer.shift.taps(length), wanted, 1e-12, "the shift kernel")
    assert_close(layer.kernel.taps(length), arrays["Kdiag"], 1e-12, "the diagonal kernel")
    y = layer(u)
    y.backward(arrays["gy"])
    assert_close(y, arrays["y_direct"], 1e-12, "y against the quadratic evaluation")
    assert_close(y, arrays["y"], 1e-6, "y")
    assert u.grad is not None
    assert_close(u.grad, arrays["gu"], 1e-6, "gu")


@pytest.mark.parametrize(("path", "case"), cases("h3_"))
def test_h3_steps_at_any_head_dim(path: Path, case: str) -> None:
    """safari's step raises where head_dim is not 1, and its slow path lays heads out otherwise than its fast one."""
    arrays = load(path, case)
    layer = h3(arrays)
    state = layer.init_state(len(arrays["u"]))
    for t, u_t in enumerate(arrays["u"].unbind(1)):
        y_t, state = layer.step(u_t, state)
        assert_close(y_t, arrays["y_direct"][:, t], 1e-12, f"step {t}")


@pytest.mark.parametrize(("path", "case"), cases("s4dlayer"))
def test_s4d_layer(path: Path, case: str) -> None:
    """The stored layer has one A for all features, B = 1, and kernels rounded to float32."""
    arrays = load(path, case)
    length, dim = arrays["u"].shape[1:]
    real, imaginary = arrays["param/kernel.kernel.log_w_real"], arrays["param/kernel.kernel.w_imag"]
    layer = S4D(kernel=S4DKernel(states=2 * real.shape[1])).build(dim=dim, length=length).double()
    unit = torch.tensor([1.0, 0.0]).expand(dim, real.shape[1], 2)
    shared = {"A_imag": imaginary.expand(dim, -1), "inv_A_real": real.expand(dim, -1), "B": unit}
    stored = {f"param/kernel.kernel.{name}": tensor for name, tensor in shared.items()} | dict(arrays)
    take_s4d(layer.kernel, stored, "param/kernel.kernel.")
    take_linear(layer.out, arrays, "output_linear")
    with torch.no_grad():
        layer.skip.copy_(arrays["param/D"][0])
    assert_close(layer.kernel.taps(length), arrays["K"][0].double(), 1e-6, "K")
    assert_close(layer(arrays["u"]), arrays["y"], 1e-6, "y")


@pytest.mark.parametrize(("path", "case"), cases("h3conv"))
def test_h3conv(path: Path, case: str) -> None:
    """Stored at the full length, where safari's does not wrap round, with the default threshold, which is safari's."""
    arrays = load(path, case)
    length, dim = arrays["u"].shape[1:]
    layer = H3Conv().build(dim=dim, length=length).double()
    take_linear(layer.project, arrays, "q_proj", "k_proj", "v_proj")
    take_linear(layer.out, arrays, "output_linear")
    with torch.no_grad():
        layer.key_filter.weight.copy_(arrays["param/k_kernel.kernel"][0])
        layer.filter.weight.copy_(arrays["param/kernel.kernel"][0])
        layer.key_skip.copy_(arrays["param/k_D"])
        layer.skip.copy_(arrays["param/D"])
    y = layer(arrays["u"])
    assert_close(y, arrays["y"], 1e-12, "y")
    for short in range(1, length):
        assert_close(layer(arrays["u"][:, :short]), y[:, :short], 1e-12, f"the first {short} positions alone")
