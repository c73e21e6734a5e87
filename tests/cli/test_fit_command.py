"""`seqlab fit`, `sample` and `energies` on a tiny alignment."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pdb_text import family, pdb
from seqlab.cli.main import main
from seqlab.couplings.judged import contact_scores, precisions
from seqlab.couplings.saved import load
from seqlab.data.alignments import ALPHABET, GAP
from seqlab.data.alignments.reading import read_alignment
from seqlab.data.alignments.writing import write_alignment
from seqlab.data.backbones import contact_map
from seqlab.data.bundles import bundle
from seqlab.data.structures import read_backbones
from seqlab.journal import LabBook


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    letters = np.random.default_rng(0).integers(0, 21, (30, 6))
    write_alignment(tmp_path / "family.fasta", [f"s{n}" for n in range(30)], letters)
    return tmp_path


def called(folder: Path, *words: str) -> str:
    found = CliRunner().invoke(main, [*words, "--runs", str(folder / "runs")])
    assert found.exit_code == 0, found.output
    return found.stdout


def fitted(folder: Path, method: str, *more: str) -> dict[str, object]:
    words = ("fit", method, str(folder / "family.fasta"), "identity=0", "--name", method.replace("_", "-"), "--json")
    found: dict[str, object] = json.loads(called(folder, *words, *more))
    return found


@pytest.mark.parametrize("method", ["plmdca", "ardca", "mean_field", "independent"])
def test_a_fit_is_a_run_that_can_be_drawn_from(folder: Path, method: str) -> None:
    found = fitted(folder, method)
    assert (found["sequences"], found["columns"]) == (30, 6)
    run = LabBook(folder / "runs").open(str(found["run"]))
    assert run.state().name == "finished"
    assert run.experiment["config"]["fit"]["identity"] == 0
    assert (run.metrics.step is not None) == (method in ("plmdca", "ardca"))
    drawn = json.loads(called(folder, "sample", run.name, "--count", "5", "--sweeps", "4", "--out",
                              str(folder / "drawn.fasta"), "--json"))  # fmt: skip
    assert drawn["sequences"] == 5
    assert read_alignment(str(folder / "drawn.fasta")).letters.shape == (5, 6)
    scored = json.loads(called(folder, "energies", run.name, str(folder / "family.fasta"), "--json"))
    assert [row["name"] for row in scored] == [f"s{n}" for n in range(30)]
    changes = json.loads(called(folder, "energies", run.name, str(folder / "family.fasta"), "--mutations", "s3",
                                "--json"))  # fmt: skip
    assert len(changes) == 6 * 20


def test_the_model_goes_into_a_file_too(folder: Path) -> None:
    out = folder / "model.txt.gz"
    fitted(folder, "plmdca", "--out", str(out), "--zero-sum")
    scored = called(folder, "energies", str(out), str(folder / "family.fasta"))
    assert "s29" in scored


def refused(folder: Path, *words: str) -> str:
    found = CliRunner().invoke(main, [*words, "--runs", str(folder / "runs")])
    assert found.exit_code in (1, 2), found.output
    return " ".join(found.output.split())


def test_a_file_that_cannot_be_written_is_told_before_the_fit(folder: Path) -> None:
    family = str(folder / "family.fasta")
    assert "couplings are kept in .npz" in refused(folder, "fit", "plmdca", family, "--out", str(folder / "m.json"))
    assert "--zero-sum goes with --out FILE" in refused(folder, "fit", "plmdca", family, "--zero-sum")
    out = str(folder / "m.txt")
    assert "not with ardca" in refused(folder, "fit", "ardca", family, "--zero-sum", "--out", out)
    assert not list((folder / "runs").glob("*/experiment.json"))


def test_a_model_without_gaps_scores_sequences_with_gaps(folder: Path) -> None:
    fitted(folder, "plmdca", "gaps=left_out")
    family = str(folder / "family.fasta")
    assert len(json.loads(called(folder, "energies", "plmdca", family, "--json"))) == 30
    changes = json.loads(called(folder, "energies", "plmdca", family, "--mutations", "s0", "--json"))
    assert not any(change["mutation"].endswith("-") for change in changes)


def test_the_columns_that_a_fit_kept_are_those_that_are_scored(folder: Path) -> None:
    """Also of an alignment without the focus; one of as many columns as the model has is scored as it stands."""
    letters = read_alignment(str(folder / "family.fasta")).letters
    letters[0, 2], letters[1:20, 4] = GAP, GAP
    names = [f"s{n}" for n in range(30)]
    write_alignment(folder / "family.fasta", names, letters)
    write_alignment(folder / "rest.fasta", names[1:], letters[1:])
    write_alignment(folder / "cut.fasta", names, letters[:, [0, 1, 3, 5]])
    out = str(folder / "model.txt")
    found = CliRunner().invoke(main, ["fit", "ardca", str(folder / "family.fasta"), "--focus", "s0", "--column-gaps",
                               "0.5", "--name", "few", "--out", out, "--runs", str(folder / "runs")])  # fmt: skip
    assert "1 columns of more than 50% gaps left out (5)" in found.stderr
    told = CliRunner().invoke(main, ["energies", "few", str(folder / "rest.fasta"), "--runs", str(folder / "runs")])
    assert "rest.fasta: scored are 4 of 6 columns, as in the fit." in told.stderr
    expected = [
        row["score"] for row in json.loads(called(folder, "energies", "few", str(folder / "cut.fasta"), "--json"))
    ]
    for source in ("few", out):
        rows = json.loads(called(folder, "energies", source, str(folder / "rest.fasta"), "--json"))
        assert [row["score"] for row in rows] == pytest.approx(expected[1:], rel=1e-6)
    judged = json.loads(called(folder, "eval", "few", "msa", "samples=20", "--json"))
    of_file = json.loads(called(folder, "eval", out, "msa", "samples=20", "--file", str(folder / "family.fasta"),
                                "--json"))  # fmt: skip
    assert of_file["nll"] == pytest.approx(judged["nll"], rel=1e-6)


def test_a_fit_without_gaps_is_judged_by_a_structure_alone(folder: Path) -> None:
    pytest.importorskip("gemmi")
    made = bundle(0, 0)
    made = replace(made, sequence="".join(np.random.default_rng(1).choice(list(ALPHABET[:-1]), len(made))))
    letters = family(made.sequence)
    letters[1:, 3] = GAP
    write_alignment(folder / "family.fasta", [f"s{n}" for n in range(len(letters))], letters)
    (folder / "made.pdb").write_text(pdb(made))
    fitted(folder, "plmdca", "gaps=left_out", "iterations=3", "--held-out", "0.2")
    found = json.loads(called(folder, "eval", "plmdca", "msa", f"structure={folder}/made.pdb", "--json"))
    assert set(found["measured"]) == {"nll", "nll_held_out", "nll_gap", "precision@L/5", "precision@L/2",
                                      "precision@L", "contacts_of_all_pairs"}  # fmt: skip
    assert "fitted without gaps: nothing is drawn from it" in found["remarks"][0]
    model = load(LabBook(folder / "runs").open("plmdca").folder / "couplings.npz")
    columns = np.delete(np.arange(len(made)), 3)
    contacts = contact_map(read_backbones(f"{folder}/made.pdb")[0])[columns][:, columns]
    expected = precisions(contact_scores(model)[columns][:, columns], contacts)
    assert {name: found[name] for name in expected} == expected
    assert "--file and focus go with couplings in a file" in refused(folder, "eval", "plmdca", "msa", "focus=s0")


def test_what_is_not_scored_as_it_stands_is_told(folder: Path) -> None:
    fitted(folder, "independent")
    (folder / "given.a3m").write_text(">one/1-6 of a family\nACX-eeEF\n")
    words = ("energies", "independent", str(folder / "given.a3m"))
    found = CliRunner().invoke(main, [*words, "--mutations", "one", "--json", "--runs", str(folder / "runs")])
    assert "2 lower-case inserts dropped (one/1-6)" in found.stderr
    assert "1 letters that are no amino acid became gaps (one/1-6)" in found.stderr
    assert json.loads(found.stdout)[0]["mutation"] == "A1C"
    assert "has no sequence called 'one/1-7' (near it: one/1-6" in refused(folder, *words, "--mutations", "one/1-7")
    focused = refused(folder, *words, "--focus", "one")
    assert "the model has 6 columns and these sequences 5; keep those that its fit kept (--focus" in focused


def test_a_fit_is_shown_with_its_settings_and_what_it_found(folder: Path) -> None:
    fitted(folder, "plmdca", "--held-out", "0.1")
    shown = called(folder, "show", "plmdca")
    assert re.search(r"Settings\n.*held_out +0\.1\n.*part +couplings/fits/plmdca\n", shown, re.DOTALL)
    assert re.search(r"Found\n +sequences +27\n.*objective +[\d.]+\n.*converged +true\n", shown, re.DOTALL)


@pytest.mark.parametrize(
    "words", [("eval",), ("interpolate", "--from", "1", "--to", "2"), ("generate", "--prompt", "A")]
)
def test_what_needs_weights_says_what_a_fit_is(folder: Path, words: tuple[str, ...]) -> None:
    fitted(folder, "independent")
    assert "independent was made by `seqlab fit`: it holds the couplings" in refused(
        folder, words[0], "independent", *words[1:]
    )


def test_a_method_that_is_not_there(folder: Path) -> None:
    found = CliRunner().invoke(main, ["fit", "plm", str(folder / "family.fasta")])
    assert found.exit_code == 1
    assert "`plm` is not one of the couplings/fits; did you mean `plmdca`" in found.output


def test_a_run_without_couplings(folder: Path) -> None:
    LabBook(folder / "runs").create({"config": {}}, name="other", origin={"by": "open_run"})
    found = CliRunner().invoke(main, ["sample", "other", "--out", str(folder / "x.fa"), "--runs", str(folder / "runs")])
    assert found.exit_code == 1
    assert "other holds no couplings" in found.output


@pytest.mark.parametrize(("method", "more"), [("plmdca", ["steps=metropolis"]), ("ardca", ["identity=0.5"])])
def test_a_fit_is_judged_by_its_family(folder: Path, method: str, more: list[str]) -> None:
    fitted(folder, method, "--held-out", "0.2")
    found = json.loads(called(folder, "eval", method, "msa", "samples=50", "sweeps=3", *more, "--json"))
    assert -1 <= found["covariance_held_out"] <= 1
    assert -1 <= found["covariance_held_out_ceiling"] <= 1
    assert found["nll_gap"] == pytest.approx(found["nll_held_out"] - found["nll"])
    assert -1 <= found["covariance"] <= 1
    assert 0 <= found["hamming_p10"] <= found["hamming_p50"] <= 1
    run = LabBook(folder / "runs").open(method)
    assert {path.name for path in (run.folder / "eval").glob("*.svg")} == {"contacts.svg", "covariance.svg", "pca.svg"}
    assert list((run.folder / "eval").glob("*.json"))


def test_covariances_are_judged_as_the_fit_weighs_sequences(folder: Path) -> None:
    """Of two sequences, one a hundred times: weighed, either counts one, and nothing is left to be told by a half."""
    rows = np.array([[0] * 6] * 100 + [[1] * 6], np.uint8)
    write_alignment(folder / "family.fasta", [f"s{n}" for n in range(101)], rows)
    called(folder, "fit", "ardca", str(folder / "family.fasta"), "--name", "ardca")
    weighed, alike = (
        json.loads(called(folder, "eval", "ardca", "msa", "samples=400", *more, "--json"))
        for more in ([], ["identity=0"])
    )
    assert weighed["frequencies"] > 0.95
    assert alike["frequencies"] < weighed["frequencies"] - 0.1


def test_a_file_of_couplings_is_judged_by_an_alignment(folder: Path) -> None:
    out = folder / "model.npz"
    fitted(folder, "ardca", "--out", str(out))
    words = ("eval", str(out), "msa", "samples=20", "--json")
    found = json.loads(called(folder, *words, "--file", str(folder / "family.fasta")))
    assert found["nll"] > 0
    alone = CliRunner().invoke(main, list(words))
    assert alone.exit_code == 2
    assert "does not say which sequences it is of: --file ALIGNMENT" in alone.output
    write_alignment(folder / "other.fasta", ["one", "two"], np.zeros((2, 5), np.uint8))
    other = CliRunner().invoke(main, [*words, "--file", str(folder / "other.fasta")])
    assert other.exit_code == 1
    assert "has 6 columns and" in other.output


def test_structures_are_judged_by_their_families(folder: Path) -> None:
    layers = "model.layers.all.mixer.heads=2"
    words = ("model.dim=8", layers, "model.heads=2", "task.folds=3", "task.members=2", "task.drawn=8", "batch.size=2")
    called(folder, "run", "potts:wide_small", *words, "budget.steps=1", "--name", "emits")
    judging = ("eval", "emits", "msa", "samples=20", "sweeps=2", "structures=1")
    assert "emits at step 1: msa\n" in called(folder, *judging)
    found = json.loads(called(folder, *judging, "--json"))
    assert {row["split"] for row in found["structures"]} <= {"sequence", "structure", "superfamily"}
    assert 0 <= found["structure/precision@L/5"] <= 1
    assert found["sequence/nll_gap"] == pytest.approx(found["sequence/nll_held_out"] - found["sequence/nll"])
    first = found["structures"][0]["structure"]
    assert (LabBook(folder / "runs").open("emits").folder / "eval" / f"sequence-{first}-pca.svg").is_file()
