"""DLN and TDLN against arrays of the author's own class bodies, and what was wrong in them shown to be right here.

Every file of each pattern is compared; sizes and settings are read from its own arrays.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.generation.interpolation import FRACTIONS, between
from seqlab.kernels.scan import scan
from seqlab.mixers.dln import DLN
from seqlab.mixers.tdln import TDLN, TimedMemory
from seqlab.mixers.tdln_first import FirstTDLN
from seqlab.models.tiled import Tiled

FOLDER = Path(os.environ.get("SEQLAB_GOLDEN", Path(__file__).parent / "data"))


def load(path: Path) -> dict[str, Tensor]:
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files if arrays[name].dtype.kind in "fci"}


def files(pattern: str, holding: str | None = None) -> list[Any]:
    """The files of a pattern, or those of them with an array of that name."""
    paths = [path for path in sorted(FOLDER.glob(pattern)) if holding is None or holding in load(path)]
    found = [pytest.param(path, id=path.stem) for path in paths]
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no {pattern} in {FOLDER}"))]


def fill(tensors: dict[str, Tensor], arrays: dict[str, Tensor], prefix: str = "") -> None:
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(arrays[prefix + name])


def recurrence(module: TimedMemory) -> dict[str, Tensor]:
    """The arrays' names of one TDLN -> our tensors."""
    return {
        "size": module.memory.size,
        "theta": module.memory.theta,
        "time_w": module.time.weight,
        "time_b": module.time.bias,
        "data_w": module.data.weight,
        "data_b": module.data.bias,
    }


def assert_close(got: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
    assert got.shape == wanted.shape, what
    error = (got - wanted).abs().max().item()
    assert error <= tolerance * max(1.0, wanted.abs().max().item()), f"{what} is off by {error:.1e}"


def states(path: Path) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """The output and the last complex state of DLN on x, and the arrays."""
    arrays = load(path)
    module = DLN().build(dim=arrays["x"].shape[1], length=arrays["x"].shape[0]).double()
    fill({"size": module.memory.size, "theta": module.memory.theta}, arrays)
    y, state = module.prefill(arrays["x"][None])
    return y[0], torch.complex(*state["memory"][0]), arrays


@pytest.mark.parametrize("path", files("dln_dln*.npz", holding="y"))
def test_dln(path: Path) -> None:
    y, last, arrays = states(path)
    assert_close(y, arrays["y"].real, 1e-12, "y")
    assert_close(last, arrays["y"][-1], 1e-12, "the state")
    z = torch.stack([arrays["size"] * arrays["theta"].cos(), arrays["size"] * arrays["theta"].sin()])
    every = scan(arrays["x"][None, :, None], z)[0]
    assert_close(torch.complex(every[:, 0], every[:, 1]), arrays["y"], 1e-12, "all states")


@pytest.mark.parametrize("path", files("dln_dln*.npz", holding="y_last"))
def test_the_last_state_is_a_damped_fourier_transform(path: Path) -> None:
    _, last, arrays = states(path)
    assert_close(last, arrays["y_last"], 1e-11, "the state")
    lag = torch.arange(len(arrays["x"]) - 1, -1, -1, dtype=torch.float64)[:, None]
    transform = torch.polar(arrays["size"] ** lag, arrays["theta"] * lag)
    assert_close(last, (transform * arrays["x"]).sum(0), 1e-11, "the closed form")


@pytest.mark.parametrize("path", files("dln_tdln*.npz", holding="time"))
def test_the_first_tdln(path: Path) -> None:
    arrays = load(path)
    x = arrays["x"][None]
    module = FirstTDLN().build(dim=x.shape[2], length=x.shape[1]).double()
    fill({"size": module.memory.size, "theta": module.memory.theta, "time": module.time}, arrays)
    y, state = module.prefill(x)
    assert_close(y[0], arrays["y"].real, 1e-12, "y")
    assert_close(torch.complex(*state["memory"][0]), arrays["y"][-1], 1e-12, "the state")


@pytest.mark.parametrize("path", files("dln_tdln*.npz", holding="time_bias"))
def test_tdln(path: Path) -> None:
    arrays = load(path)
    x = arrays["x"][None].requires_grad_()
    module = TDLN(time_bias=arrays["time_bias"].item()).build(dim=x.shape[2], length=x.shape[1]).double()
    tensors = recurrence(module.recurrences[0])
    fill(tensors, arrays)
    y = module(x)
    assert_close(y[0], arrays["y"], 1e-12, "y")
    gradients = torch.autograd.grad(y.square().sum(), [x, *tensors.values()])
    wanted = [arrays["g_x"][None], *(arrays[f"g_{name}"] for name in tensors)]
    for name, gradient, exact in zip(["x", *tensors], gradients, wanted, strict=True):
        assert_close(gradient, exact, 1e-10, f"the gradient of {name}")


@pytest.mark.parametrize("path", files("dln_tdln*.npz", holding="time_bias"))
def test_a_large_time_bias_is_the_dln_of_the_data(path: Path) -> None:
    arrays = load(path)
    x = arrays["x"][None]
    timed = TDLN(time_bias=1000.0).build(dim=x.shape[2], length=x.shape[1]).double()
    fill(recurrence(timed.recurrences[0]), arrays)
    plain = DLN().build(dim=x.shape[2], length=x.shape[1]).double()
    fill({"size": plain.memory.size, "theta": plain.memory.theta}, arrays)
    data = F.linear(x, arrays["data_w"], arrays["data_b"])
    assert_close(timed(x), plain(data), 1e-12, "y")


@pytest.mark.parametrize("path", files("dln_mnist_model*.npz"))
def test_the_auto_encoder_of_images(path: Path) -> None:
    """Its image and its answer may have other sizes than each other in the arrays, as classes have."""
    arrays = load(path)
    pixels, outputs, dim = len(arrays["x"]), len(arrays["final_b"]), len(arrays["lin_b"])
    spec = Tiled(dim=dim, mixers=(TDLN(time_bias=arrays["time_bias"].item()),))
    model = spec.build(Signature(shape=(1, 1, pixels), classes=outputs)).double()
    fill(recurrence(model.mixers[0].recurrences[0]), arrays, "dln_")
    fill({"lin_w": model.hidden[0].weight, "lin_b": model.hidden[0].bias}, arrays)
    fill({"norm_w": model.norms[0].weight, "norm_b": model.norms[0].bias}, arrays)
    fill({"final_w": model.head.weight, "final_b": model.head.bias}, arrays)
    drawn = model(arrays["x"].view(1, 1, 1, -1)).sigmoid()
    assert_close(drawn[0], arrays["pred"], 1e-12, "the image")


def with_level(arrays: dict[str, Tensor]) -> nn.Module:
    """The character model, a recurrence and as many levels as there are."""
    dim, symbols = len(arrays["dln0_size"]), len(arrays["final_b"])
    levels = sum(name.endswith("_size") for name in arrays) - 1
    spec = Tiled(dim=dim, mixers=(TDLN(levels=levels),), hidden=0)
    model = spec.build(Signature(vocabulary=symbols, length=len(arrays["ids"]))).double()
    for number, part in enumerate(model.mixers[0].recurrences):
        fill(recurrence(part), arrays, f"dln{number}_")
    for norm in model.mixers[0].norms:
        fill({"norm_w": norm.weight, "norm_b": norm.bias}, arrays)
    fill({"final_w": model.head.weight, "final_b": model.head.bias}, arrays)
    return model


def probabilities(model: nn.Module, ids: Tensor) -> Tensor:
    found: Tensor = model(ids[None])[0].softmax(-1)
    return found


def loss(predicted: Tensor, arrays: dict[str, Tensor]) -> Tensor:
    """As its author took it: over positions and symbols, so that it is divided by their number."""
    return F.nll_loss(predicted[:-1].log(), arrays["ids"][1:]) / predicted.shape[1]


@pytest.mark.parametrize("path", files("dln_char_model*.npz"))
def test_levels(path: Path) -> None:
    arrays = load(path)
    predicted = probabilities(with_level(arrays), arrays["ids"])
    assert_close(predicted, arrays["prob"], 1e-12, "the probabilities")
    assert_close(loss(predicted, arrays), arrays["loss"], 1e-12, "the loss")


@pytest.mark.parametrize("path", files("dln_char_model*.npz"))
def test_a_norm_over_all_positions_shows_the_future_and_ours_does_not(path: Path) -> None:
    """The public code of August 2023 normed the whole (L, D) array: the last symbol changed every earlier output."""
    arrays = load(path)
    model, ids = with_level(arrays), arrays["ids"]
    changed = ids.clone()
    changed[-1] = (changed[-1] + 1) % len(arrays["final_b"])
    assert torch.equal(probabilities(model, ids)[:-1], probabilities(model, changed)[:-1])
    norms = model.mixers[0].norms
    for number in range(len(norms)):
        norms[number] = NormOverEverything(arrays)
    faulty = probabilities(model, ids)
    assert_close(faulty, arrays["prob_globalnorm"], 1e-12, "the faulty probabilities")
    assert_close(loss(faulty, arrays), arrays["loss_globalnorm"], 1e-12, "the loss of the faulty probabilities")
    assert (faulty[:-1] - probabilities(model, changed)[:-1]).abs().max() > 1e-4


class NormOverEverything(nn.Module):
    """The fault: statistics over positions and features."""

    def __init__(self, arrays: dict[str, Tensor]) -> None:
        super().__init__()
        self.weight, self.bias = arrays["norm_w"], arrays["norm_b"]

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[1:]) * self.weight + self.bias


def test_a_memory_remembers_for_as_long_as_its_horizon() -> None:
    """The public code of June 2024 drew the forgotten share in place of the kept one: gone after a step or two."""
    memory = DLN().build(dim=2000, length=1).memory
    share = 1 - memory.size
    assert share.min() >= 1e-3
    assert share.max() <= 1e-1
    assert abs(share.log().mean() - np.log(1e-2)) < 0.15
    assert memory.theta.min() >= 2 * np.pi / 1000
    assert memory.theta.max() <= 2 * np.pi


@pytest.mark.parametrize("spec", [DLN(), TDLN(), FirstTDLN()], ids=["dln", "tdln", "tdln_first"])
def test_the_output_is_the_state_and_follows_the_input(spec: Any) -> None:
    """The public code of June 2024 returned the product of decays: the same output for every input."""
    torch.manual_seed(0)
    module = spec.build(dim=4, length=9).double()
    x = torch.randn(1, 9, 4, dtype=torch.float64)
    assert (module(x) - module(-x)).abs().amin() > 1e-6


@pytest.mark.parametrize("path", files("dln_interpolate*.npz"))
def test_between_two_images(path: Path) -> None:
    """The author's first image is the second end: his rows are b + (a - b) c."""
    arrays = load(path)
    rows = between(arrays["b"], arrays["a"], arrays["c"].tolist())
    assert_close(rows, arrays["mid"], 1e-14, "the rows")
    if len(arrays["c"]) == len(FRACTIONS):
        assert_close(torch.tensor(FRACTIONS, dtype=torch.float64), arrays["c"], 1e-12, "the steps")
