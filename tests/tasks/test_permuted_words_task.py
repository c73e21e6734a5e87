"""Permuted words: bijections of the words of a text, one a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqlab.data import DataError
from seqlab.tasks.permuted_words import PermutedWords, PreparedPermutedWords

WORDS = "to be or not to be\nthat  is the question whether tis nobler in the mind to suffer " * 12


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "text.txt").write_text(WORDS)
    return str(tmp_path / "text.txt")


def made(path: str, **fields: Any) -> PreparedPermutedWords:
    return PermutedWords(
        **{"path": path, "length": 16, "training": 400, "validation": 200, "tasks": 3, **fields}
    ).prepare()


def words(task: PreparedPermutedWords, stage: int) -> list[bytes]:
    text = task._text(stage)
    return np.concatenate([text.encoded["train"], text.encoded["val"]]).tobytes().split()[:-1]


def test_each_task_is_a_bijection_of_the_words_of_its_own(path: str) -> None:
    task, seen = made(path), []
    for stage in range(3):
        dealt = words(task, stage)
        pairs = set(zip(WORDS.encode().split(), dealt, strict=False))
        assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
        seen.append(dealt)
    assert seen[0] != seen[1] != seen[2] != seen[0]
    assert words(made(path), 2) == seen[2]
    assert words(made(path, seed=1), 2) != seen[2]


def test_parts_have_the_sizes_that_are_asked_for_and_batches_are_of_their_task(path: str) -> None:
    task = made(path)
    assert [len(task._text(1).encoded[split]) for split in ("train", "val")] == [400, 200]
    first, second = task.batch(0, 0, 4, stage=0), task.batch(0, 0, 4, stage=1)
    assert first.tensors["inputs"].shape == (4, 16)
    assert not first.tensors["inputs"].equal(second.tensors["inputs"])


def test_too_short_a_text_is_told(path: str) -> None:
    with pytest.raises(DataError, match=r"the words of task 1 make [\d,]+ symbols, and 100,200 are needed"):
        made(path, training=100_000)
