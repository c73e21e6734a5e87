"""`seqlab couplings`: what a network emits for a structure goes into a file that the other commands take."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import call
from click.testing import Result

from pdb_text import family, pdb
from seqlab.couplings import room
from seqlab.couplings.saved import load
from seqlab.data.alignments import ALPHABET
from seqlab.data.alignments.reading import read_alignment
from seqlab.data.alignments.writing import write_alignment
from seqlab.data.backbones import Backbone
from seqlab.data.bundles import bundle
from seqlab.data.geometric import encode
from seqlab.data.structures import read_backbones
from seqlab.journal import LabBook
from seqlab.models.potts import PottsModel
from seqlab.train.load import load_model

SMALL = ("model.dim=8", "model.layers.all.mixer.heads=2", "model.heads=2", "task.folds=3", "task.members=2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """With a lab book of one run, `emits`, of bundles fold0-0 to fold2-1."""
    made = tmp_path_factory.mktemp("emits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQLAB_RUNS", str(made / "runs"))
        patch.setenv("SEQLAB_CACHE", str(made / "cache"))
        run = ("run", "potts:wide_small", *SMALL, "task.drawn=8", "batch.size=2", "budget.steps=1", "--name", "emits")
        assert call(*run).exit_code == 0
        yield made


def model() -> PottsModel:
    found, _, _ = load_model(LabBook(None).open("emits"))
    assert isinstance(found, PottsModel)
    return found


def told(*words: object) -> Result:
    found = call("couplings", "emits", *words)
    assert found.exit_code == 0, found.output
    return found


def refused(*words: object) -> str:
    found = call(*words)
    assert found.exit_code in (1, 2), found.output
    return " ".join(found.output.split())


def with_letters(backbone: Backbone) -> Backbone:
    letters = np.random.default_rng(1).choice(list(ALPHABET[:-1]), len(backbone))
    return replace(backbone, sequence="".join(letters))


def test_a_structure_of_the_task_by_name_and_what_takes_its_couplings(folder: Path) -> None:
    out = folder / "named.npz"
    found = json.loads(told("fold1-0", "--out", out, "--json").stdout)
    expected = bundle(1, 0)
    assert (found["structure"], found["sites"], found["law"], found["step"]) == ("fold1-0", len(expected), "joint", 1)
    fields, couplings = model().fields_and_couplings(torch.from_numpy(encode(expected)))
    np.testing.assert_allclose(load(out).fields, fields, rtol=1e-6)
    np.testing.assert_allclose(load(out).couplings(), couplings, rtol=1e-6)
    drawn = folder / "drawn.fasta"
    assert call("sample", out, "--count", 4, "--sweeps", 2, "--out", drawn).exit_code == 0
    assert read_alignment(str(drawn)).letters.shape == (4, len(expected))
    assert len(json.loads(call("energies", out, drawn, "--json").stdout)) == 4
    judged = json.loads(call("eval", out, "msa", "samples=4", "sweeps=1", "--file", drawn, "--json").stdout)
    assert judged["nll"] > 0


def test_a_file_is_encoded_as_the_task_does_and_may_be_longer_than_training(folder: Path) -> None:
    pytest.importorskip("gemmi")
    long = bundle(9, 0, helices=5)
    (folder / "long.pdb").write_text(pdb(long, without=(4, "O")))
    said = told(f"{folder}/long.pdb#B", "--out", folder / "long.txt", "--zero-sum")
    assert "residue ALA B 5 has no atom O; it is left out" in said.stderr
    assert f"long.pdb#B has {len(long) - 1} residues, and none of training more than" in said.stderr
    (read,) = read_backbones(f"{folder}/long.pdb")
    torch.save({"encodings": encode(read), "seq": read.sequence}, folder / "long.encodings.pt")
    told(folder / "long.encodings.pt", "--out", folder / "long.npz", "--zero-sum")
    first, second = load(folder / "long.txt"), load(folder / "long.npz")
    np.testing.assert_allclose(first.pairs, second.pairs, atol=1e-7, rtol=1e-6)  # float32 in one, 9 digits in the other
    assert np.abs(first.fields.sum(1)).max() < 1e-6


def test_of_an_alignment_the_columns_of_the_residues_are_scored(folder: Path) -> None:
    pytest.importorskip("gemmi")
    made = with_letters(bundle(0, 0))
    (folder / "made.pdb").write_text(pdb(made))
    letters = np.insert(np.delete(family(made.sequence), 7, 1), 20, 5, 1)  # residue 8 has no column, column 21 none
    names = [f"s{n}" for n in range(len(letters))]
    write_alignment(folder / "family.fasta", names, letters)
    write_alignment(folder / "cut.fasta", names, np.delete(letters, 20, 1))
    out, whole = folder / "placed.npz", str(folder / "family.fasta")
    said = told(folder / "made.pdb", "--alignment", whole, "--out", out)
    assert "residues have no column in" in said.stderr
    kept = load(out).kept
    assert kept is not None
    assert (len(kept.columns), kept.width) == (len(made) - 1, len(made))
    rows = [json.loads(call("energies", out, file, "--json").stdout) for file in (whole, folder / "cut.fasta")]
    assert rows[0] == rows[1]
    by_structure = call("energies", out, whole, "--structure", folder / "made.pdb", "--json")
    assert json.loads(by_structure.stdout) == rows[0]


def test_what_cannot_be_is_one_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = ("--out", folder / "x.npz")
    assert "no structure of the task; did you mean `fold1-0`" in refused("couplings", "emits", "fold1-00", *out)
    assert "--alignment goes with a PDB or mmCIF file" in refused(
        "couplings", "emits", "fold1-0", "--alignment", "a.fasta", *out
    )
    assert "couplings are kept in .npz" in refused("couplings", "emits", "fold1-0", "--out", folder / "x.json")
    torch.save({"encodings": np.zeros((5, 3), np.float32)}, folder / "narrow.encodings.pt")
    narrow = refused("couplings", "emits", folder / "narrow.encodings.pt", *out)
    assert "narrow.encodings.pt has encodings of 3 numbers a residue, and emits reads" in narrow
    torch.save({"encodings": np.full((5, 3), np.nan, np.float32)}, folder / "nan.encodings.pt")
    assert "the encoding of residue 1 is not a number" in refused(
        "couplings", "emits", folder / "nan.encodings.pt", *out
    )
    assert "there is no file of encodings" in refused("couplings", "emits", "none.encodings.pt", *out)
    sampled = refused("sample", "emits", "--out", folder / "x.fa")
    assert "`seqlab couplings RUN STRUCTURE --out FILE.npz` writes those that a network emits" in sampled
    monkeypatch.setattr(room, "available_memory", lambda device: 10)
    assert "21 letters need 0.0 GB here and 0.0 GB are free; give a shorter structure" in refused(
        "couplings", "emits", "fold1-0", *out
    )


def test_a_structure_without_a_backbone(folder: Path) -> None:
    pytest.importorskip("gemmi")
    lines = [line for line in pdb(bundle(0, 0)).splitlines() if " CA " in line or not line.startswith("ATOM")]
    (folder / "alphas.pdb").write_text("\n".join(lines))
    found = refused("couplings", "emits", folder / "alphas.pdb", "--out", folder / "x.npz")
    assert "no residue of chain B has all of N, CA, C, O; it may hold C-alphas alone" in found


def test_a_run_that_emits_none(folder: Path) -> None:
    words = ("model.dim=8", "model.layers.all.mixer.heads=2", "budget.steps=1", "--name", "letters")
    assert call("run", "demo:letters", *words).exit_code == 0
    found = refused("couplings", "letters", "fold1-0", "--out", folder / "x.npz")
    assert "letters emits no couplings: its model is models/lm, its task tasks/" in found
