"""Channel mixers and activations against arrays of the author's own code.

Every file of each pattern and every curve is compared; sizes and settings are read from the file's own arrays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_dln import FOLDER, assert_close, files, fill, load
from torch import Tensor

from seqlab.channels import ChannelMixer
from seqlab.channels.compute_gate import ComputeGate
from seqlab.channels.mlp import MLP
from seqlab.kernels.rms_norm import rms_norm
from seqlab.nn.activations import activation, sigmoidshrink, tanhshrink

CURVES: dict[str, Callable[..., Callable[[Tensor], Tensor]]] = {
    r"gelu_tanh": lambda: activation("gelu_tanh"),
    r"relu": lambda: activation("relu"),
    r"x": lambda: activation("identity"),
    r"leaky_relu_([\d.]+)": lambda slope: partial(F.leaky_relu, negative_slope=float(slope)),
    r"x([+-][\d.]*)tanh\(x(?:/([\d.]+))?\)": lambda amount, width: partial(
        tanhshrink, amount=-float(f"{amount}1" if len(amount) == 1 else amount), width=float(width or 1)
    ),
    r"sigmoid([\d.]+) .*": lambda amount: partial(sigmoidshrink, amount=float(amount)),
    r"tanh([\d.]+)b([\d.]+) .*": lambda width, factor: partial(
        tanhshrink, amount=float(width) * float(factor), width=float(width)
    ),
}
"""The file's name of a curve -> the function, its numbers read from the name."""

NAMED = {
    "leaky_relu_0.98": "leaky_relu_0.98",
    "x-3tanh(x/3)": "tanhshrink_3_3",
    "x-2.5tanh(x)": "tanhshrink_2.5",
    "x-1.5tanh(x)": "tanhshrink_1.5",
    "x-0.9tanh(x)": "tanhshrink_0.9",
    "x-0.5tanh(x)": "tanhshrink_0.5",
    "x+tanh(x)": "plus_tanh",
    "sigmoid4 (June10)": "sigmoidshrink_4",
    "tanh3b1.05 (June10)": "tanhshrink_3.15_3",
}
"""The curves that a spec can name."""


def curves() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("dln_activations*.npz")):
        with np.load(path) as arrays:
            x = torch.from_numpy(arrays["x"])
            for name, values in zip(arrays["names"], arrays["values"], strict=True):
                found.append(pytest.param(str(name), x, torch.from_numpy(values), id=f"{path.stem}-{name}"))
    return found or [pytest.param("", None, None, marks=pytest.mark.skip(reason=f"no activations in {FOLDER}"))]


@pytest.mark.parametrize(("name", "x", "values"), curves())
def test_activation(name: str, x: Tensor, values: Tensor) -> None:
    (function,) = [make(*m.groups()) for pattern, make in CURVES.items() if (m := re.fullmatch(pattern, name))]
    assert_close(function(x), values, 1e-14, name)
    if name in NAMED:
        assert_close(activation(NAMED[name])(x), values, 1e-14, NAMED[name])  # type: ignore[arg-type]


def filled(spec: ComputeGate | MLP, arrays: dict[str, Tensor], *up: str) -> ChannelMixer:
    module = spec.build(dim=arrays["x"].shape[1]).double()
    first = module.gate_and_up if isinstance(spec, ComputeGate) else module.up
    weights = {"first": torch.cat([arrays[name] for name in up], dim=1).T, "down": arrays["down"].T}
    fill({"first": first.weight, "down": module.down.weight}, weights)
    return module


@pytest.mark.parametrize("path", files("dln_computegate*.npz"))
def test_compute_gate(path: Path) -> None:
    arrays = load(path)
    x = arrays["x"]
    expansion = arrays["down"].shape[0] / x.shape[1]
    gate = filled(ComputeGate(expansion=expansion), arrays, "gate", "comp")
    mlp = filled(MLP(expansion=expansion, activation="gelu_tanh", bias=False), arrays, "up")
    over_everything = x / (x.square().mean() + 1e-6).sqrt()
    assert_close(gate(rms_norm(x)), arrays["y_computegate_rowrms"], 1e-14, "with a norm of each position")
    assert_close(gate(over_everything), arrays["y_computegate"], 1e-14, "with the author's norm over everything")
    assert_close(mlp(over_everything), arrays["y_mlp"], 1e-14, "the plain layer")
