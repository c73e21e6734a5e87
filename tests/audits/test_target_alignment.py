"""Targets that are not what comes next, each named; and tasks that score only some positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import planted_texts as texts
import pytest
from planted_texts import planted
from tasks_for_tests import finding, pictures, recall

from seqlab.experiment import Experiment
from seqlab.tasks.text import PreparedText


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (texts.Twice, "shifted by two"),
        (texts.Backwards, "shifted backwards"),
        (texts.InPlace, "the inputs themselves"),
        (texts.Shuffled, "cut from different places"),
    ],
)
def test_another_shift_is_named(tiny: Experiment, fault: Callable[..., PreparedText], named: str) -> None:
    found = finding("target_alignment", replace(tiny, task=planted(tiny.task, fault)))
    assert found.status == "fail"
    assert named in found.message


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_task_that_scores_some_positions_passes(tiny: Experiment, everywhere: bool) -> None:
    assert finding("target_alignment", recall(tiny, loss_everywhere=everywhere)).status == "pass"


def test_a_text_passes_and_a_classifier_has_no_next_symbol(tiny: Experiment) -> None:
    found = finding("target_alignment", tiny)
    assert found.status == "pass"
    assert found.measured["next_right"] > found.measured["limit"]
    assert "does not apply" in finding("target_alignment", pictures(tiny)).message


def test_targets_that_go_round_are_told(tiny: Experiment) -> None:
    found = finding("target_alignment", replace(tiny, task=planted(tiny.task, texts.Rolled)))
    assert found.status == "warn"
    assert "the last target of every row is the row's first symbol" in found.message
