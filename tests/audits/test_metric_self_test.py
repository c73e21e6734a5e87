"""Metrics that do not measure what they are called, each named; and metrics of other tasks that are right."""

from __future__ import annotations

import re
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
        (texts.OverClasses, r"training loss .* divided by the vocabulary \(256\)"),
        (texts.MeanAgain, "training loss .* divided by the number of scored symbols once more"),
        (texts.SoftmaxTwice, "training loss .* softmax is applied twice"),
        (texts.OverVocabulary, r"evaluation's loss .* divided by the vocabulary \(256\)"),
        (texts.InBits, "in bits, not in nats"),
        (texts.Summed, "which no share can be"),
        (texts.WrongCount, "0.5 times what it must be"),
        (texts.AgainstInputs, "accuracy of a model that has .* right"),
        (texts.AlongTime, "another axis"),
        (texts.FlatInTraining, "accuracy that the training loss returns .* flattened"),
        (texts.SmoothedAndMiscounted, "accuracy that the training loss returns .* 0.9 times"),
        (texts.EvaluatedInPlace, "the evaluation scores the inputs themselves"),
        (texts.EvaluatedAtRandom, "not what comes next, though it scores every position"),
        (texts.WrongBits, "bits_per_byte is"),
        (texts.WrongPerplexity, "perplexity is"),
    ],
)
def test_a_metric_that_is_wrong_is_named(tiny: Experiment, fault: Callable[..., PreparedText], named: str) -> None:
    found = finding("metric_self_test", replace(tiny, task=planted(tiny.task, fault)))
    assert found.status == "fail"
    assert re.search(named, found.message), found.message


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_task_that_scores_the_last_position_passes(tiny: Experiment, everywhere: bool) -> None:
    found = finding("metric_self_test", recall(tiny, loss_everywhere=everywhere))
    assert found.status == "pass", found.message
    assert "does not apply" not in found.message


def test_classes_and_other_symbols_pass(tiny: Experiment) -> None:
    clipped = replace(tiny, task=planted(tiny.task, texts.Clipped))
    for experiment in (
        clipped,
        replace(tiny, task=planted(tiny.task, texts.Smoothed)),
        pictures(tiny),
        replace(tiny, task=replace(tiny.task, symbols="characters", overlap=0.0)),
    ):
        found = finding("metric_self_test", experiment)
        assert found.status == "pass", found.message
        assert "does not apply" not in found.message
