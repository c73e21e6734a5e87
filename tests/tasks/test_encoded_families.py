"""The public files: opened safely, joined by name, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqlab.data import DataError
from seqlab.tasks.encoded_families import EncodedFamilies


class Evil:
    def __reduce__(self) -> Any:
        return (print, ("ran",))


def folder(tmp_path: Path) -> Path:
    tmp_path.mkdir(exist_ok=True)
    draws = np.random.default_rng(0)
    domains = [("1aaaA00", "train", 6), ("1aaaA00", "test/sequence", 6), ("2bbbB00", "test/structure", 4)]
    for place, (name, split, length) in enumerate([*domains, ("3cccC00", "train", 5)]):
        where = tmp_path / split
        where.mkdir(parents=True, exist_ok=True)
        letters = torch.from_numpy(draws.integers(0, 21, (3 + place, length), dtype=np.uint8))
        torch.save(letters, where / f"{name}_{split.replace('/', '_')}.a3m.pt")
    for name, length in (("1aaaA00", 6), ("2bbbB00", 5)):
        encodings = draws.standard_normal((length, 8), dtype=np.float32)
        torch.save({"encodings": encodings, "seq": "A" * length}, tmp_path / f"{name}.encodings.pt")
    (tmp_path / "summary.txt").write_text("1aaaA00\t1.10.20\ttrain\n")
    return tmp_path


def test_files_are_joined_and_what_does_not_fit_is_named(tmp_path: Path) -> None:
    task = EncodedFamilies(path=str(folder(tmp_path))).prepare()
    assert [f.name for f in task.collection] == ["1aaaA00", "1aaaA00"]
    assert task.collection.train[0].superfamily == "1.10.20"
    assert task.signature.shape == (8,)
    assert len(task.notes) == 2
    assert "5 residues and its alignment 4 columns" in task.notes[0]
    assert "no encodings of 3cccC00" in task.notes[1]


def test_an_empty_alignment_is_left_out_and_named(tmp_path: Path) -> None:
    torch.save(torch.zeros(0, 5, dtype=torch.uint8), folder(tmp_path) / "train" / "2bbbB00_train.a3m.pt")
    task = EncodedFamilies(path=str(tmp_path)).prepare()
    assert [f.name for f in task.collection] == ["1aaaA00", "1aaaA00"]
    (told,) = [note for note in task.notes if note.startswith("2bbbB00_train")]
    assert f"{tmp_path}/train/2bbbB00_train.a3m.pt is empty: 0 sequences of 5 columns" in told


def test_held_out_sequences_of_a_structure_that_is_not_trained_on_are_left_out(tmp_path: Path) -> None:
    torch.save(torch.zeros(2, 5, dtype=torch.uint8), folder(tmp_path) / "test/sequence" / "2bbbB00_test.a3m.pt")
    task = EncodedFamilies(path=str(tmp_path)).prepare()
    assert [f.name for f in task.collection.sequence] == ["1aaaA00"]
    assert "2bbbB00: train holds no sequences of it; those of sequence are left out." in task.notes


def test_the_fingerprint_is_of_what_the_files_hold_wherever_they_lie(tmp_path: Path) -> None:
    here, there = folder(tmp_path / "here"), folder(tmp_path / "there")
    assert EncodedFamilies(path=str(here)).located() == EncodedFamilies(path=str(there)).located()
    file = there / "train" / "1aaaA00_train.a3m.pt"
    letters = torch.load(file)
    letters[0, 0] = (letters[0, 0] + 1) % 21
    torch.save(letters, file)
    assert EncodedFamilies(path=str(here)).located() != EncodedFamilies(path=str(there)).located()


def test_two_encodings_of_one_domain_are_refused_by_name(tmp_path: Path) -> None:
    first = folder(tmp_path) / "1aaaA00.encodings.pt"
    torch.save({"encodings": np.zeros((6, 8), np.float32)}, tmp_path / "1aaaA00b.encodings.pt")
    with pytest.raises(DataError) as caught:
        EncodedFamilies(path=str(tmp_path)).prepare()
    assert str(caught.value).startswith(f"{first} and {tmp_path}/1aaaA00b.encodings.pt are both of 1aaaA00")


def test_a_file_that_would_run_something_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"encodings": Evil()}, folder(tmp_path) / "1aaaA00.encodings.pt")
    with pytest.raises(DataError, match="nothing to train on"):
        EncodedFamilies(path=str(tmp_path)).prepare()
    assert "ran" not in capsys.readouterr().out


def test_folders_that_say_no_split_are_refused(tmp_path: Path) -> None:
    torch.save(torch.zeros(2, 6, dtype=torch.uint8), folder(tmp_path) / "1aaaA00.a3m.pt")
    with pytest.raises(DataError, match="its split is not known"):
        EncodedFamilies(path=str(tmp_path)).prepare()
    with pytest.raises(DataError, match="there is no folder"):
        EncodedFamilies(path=str(tmp_path / "nowhere")).prepare()
