"""Potts models against independent references, which equal the public code; every potts_*.npz is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import golden_files
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqlab.couplings.contacts import average_product_corrected, frobenius
from seqlab.couplings.fit import fit
from seqlab.couplings.mean_field import mean_field
from seqlab.couplings.objective import Objective
from seqlab.couplings.pairwise import laid_out
from seqlab.couplings.statistics import covariance, frequencies
from seqlab.couplings.weights import sequence_weights
from seqlab.kernels.potts_logits import potts_logits
from seqlab.kernels.potts_penalty import potts_penalty

PRECISE = {"rtol": 1e-10, "atol": 1e-10}


def holding(*names: str) -> list[Any]:
    return golden_files.holding("potts_*.npz", *names)


def read(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def leaf(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array).double().requires_grad_()


def close(got: Any, wanted: Any, **tolerance: float) -> None:
    got = got.detach().numpy() if isinstance(got, Tensor) else np.asarray(got)
    np.testing.assert_allclose(got, wanted, **(PRECISE | tolerance))


@pytest.mark.parametrize("path", holding("V", "h", "X", "mask", "npll_sites"))
def test_pseudo_likelihood(path: Path) -> None:
    a = read(path)
    factors, fields, real = leaf(a["V"]), leaf(a["h"]), torch.from_numpy(a["mask"])
    letters = torch.from_numpy(a["X"])
    size, rows = fields.shape[2], letters.shape[1]
    logits = potts_logits(factors, factors, fields, letters.clamp(max=size - 1))
    chosen = letters.clamp(max=size - 1)[..., None]
    sites = -logits.log_softmax(-1).gather(3, chosen)[..., 0] * real[:, None]
    npll = sites.sum() / (rows * real.sum())
    penalty, squares = potts_penalty(factors, factors).sum(), fields.square().sum()
    loss = npll + float(a["etaJ"]) / len(real) * penalty + float(a["etah"]) / len(real) * squares
    loss.backward()
    close(sites, a["npll_sites"] * a["mask"][:, None])
    for got, name in ((npll, "npll"), (penalty, "pen_J"), (squares, "pen_h"), (loss, "loss")):
        close(got, a[name])
    assert factors.grad is not None
    assert fields.grad is not None
    close(factors.grad * real[:, None, :, None], a["grad_V"] * a["mask"][:, None, :, None])
    close(fields.grad * real[..., None], a["grad_h"] * a["mask"][..., None])


@pytest.mark.parametrize("form", ["scaled", "unscaled"])
@pytest.mark.parametrize("path", holding("V", "h", "all_seqs", "logp_scaled"))
def test_autoregressive(path: Path, form: str) -> None:
    a = read(path)
    factors, fields = leaf(a["V"])[None], leaf(a["h"])[None]
    everything = torch.from_numpy(a["all_seqs"])[None]
    logits = potts_logits(factors, factors, fields, everything, "before_scaled" if form == "scaled" else "before")
    sites = logits.log_softmax(-1).gather(3, everything[..., None])[0, ..., 0]
    log_p = sites.sum(1)
    close(sites, a[f"sites_{form}"])
    close(log_p, a[f"logp_{form}"])
    close(-(log_p.exp() * log_p).sum(), a[f"entropy_{form}"])


@pytest.mark.parametrize("path", holding("V", "h", "X", "nll_mean", "grad_V_fd"))
def test_autoregressive_gradients(path: Path) -> None:
    a = read(path)
    factors, fields, letters = leaf(a["V"]), leaf(a["h"]), torch.from_numpy(a["X"])[None]
    logits = potts_logits(factors[None], factors[None], fields[None], letters, "before_scaled")
    nll = -logits.log_softmax(-1).gather(3, letters[..., None]).mean()
    nll.backward()
    close(nll, a["nll_mean"])
    close(factors.grad, a["grad_V_fd"], atol=1e-8)  # central differences
    close(fields.grad, a["grad_h_fd"], atol=1e-8)


WEIGHTS = [("w_ge80", "at_least"), ("w_gt80", "more_than"), ("w_nongap80", "letters")]


@pytest.mark.parametrize(("name", "likeness"), WEIGHTS)
@pytest.mark.parametrize("path", holding("X", "w_ge80", "w_gt80", "w_nongap80", "q"))
def test_weights(path: Path, name: str, likeness: Any) -> None:
    a = read(path)
    close(sequence_weights(a["X"], 0.8, likeness, int(a["q"]) - 1), a[name])


@pytest.mark.parametrize("path", holding("X", "w_ge80", "fi", "fij", "cov_ref", "q"))
def test_statistics(path: Path) -> None:
    a = read(path)
    single, pairs = frequencies(a["X"], int(a["q"]), a["w_ge80"])
    apart = ~np.eye(len(single), dtype=bool)[:, None, :, None]
    close(single, a["fi"])
    close(pairs * apart, a["fij"] * apart)
    close(covariance(a["X"], int(a["q"])), a["cov_ref"])
    close(a["w_ge80"].sum(), a["Neff"])


@pytest.mark.parametrize("path", holding("J", "frob_nogap", "apc_nogap", "frob_allstates", "apc_allstates", "q"))
def test_scores(path: Path) -> None:
    a = read(path)
    for name, left_out in (("nogap", int(a["q"]) - 1), ("allstates", None)):
        norms = frobenius(a["J"], left_out)
        close(norms, a[f"frob_{name}"])
        close(average_product_corrected(norms), a[f"apc_{name}"])


@pytest.mark.parametrize("path", holding("X", "w_ge80", "mf_J", "mf_pseudocount", "q"))
def test_mean_field(path: Path) -> None:
    a = read(path)
    _, couplings = mean_field(a["X"], int(a["q"]), a["w_ge80"], float(a["mf_pseudocount"]))
    close(couplings, a["mf_J"])
    norms = frobenius(couplings, int(a["q"]) - 1)
    close(norms, a["mf_frob_nogap"])
    close(average_product_corrected(norms), a["mf_apc_nogap"])


def objective_of(a: dict[str, NDArray[Any]]) -> Objective:
    return Objective(a["X"], int(a["q"]), a["w_ge80"], float(a["lam_h"]), float(a["lam_J"]))


@pytest.mark.parametrize("path", holding("X", "w_ge80", "h", "J", "obj", "grad_max", "lam_h", "lam_J", "q"))
def test_pseudo_likelihood_fit(path: Path) -> None:
    """The penalties alone curve the objective by twice themselves, so gradients bound how far two fits are apart."""
    a = read(path)
    found = fit(objective_of(a), iterations=500, tolerance=1e-15)
    left = float(a["grad_max"]) + found.gradient
    couplings = laid_out(found.pairs, len(found.fields))
    assert found.converged
    close(found.objective, a["obj"])
    close(found.fields, a["h"], atol=left / (2 * float(a["lam_h"])))
    close(couplings, a["J"], atol=left / (2 * float(a["lam_J"])))
    scores = average_product_corrected(frobenius(couplings, int(a["q"]) - 1))
    i, j = np.triu_indices(len(scores), 1)
    best = np.argsort(-scores[i, j])[: len(a["planted"])]
    assert {(int(i[k]), int(j[k])) for k in best} == {(int(k), int(m)) for k, m in a["planted"]}


@pytest.mark.parametrize("path", holding("h", "J", "obj", "grad_h", "grad_J"))
@pytest.mark.parametrize("data", holding("X", "w_ge80", "lam_h", "lam_J", "q"))
def test_pseudo_likelihood_at_a_point(path: Path, data: Path) -> None:
    a, objective = read(path), objective_of(read(data))
    i, j = np.triu_indices(len(a["h"]), 1)
    fields, couplings = leaf(a["h"]), leaf(a["J"][i, :, j])
    value = objective(fields, couplings)
    value.backward()
    close(value, a["obj"])
    close(fields.grad, a["grad_h"])
    close(couplings.grad, a["grad_J"][i, :, j])
