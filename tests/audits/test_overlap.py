"""Held-out text in the training text, by whatever way it came there; and texts that merely repeat themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import planted_texts as texts
import pytest
from planted_texts import planted
from tasks_for_tests import finding, pictures, recall

from seqlab.audits.shared.windows import find, window_hashes
from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText

LICENCE = Path(__file__).parent.parent.parent / "LICENSE"


@pytest.fixture
def prose(tiny: Experiment) -> Experiment:
    """An experiment over a text that does not repeat itself."""
    return replace(tiny, task=replace(tiny.task, path=str(LICENCE), length=64))


@pytest.mark.parametrize("window", [1, 3, 8, 21, 64])
def test_equal_windows_and_no_others_have_equal_hashes(window: int) -> None:
    text = np.random.default_rng(0).integers(3, size=2000).astype(np.uint16)
    hashes = window_hashes(text, window)
    by_text: dict[bytes, set[int]] = {}
    for place, value in enumerate(hashes):
        by_text.setdefault(text[place : place + window].tobytes(), set()).add(int(value))
    assert len(hashes) == 2001 - window
    assert all(len(values) == 1 for values in by_text.values())
    assert len(set().union(*by_text.values())) == len(by_text)


def test_windows_are_counted_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.audits.shared.windows.CHUNK", 100)
    text = np.random.default_rng(0).integers(200, size=1000).astype(np.uint8)
    text[500:540] = text[90:130]
    wanted = window_hashes(np.concatenate([text[95:105], text[300:310], text[:10] + 1]), 10)[::10]
    found = find(wanted, text, 10)
    assert found.times.tolist() == [2, 1, 0]
    assert found.first.tolist() == [95, 300, -1]


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (texts.WholeText, "the splits overlap"),
        (texts.HalfAMirror, "the splits overlap"),
        (texts.Unlisted, "the splits overlap"),
        (texts.WholeTextInBatches, "of the text in training batches stands in the val part"),
        (texts.EvaluatesTraining, "of the text that is evaluated as val stands in the training part"),
    ],
)
def test_every_way_of_seeing_held_out_text_fails(
    prose: Experiment, fault: Callable[..., PreparedText], named: str
) -> None:
    found = finding("overlap", replace(prose, task=planted(prose.task, fault)))
    assert found.status == "fail", found.message
    assert named in found.message


def test_a_text_that_holds_everything_twice_fails(prose: Experiment, tmp_path: Path) -> None:
    (tmp_path / "twice.txt").write_bytes(LICENCE.read_bytes() * 2)
    found = finding("overlap", replace(prose, task=replace(prose.task, path=str(tmp_path / "twice.txt"))))
    assert found.status == "fail"
    assert "holds everything twice" in found.message


@pytest.mark.parametrize("sentence", ["the cat sat on the mat and the dog lay on the log. ", "ab", "x"])
def test_a_text_that_repeats_itself_passes(tiny: Experiment, tmp_path: Path, sentence: str) -> None:
    (tmp_path / "again.txt").write_text(sentence * (2000 // len(sentence)))
    for task in (replace(tiny.task, path=str(tmp_path / "again.txt")), tiny.task):
        for kind in (PreparedText, texts.HealthyUnlisted):
            listed = task if kind is PreparedText else planted(task, texts.HealthyUnlisted)
            assert finding("overlap", replace(tiny, task=listed)).status == "pass"


def test_texts_and_random_rows_pass(prose: Experiment) -> None:
    for experiment in (prose, replace(prose, task=planted(prose.task, texts.HealthyUnlisted)), recall(prose)):
        found = finding("overlap", experiment)
        assert found.status == "pass", found.message


def test_rows_a_few_duplicates_are_counted_and_many_fail(tiny: Experiment) -> None:
    assert finding("overlap", pictures(tiny)).status == "pass"
    few = finding("overlap", pictures(tiny, repeated=3))
    assert (few.status, "(3 of 100)" in few.message) == ("warn", True), few.message
    assert finding("overlap", pictures(tiny, repeated=60)).status == "fail"
