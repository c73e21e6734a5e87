"""Direct fits of tiny alignments: exact likelihoods, samples, energies, files."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqlab.couplings.energies import conditional_logs, mutation_effects, scores
from seqlab.couplings.fits.ardca import Autoregressive
from seqlab.couplings.fits.independent import Independent
from seqlab.couplings.fits.mean_field import MeanField
from seqlab.couplings.fits.plmdca import PseudoLikelihood
from seqlab.couplings.judged import contact_scores
from seqlab.couplings.pairwise import Kept, Law, Pairwise
from seqlab.couplings.sampling import STEPS, Steps, ancestral, gibbs
from seqlab.couplings.saved import load, save
from seqlab.couplings.statistics import frequencies
from seqlab.data import DataError
from seqlab.spec import find, names

LENGTH, SIZE = 4, 3
EVERYTHING = np.array(list(product(range(SIZE), repeat=LENGTH)), np.uint8)
ORDER = np.array([2, 0, 3, 1])


def model(law: Law) -> Pairwise:
    random = np.random.default_rng(3)
    pairs = random.normal(size=(LENGTH * (LENGTH - 1) // 2, SIZE, SIZE))
    return Pairwise(random.normal(size=(LENGTH, SIZE)), pairs, law, ORDER if law == "autoregressive" else np.arange(4))


def alignment(rows: int = 400) -> NDArray[np.uint8]:
    return ancestral(model("autoregressive"), rows, seed=1)


def test_steps_multiply_to_a_distribution() -> None:
    assert np.exp(scores(model("autoregressive"), EVERYTHING)).sum() == pytest.approx(1.0, abs=1e-12)


def test_ancestral_sequences_come_as_often_as_they_are_probable() -> None:
    drawn = ancestral(model("autoregressive"), 20_000)
    counts = np.bincount(np.ravel_multi_index(tuple(drawn.T), (SIZE,) * LENGTH), minlength=len(EVERYTHING))
    expected = np.exp(scores(model("autoregressive"), EVERYTHING))
    assert np.abs(counts / len(drawn) - expected).max() < 4 * np.sqrt(expected.max() / len(drawn))


@pytest.mark.parametrize("steps", ["gibbs", "metropolis"])
def test_chains_come_as_often_as_they_are_probable(steps: Steps) -> None:
    weights = np.exp(scores(model("joint"), EVERYTHING))
    expected = weights / weights.sum()
    sweeps = STEPS[steps](model("joint"), 2000, 0)
    drawn = np.concatenate([next(sweeps) for _ in range(200)][50:])
    counts = np.bincount(np.ravel_multi_index(tuple(drawn.T), (SIZE,) * LENGTH), minlength=len(EVERYTHING))
    assert np.abs(counts / len(drawn) - expected).max() < 0.01


def test_a_law_is_drawn_from_in_its_own_way() -> None:
    with pytest.raises(ValueError, match="by chains"):
        ancestral(model("joint"), 1)
    with pytest.raises(ValueError, match="exactly"):
        next(gibbs(model("autoregressive"), 1))


@pytest.mark.parametrize("law", ["joint", "autoregressive"])
def test_mutation_effects_are_differences_of_scores(law: Any) -> None:
    sequence = EVERYTHING[40]
    effects = mutation_effects(model(law), sequence)
    for site, letter in product(range(LENGTH), range(SIZE)):
        mutant = sequence.copy()
        mutant[site] = letter
        change = scores(model(law), mutant[None]) - scores(model(law), sequence[None])
        assert effects[site, letter] == pytest.approx(change[0], abs=1e-12)


@pytest.mark.parametrize("law", ["joint", "autoregressive"])
def test_a_gap_adds_nothing_where_it_is_no_letter(law: Any) -> None:
    """As in a model with a letter that nothing is coupled to, whose field is zero."""
    given = model(law)
    silent = replace(
        given, fields=np.pad(given.fields, ((0, 0), (0, 1))), pairs=np.pad(given.pairs, ((0, 0), (0, 1), (0, 1)))
    )
    gapped = EVERYTHING[40].copy()
    gapped[1] = SIZE
    if law == "joint":
        assert scores(given, gapped[None]) == pytest.approx(scores(silent, gapped[None]), abs=1e-12)
    effects = mutation_effects(given, gapped)
    assert effects.shape == (LENGTH, SIZE)
    whole = scores(given, np.stack([gapped, EVERYTHING[40]]))
    assert effects[1, EVERYTHING[40][1]] == pytest.approx(whole[1] - whole[0], abs=1e-12)
    assert conditional_logs(given, gapped[None])[0, 1] == 0


@pytest.mark.parametrize("law", ["joint", "autoregressive"])
def test_other_columns_and_letters_than_those_of_the_model_are_refused(law: Any) -> None:
    with pytest.raises(ValueError, match=rf"has {LENGTH} columns and these sequences 2; keep those that its fit kept"):
        scores(model(law), EVERYTHING[:3, :2])
    with pytest.raises(ValueError, match=f"has {SIZE} letters, and these sequences others"):
        scores(model(law), EVERYTHING + SIZE)


def test_conditionals_of_a_joint_model_are_those_of_its_scores() -> None:
    whole = scores(model("joint"), EVERYTHING).reshape((SIZE,) * LENGTH)
    logs = conditional_logs(model("joint"), EVERYTHING)
    for site in range(LENGTH):
        exact = whole - np.log(np.exp(whole).sum(site, keepdims=True))
        np.testing.assert_allclose(logs[:, site], exact.ravel(), atol=1e-12)


def test_autoregressive_fits_find_what_they_were_drawn_from() -> None:
    spec = Autoregressive(identity=0, order="given", field_penalty=0, coupling_penalty=1e-6, precision="float64")
    given = replace(model("autoregressive"), order=np.arange(LENGTH))
    letters = ancestral(given, 4000, seed=1)
    weights = spec.weights(letters, SIZE - 1)
    fitted = spec.fit(letters, SIZE, weights)
    assert fitted.readout["converged"]
    found = np.exp(scores(fitted.model, EVERYTHING))
    assert found.sum() == pytest.approx(1.0, abs=1e-9)
    assert np.abs(found - np.exp(scores(given, EVERYTHING))).max() < 0.012


def test_sites_go_from_the_least_to_the_most_varied() -> None:
    letters = np.array([[0, 0, 1], [1, 0, 1], [2, 0, 2], [0, 0, 1]], np.uint8)
    spec = Autoregressive(identity=0, iterations=1)
    assert spec.fit(letters, SIZE, spec.weights(letters, 2)).model.order.tolist() == [1, 2, 0]


def test_the_independent_model_has_the_columns_frequencies() -> None:
    spec = Independent(identity=0, pseudocount=1e-9)
    fitted = spec.fit(alignment(), SIZE, spec.weights(alignment(), 2))
    np.testing.assert_allclose(np.exp(fitted.model.fields), frequencies(alignment(), SIZE)[0], atol=1e-9)
    assert not fitted.model.pairs.any()
    assert not contact_scores(fitted.model).any()


def test_gaps_may_be_left_out() -> None:
    spec = PseudoLikelihood(identity=0, gaps="left_out", iterations=3)
    assert spec.fit(alignment(), SIZE, spec.weights(alignment(), 2)).model.fields.shape == (LENGTH, SIZE - 1)


def test_single_and_double_precision_agree() -> None:
    found = []
    for precision in ("float32", "float64"):
        spec = PseudoLikelihood(precision=precision, tolerance=1e-9)  # type: ignore[arg-type]
        fitted = spec.fit(alignment(), SIZE, spec.weights(alignment(), 2))
        found.append(fitted.readout["objective"])
    assert found[0] == pytest.approx(found[1], rel=1e-6)


@pytest.mark.parametrize("name", names("couplings/fits"))
def test_more_columns_than_memory_holds_are_refused(name: str) -> None:
    spec: Any = find("couplings/fits", name)()
    spec.must_fit(10, 21)
    with pytest.raises(DataError, match=r"couplings of 900,000 columns and 21 letters need .* GB"):
        spec.must_fit(900_000, 21)


@pytest.mark.parametrize("ending", ["npz", "txt", "txt.gz"])
@pytest.mark.parametrize("law", ["joint", "autoregressive"])
def test_what_is_saved_is_loaded(tmp_path: Path, ending: str, law: Any) -> None:
    path = tmp_path / f"model.{ending}"
    save(path, model(law))
    found = load(path)
    assert found.law == law
    assert found.order.tolist() == model(law).order.tolist()
    np.testing.assert_allclose(found.fields, model(law).fields, rtol=1e-8)
    np.testing.assert_allclose(found.pairs, model(law).pairs, rtol=1e-6)
    np.testing.assert_allclose(found.couplings(), model(law).couplings(), rtol=1e-6)
    assert found.kept is None
    save(path, replace(model(law), kept=Kept(np.array([0, 2, 3, 5]), 7)))
    kept = load(path).kept
    assert kept is not None
    assert (kept.columns.tolist(), kept.width) == ([0, 2, 3, 5], 7)


def test_the_order_of_the_text_is_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "model.txt"
    path.write_text("J 0 1 A C 2\nJ 0 1 D A 3\nh 1 D 4\n")
    found = load(path)
    assert found.pairs.tolist() == [[[0, 2, 0], [0, 0, 0], [3, 0, 0]]]
    assert found.fields.tolist() == [[0, 0, 0], [0, 0, 4]]
    assert found.couplings()[0, 0, 1, 1] == found.couplings()[1, 1, 0, 0] == 2


MISTAKES = {
    "words": ("J 0 1 A\n", r"model\.txt, line 1: neither `J i j a b value`"),
    "numbers": ("h 0 1 0.5\n", r"model\.txt, line 1: neither .* with letters a, b of ACDEF"),
    "order": ("J 1 0 A C 2\nh 1 A 1\n", r"model\.txt: J 1 0 has no place: i < j < 2"),
    "empty": ("\n", r"model\.txt holds no fields"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_holds_no_model(tmp_path: Path, mistake: str) -> None:
    text, told = MISTAKES[mistake]
    (tmp_path / "model.txt").write_text(text)
    with pytest.raises(DataError, match=told):
        load(tmp_path / "model.txt")


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "model.txt.gz"
    save(path, model("joint"))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"model\.txt\.gz cannot be read .*; it is cut off"):
        load(path)


def test_an_ending_that_is_not_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"couplings are kept in \.npz, \.txt"):
        save(tmp_path / "model.pt", model("joint"))


def test_mean_field_fits_are_kept_pair_by_pair() -> None:
    spec = MeanField(identity=0)
    fitted = spec.fit(alignment(), SIZE, spec.weights(alignment(), 2))
    couplings = fitted.model.couplings()
    np.testing.assert_array_equal(couplings, couplings.transpose(2, 3, 0, 1))
    assert couplings[:, :-1].any()
    assert not couplings[:, -1].any()
