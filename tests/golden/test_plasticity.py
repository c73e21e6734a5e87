"""Resets, penalties, shrink-and-perturb against traces of independent references that agree with the authors' code.

Every plasticity_*.npz is run; sizes and settings are read from its arrays and its `meta`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import golden_files
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlab.methods import Change, Draws, Method, Units
from seqlab.methods.cbp import CBP
from seqlab.methods.cbp_notebook import CBPNotebook
from seqlab.methods.redo import ReDo
from seqlab.methods.shared.resetter import Resetter
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.methods.snr import SNR
from seqlab.methods.snr_histogram import SNRHistogram
from seqlab.methods.snr_v2 import SNRV2
from seqlab.probes.attention import attention_told
from seqlab.probes.ranks import ranks
from seqlab.probes.units import activity_told
from seqlab.regularisers import Regulariser
from seqlab.regularisers.l2 import L2
from seqlab.regularisers.l2_init import L2Init

PRECISE = {"rtol": 1e-10, "atol": 1e-12}
LAYER = {"layer": Units(incoming="in.weight", bias="in.bias", outgoing="out.weight")}


def traces(*holding: str) -> list[Any]:
    """The files that hold all of some arrays."""
    return golden_files.holding("plasticity_*.npz", *holding)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The arrays, numbers in float64, and the settings."""
    with np.load(path) as file:
        arrays = {name: torch.from_numpy(file[name]) for name in file.files if file[name].dtype.kind in "fib"}
        meta = json.loads(str(file["meta"]))
    return {name: a.double() if a.is_floating_point() else a for name, a in arrays.items()}, meta


@dataclass(frozen=True)
class Given(Draws):
    """Draws that a trace tells."""

    chance: float = 0.0

    def uniform(self) -> float:
        return self.chance


def given(fresh: Tensor | None, chance: float = 0.0) -> Given:
    return Given(torch.Generator(), lambda: {"in.weight": fresh} if fresh is not None else {}, chance=chance)


def method_of(meta: dict[str, Any]) -> Resetter:
    """The method of a trace by the name and the settings that CL-transformers has for it."""
    p, other = meta["params"], meta["overrides"]
    match meta["alg"]:
        case "SNR" | "SNR-V2":
            settings = {
                "tail_prob": 1 - p["reset_percentile"],
                "initial_threshold": float(p["threshold"]),
                "update_every_steps": None,
                "update_probability": p["reset_freq"],
            }
            return SNR(**settings) if meta["alg"] == "SNR" else SNRV2(**settings)
        case "ReDO":
            return ReDo(
                every_steps=1, threshold=p["ReDO_threshold"], probability=p["ReDO_reset_freq"], normalisation="sum"
            )
        case "CBP":
            renamed = {"decay_rate": "decay", "age_threshold": "maturity_steps"}
            settings = {renamed[name]: value for name, value in other.items()}
            settings["maturity_steps"] = int(settings.get("maturity_steps", 100))
            return CBPNotebook(replacement_rate=p["CBP_reset_freq"], **settings)
    raise ValueError(f"there is no method {meta['alg']}")


NAMES = {"in.weight": ("W1", True), "in.bias": ("b1", False), "out.weight": ("W2", True)}
"""Our tensors by the arrays' names, and whether they are transposed there."""


def tensors(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        ours: arrays[prefix + name].T if turned else arrays[prefix + name] for ours, (name, turned) in NAMES.items()
    }


def states(arrays: dict[str, Tensor], prefix: str) -> dict[str, dict[str, Tensor]]:
    means, squares = tensors(arrays, prefix + "m_"), tensors(arrays, prefix + "v_")
    return {path: {"exp_avg": means[path], "exp_avg_sq": squares[path]} for path in means}


def replay(path: Path) -> Iterator[tuple[int, Resetter, Change, dict[str, Tensor], dict[str, dict[str, Tensor]]]]:
    """Every step of a trace: what the act changed, then all weights and moments."""
    arrays, meta = read(path)
    method = method_of(meta)
    weights, moments = tensors(arrays, "in_"), states(arrays, "in_")
    added, added_moments = tensors(arrays, "delta_"), states(arrays, "delta_")
    statistics = method.begin(weights, LAYER)
    for step, before in enumerate(arrays["pre"]):
        statistics = method.observe(statistics, {"layer": before}, LAYER)
        weights = {name: value + added[name] for name, value in weights.items()}
        moments = {
            name: {key: value + added_moments[name][key] for key, value in state.items()}
            for name, state in moments.items()
        }
        draws = given(arrays["out_fresh"][step].T, float(arrays["out_u"][step]))
        change = method.change(weights, moments, statistics, draws, LAYER)
        weights, statistics = weights | change.weights, change.statistics
        moments = {name: state | change.moments.get(name, {}) for name, state in moments.items()}
        yield step, method, change, weights, moments


REMEMBERED = {
    "out_age": "age/layer",
    "out_thr": "threshold/layer",
    "out_arr_sum": "sum/layer",
    "out_arr_count": "count/layer",
    "out_util_hat": "corrected/layer",
    "out_util": "utility/layer",
    "out_mean_act": "mean/layer",
}


@pytest.mark.parametrize("path", traces("pre", "out_mask", "in_W1"))
def test_resets_unit_by_unit(path: Path) -> None:
    arrays, _ = read(path)
    resets = torch.zeros(arrays["out_mask"].shape[1], dtype=torch.int64)
    weights, moments = {}, {}
    for step, method, change, weights, moments in replay(path):  # noqa: B007 - what they are at the end is compared
        now = change.statistics["resets/layer"] - resets
        resets = change.statistics["resets/layer"]
        assert now.bool().equal(arrays["out_mask"][step]), f"step {step}"
        assert int(change.report["units/layer"]) == int(arrays["out_mask"][step].sum())
        for name, ours in REMEMBERED.items():
            if name in arrays:
                got = change.statistics[ours].double()
                torch.testing.assert_close(got, arrays[name][step].double(), **PRECISE)
        if isinstance(method, ReDo):
            got = method.scores(change.statistics["activity/layer"])
            torch.testing.assert_close(got, arrays["out_score"][step], **PRECISE)
    assert resets.any()
    torch.testing.assert_close(weights, tensors(arrays, "final_"), **PRECISE)
    torch.testing.assert_close(moments, states(arrays, "final_"), **PRECISE)


@pytest.mark.parametrize("path", traces("pre", "final_hist"))
def test_the_published_histogram(path: Path) -> None:
    arrays, meta = read(path)
    method = SNRHistogram(
        tail_prob=1 - meta["percentile"],
        initial_threshold=meta["tau0"],
        longest=meta["tau_max"],
        shortest=meta["floor"],
        factor=meta["gamma"],
        update_every_steps=meta["update_every"],
    )
    units = arrays["pre"].shape[-1]
    weights = {"in.weight": torch.ones(units, 1), "in.bias": torch.ones(units), "out.weight": torch.ones(1, units)}
    statistics = method.begin(weights, LAYER)
    for step, before in enumerate(arrays["pre"]):
        statistics = method.observe(statistics, {"layer": before}, LAYER)
        change = method.change(weights, {}, statistics, given(torch.zeros(units, 1)), LAYER)
        assert (change.statistics["resets/layer"] > statistics["resets/layer"]).equal(arrays["out_mask"][step])
        statistics = change.statistics
        assert statistics["age/layer"].equal(arrays["out_age"][step]), f"step {step}"
        assert statistics["threshold/layer"].equal(arrays["out_tau"][step]), f"step {step}"
    counted = method.histogram(statistics["ended/layer"])
    assert counted.long().equal(arrays["final_hist"][:, 1:]), "a silence of no example is none"


UTILITIES = ("contribution", "adaptable_contribution")


@pytest.mark.parametrize("utility", UTILITIES)
@pytest.mark.parametrize("path", traces("features", "contribution_mask"))
def test_generate_and_test(path: Path, utility: str) -> None:
    arrays, meta = read(path)
    method = CBP(
        replacement_rate=meta["replacement_rate"],
        decay=meta["decay"],
        maturity_steps=meta["maturity"],
        utility=utility,
        counting="accumulated" if meta["accumulate"] else "probabilistic",
    )
    layer = {"layer": Units(incoming="in.weight", bias="in.bias", outgoing="out.weight", activation=nn.Identity())}
    weights = {"in.weight": arrays["W1"], "in.bias": arrays["b1"], "out.weight": arrays["W2"]}
    fresh = dict(zip(arrays[f"{utility}_fresh_steps"].tolist(), arrays[f"{utility}_fresh"], strict=True))
    statistics = method.begin(weights, layer)
    for step, features in enumerate(arrays["features"]):
        weights["in.weight"] = weights["in.weight"] + arrays["dW1"][step]
        weights["out.weight"] = weights["out.weight"] + arrays["dW2"][step]
        statistics = method.observe(statistics, {"layer": features}, layer)
        change = method.change(weights, {}, statistics, given(fresh.get(step)), layer)
        now = change.statistics["resets/layer"] > statistics["resets/layer"]
        assert now.equal(arrays[f"{utility}_mask"][step]), f"step {step}"
        weights, statistics = weights | change.weights, change.statistics
        torch.testing.assert_close(statistics["corrected/layer"], arrays[f"{utility}_util_hat"][step], **PRECISE)
        assert statistics["age/layer"].double().equal(arrays[f"{utility}_age"][step])
    for ours, theirs in (("in.weight", "W1"), ("in.bias", "b1"), ("out.weight", "W2")):
        torch.testing.assert_close(weights[ours], arrays[f"{utility}_final_{theirs}"], **PRECISE)


@pytest.mark.parametrize("path", traces("theta0", "grads"))
def test_penalties_and_shrink_and_perturb_through_adam(path: Path) -> None:
    arrays, meta = read(path)
    shrink = ShrinkAndPerturb(every_steps=1, every_tasks=None, shrink=1 - meta["p"], scale=meta["sigma"])
    cases: dict[str, tuple[Regulariser | None, Method | None]] = {
        "vanilla": (None, None),
        "l2": (L2(strength=meta["lam"]), None),
        "l2init": (L2Init(strength=meta["lam"]), None),
        "snp": (None, shrink),
    }
    for name, (regulariser, method) in cases.items():
        theta = arrays["theta0"].clone().requires_grad_()
        optimiser = torch.optim.Adam([theta], lr=meta["lr"], betas=(meta["b1"], meta["b2"]), eps=meta["eps"])
        for step, gradient in enumerate(arrays["grads"]):
            theta.grad = gradient.clone()
            if regulariser is not None:
                regulariser.penalty({"theta": theta}, {"theta": arrays["theta0"]}).backward()
            optimiser.step()
            if method is not None:
                draws = Draws(torch.Generator(), lambda step=step: {"theta": arrays["fresh"][step]})
                change = method.change({"theta": theta.detach()}, {}, {}, draws, {})
                theta.data.copy_(change.weights["theta"])
            torch.testing.assert_close(theta.detach(), arrays[name][step], **PRECISE)


@pytest.mark.parametrize("path", traces("features", "W", "attn_entropy_mean"))
def test_what_probes_tell_of_units_and_ranks(path: Path) -> None:
    """Numbers that a file has; which they are is told by their names."""
    with np.load(path) as file:
        arrays = {name: torch.from_numpy(np.asarray(file[name], np.float64)) for name in file.files}
    units = activity_told(arrays["features"])
    told = {"dead_fraction": units["dead"], "dormant_tau0": units["dormant"][0], "dormant_tau01": units["dormant"][2]}
    names = {"effective": "eff_rank", "stable": "stable_rank", "s_rank": "srank", "approximate": "approx_rank"}
    for matrix, of in (("features", "F"), ("W", "W")):
        told |= {f"{names[name]}_{of}": value for name, value in ranks(arrays[matrix]).items()}
    compared = told.keys() & arrays.keys()
    assert len(compared) > 6
    for name in compared:
        assert told[name] == pytest.approx(arrays[name].item(), rel=1e-10), name


@pytest.mark.parametrize("path", traces("attn", "attn_entropy_mean"))
def test_what_the_probe_of_attention_tells_of_its_weights(path: Path) -> None:
    with np.load(path) as file:
        entropy = attention_told(torch.from_numpy(file["attn"]))["entropy"]
        assert entropy == pytest.approx(float(file["attn_entropy_mean"]), rel=1e-10)
