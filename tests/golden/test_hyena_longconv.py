"""The long convolution against the arrays of HazyResearch/safari and of an independent quadratic evaluation.

Every case of every file is compared; sizes and settings are read from the case's own arrays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_hyena import assert_close, cases
from torch import Tensor
from torch.fft import irfft, rfft

from seqlab.filters.explicit import Explicit
from seqlab.kernels.long_convolution import long_convolution
from seqlab.mixers.longconv import LongConv, LongConvLayer


def cases_with(array: str) -> list[Any]:
    """The cases that hold this array."""
    found = cases("hyena_longconv*.npz")
    return [case for case in found if case.values[0] is None or array in arrays_of(*case.values)]


def arrays_of(path: Path, case: str) -> dict[str, Tensor]:
    with np.load(path) as arrays:
        return {
            key.partition("/")[2]: torch.from_numpy(arrays[key])
            for key in arrays.files
            if key.startswith(f"{case}/") and not key.endswith("/meta")
        }


def layer(arrays: dict[str, Tensor]) -> LongConvLayer:
    """Built from the stored parameters; the threshold is what it took from a tap that it left."""
    kernels, skip = arrays["param/kernel.kernel"], arrays["param/D"]
    channels, dim = skip.shape
    squashed = arrays["k_squashed"]
    taken = (kernels.abs() - squashed.abs())[squashed != 0]
    assert (taken - taken[0]).abs().max() <= 1e-15
    spec = LongConv(
        channels=channels, filter=Explicit(squash=taken[0].item()), bidirectional=len(kernels) == 2 * channels
    )
    module = spec.build(dim=dim, length=kernels.shape[2]).double()
    with torch.no_grad():
        for name, tensor in names(module).items():
            tensor.copy_(arrays[f"param/{name}"].reshape(tensor.shape))
        for part, own in zip((*module.filters, *module.filters_back), kernels, strict=True):
            part.weight.copy_(own)
    return module


def names(module: LongConvLayer) -> dict[str, Tensor]:
    """safari's names -> our tensors, the kernels aside."""
    return {"D": module.skip, "output_linear.0.weight": module.out.weight, "output_linear.0.bias": module.out.bias}


@pytest.mark.parametrize(("path", "case"), cases_with("gy"))
def test_layer(path: Path, case: str) -> None:
    arrays = arrays_of(path, case)
    module, u = layer(arrays), arrays["u"].requires_grad_()
    y = module(u)
    y.backward(arrays["gy"])
    assert_close(y, arrays["y_direct"], 1e-12, "y against the quadratic evaluation")
    assert_close(y, arrays["y"], 1e-12, "y")
    assert u.grad is not None
    assert_close(u.grad, arrays["gu"], 1e-11, "gu")
    for name, tensor in names(module).items():
        assert tensor.grad is not None
        assert_close(tensor.grad, arrays[f"grad/{name}"].reshape(tensor.shape), 1e-10, name)
    for part, gradient in zip((*module.filters, *module.filters_back), arrays["grad/kernel.kernel"], strict=True):
        assert_close(part.weight.grad, gradient, 1e-10, "kernel")


@pytest.mark.parametrize(("path", "case"), cases_with("conv_plus_D"))
def test_convolution_and_threshold(path: Path, case: str) -> None:
    arrays = arrays_of(path, case)
    module, u = layer(arrays), arrays["u"]
    parts = (*module.filters, *module.filters_back)
    taps = torch.stack([part(u.shape[1]) for part in parts])
    assert_close(taps, arrays["k_squashed"][..., : u.shape[1]], 1e-15, "the taps")
    for channel, wanted in enumerate(arrays["conv_plus_D"].unbind(1)):
        back = None if module.causal else taps[module.channels + channel]
        y = long_convolution(u, taps[channel], module.skip.view(module.channels, -1)[channel], back)
        assert_close(y.mT, wanted, 1e-12, "the convolution and its skip")


@pytest.mark.parametrize(("path", "case"), cases_with("y_correct"))
def test_a_short_input_does_not_wrap_round_as_the_public_one_does(path: Path, case: str) -> None:
    arrays = arrays_of(path, case)
    module = layer(arrays_of(path, case.removesuffix("_short")))
    y = module(arrays["u"])
    assert_close(y, arrays["y_correct"], 1e-12, "y")
    assert_close(wrapping(module, arrays["u"]), arrays["y_safari_wraps"], 1e-12, "the faulty y")
    assert (y - arrays["y_safari_wraps"]).abs().max() > 1e-3


def wrapping(module: LongConvLayer, u: Tensor) -> Tensor:
    """The fault: a transform of twice the input's length for taps of the built length, the later ones reversed."""
    length, points = u.shape[1], 2 * u.shape[1]
    taps = torch.stack([part(module.length) for part in module.filters])
    if module.filters_back:
        back = torch.stack([part(module.length) for part in module.filters_back])
        taps = F.pad(taps, (0, length)) + F.pad(back.flip(-1), (length, 0))
    mixed = irfft(rfft(u.mT[:, None], points) * rfft(taps, points), points)[..., :length]
    skipped = module.skip.view(module.channels, -1, 1) * u.mT[:, None]
    return F.glu(module.out(F.gelu((mixed + skipped).flatten(1, 2).mT)))


@pytest.mark.parametrize(("path", "case"), cases_with("kernel"))
def test_the_start_that_forgets_at_different_speeds(path: Path, case: str) -> None:
    """safari drew it in float32 with seed 3."""
    kernel = arrays_of(path, case)["kernel"]
    torch.manual_seed(3)
    for wanted in kernel:
        part = Explicit(init="double_exp").build(channels=kernel.shape[1], length=kernel.shape[2])
        assert_close(part.weight.detach().double(), wanted, 1e-7, "the kernel")
