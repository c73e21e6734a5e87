"""Hyena and its filter against the arrays of HazyResearch/safari and of an independent quadratic evaluation.

Every case of every file is compared; sizes and settings are read from the case's own arrays and meta.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlab.filters.implicit import Implicit
from seqlab.mixers.hyena import Hyena, HyenaOperator

FOLDER = Path(os.environ.get("SEQLAB_GOLDEN", Path(__file__).parent / "data"))


def cases(pattern: str) -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob(pattern)):
        with np.load(path) as arrays:
            names = dict.fromkeys(key.partition("/")[0] for key in arrays.files)
        found += [pytest.param(path, name, id=f"{path.stem}-{name}") for name in names]
    return found or [pytest.param(None, "", marks=pytest.mark.skip(reason=f"no {pattern} in {FOLDER}"))]


def load(path: Path, case: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with np.load(path) as arrays:
        keys = {key.partition("/")[2]: key for key in arrays.files if key.startswith(f"{case}/")}
        meta = json.loads(arrays[keys.pop("meta")].item())
        return {name: torch.from_numpy(arrays[key]) for name, key in keys.items()}, meta


def filter_spec(meta: Mapping[str, Any], *, width: int, modulate: bool) -> Implicit:
    """safari's constructor arguments as ours; its defaults where the meta is silent."""
    return Implicit(
        emb_dim=meta["emb_dim"],
        width=width,
        inner_layers=meta["num_inner_mlps"],
        frequency=float(meta["w"]),
        modulate=meta.get("modulate", modulate),
        shift=float(meta.get("shift", 0.0)),
        normalise=meta.get("normalized", False),
    )


def filter_names(module: nn.Module) -> dict[str, Tensor]:
    """safari's names of a filter's tensors -> our tensors."""
    names = {
        "pos_emb.z": module.positions,
        "pos_emb.t": module.time,
        "modulation.deltas": module.decay,
        f"implicit_filter.{2 * len(module.hidden)}.weight": module.last.weight,
    }
    for index, linear in enumerate(module.hidden):
        names[f"implicit_filter.{2 * index}.weight"] = linear.weight
        names[f"implicit_filter.{2 * index}.bias"] = linear.bias
        names[f"implicit_filter.{2 * index + 1}.freq"] = module.frequency
    return names


def operator_names(module: HyenaOperator) -> dict[str, Tensor]:
    return {
        "in_proj.weight": module.project.weight,
        "in_proj.bias": module.project.bias,
        "short_filter.weight": module.short_weight,
        "short_filter.bias": module.short_bias,
        "out_proj.weight": module.out.weight,
        "out_proj.bias": module.out.bias,
        "filter_fn.bias": module.skip,
    } | {f"filter_fn.{name}": tensor for name, tensor in filter_names(module.filter).items()}


def take(names: Mapping[str, Tensor], arrays: Mapping[str, Tensor], *, ignored: tuple[str, ...] = ()) -> None:
    stored = {key.removeprefix("param/"): a for key, a in arrays.items() if key.startswith("param/")}
    assert set(stored) - set(ignored) == set(names), "every stored tensor has its place, and every place a tensor"
    with torch.no_grad():
        for name, tensor in names.items():
            tensor.copy_(stored[name].reshape(tensor.shape))


def compare_gradients(names: Mapping[str, Tensor], arrays: Mapping[str, Tensor]) -> None:
    compared = [key for key in arrays if key.startswith("grad/")]
    assert compared
    for key in compared:
        gradient = names[key.removeprefix("grad/")].grad
        assert gradient is not None, key
        assert_close(gradient, arrays[key].reshape(gradient.shape), 1e-10, key)


def assert_close(got: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
    assert got.shape == wanted.shape, what
    error = (got - wanted).abs().max().item()
    assert error <= tolerance * max(1.0, wanted.abs().max().item()), f"{what} is off by {error:.1e}"


@pytest.mark.parametrize(("path", "case"), cases("hyena_hyena_operator*.npz"))
def test_operator(path: Path, case: str) -> None:
    arrays, meta = load(path, case)
    spec = Hyena(
        order=meta["order"],
        short_filter=meta.get("short_filter_order", 3),
        filter=filter_spec(meta, width=meta["filter_order"], modulate=True),
    )
    module = spec.build(dim=meta["d_model"], length=meta["l_max"]).double()
    names = operator_names(module)
    take(names, arrays)
    u = arrays["u"].requires_grad_()
    y = module(u)
    y.backward(arrays["gy"])
    assert_close(y, arrays["y_direct"], 1e-12, "y against the quadratic evaluation")
    assert_close(y, arrays["y"], 1e-12, "y")
    assert u.grad is not None
    assert_close(u.grad, arrays["gu"], 1e-11, "gu")
    taps = module.filter(u.shape[1]).unflatten(0, (meta["d_model"], meta["order"] - 1)).transpose(0, 1)
    assert_close(taps, arrays["filter_k"], 1e-12, "the filter")
    compare_gradients(names, arrays)


@pytest.mark.parametrize(("path", "case"), cases("hyena_hyena_filter*.npz"))
def test_filter(path: Path, case: str) -> None:
    arrays, meta = load(path, case)
    spec = filter_spec(meta, width=meta["order"], modulate=True)
    module = spec.build(channels=meta["d_model"], length=meta["seq_len"]).double()
    names = filter_names(module)
    take(names, arrays, ignored=("bias",))
    taps = module(meta["L"])
    taps.backward(arrays["gk"][0].T)
    assert_close(taps.T[None], arrays["k"], 1e-12, "k")
    compare_gradients(names, arrays)


@pytest.mark.parametrize(("path", "case"), cases("hyena_hyena_filter*.npz"))
def test_positions_times_and_decays_are_those_of_the_formula(path: Path, case: str) -> None:
    """The stored ones were computed in float32: off by the last place of the largest angle, 8e-6 at 33 features."""
    arrays, meta = load(path, case)
    module = filter_spec(meta, width=meta["order"], modulate=True).build(
        channels=meta["d_model"], length=meta["seq_len"]
    )
    last_place = torch.finfo(torch.float32).eps * math.pi * (meta["emb_dim"] - 1)
    tolerance = 1e-5 if meta["emb_dim"] <= 33 else last_place
    assert_close(module.positions.double(), arrays["param/pos_emb.z"][0], tolerance, "z")
    assert_close(module.time.double(), arrays["param/pos_emb.t"][0, :, 0], 1e-6, "t")
    if "param/modulation.deltas" in arrays:
        assert_close(module.decay.double(), arrays["param/modulation.deltas"][0, 0], 1e-6, "deltas")
