"""Alarms about results: made-up records, each with one thing to be told, and one tiny run that was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tasks_for_tests import pictures, recall

from seqlab.audits import Finding
from seqlab.audits.shared.gate import chosen
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Experiment
from seqlab.journal import LabBook
from seqlab.spec import to_json
from seqlab.train.start import prepare
from tiny_runs import carried_out

TEXT_FLOORS = {
    "uniform": {"nats_per_symbol": 5.545, "bits_per_byte": 8.0},
    "unigram": {"nats_per_symbol": 3.35, "bits_per_byte": 4.83},
    "bigram": {"nats_per_symbol": 2.486, "bits_per_byte": 3.586},
    "ngram": {"nats_per_symbol": 1.669, "bits_per_byte": 2.408, "context_bytes": 4},
}

Line = Mapping[str, float]


def told(
    name: str,
    experiment: Experiment,
    lines: Sequence[Line] = (),
    floors: Mapping[str, Any] = TEXT_FLOORS,
    steps: int = 600,
) -> Finding:
    """What an audit says of a record with these lines, evenly spread over the steps."""
    run = LabBook().create(to_json(experiment), origin={})
    with run.attempt() as attempt:
        for index, line in enumerate(lines):
            attempt.log(step=steps * (index + 1) // len(lines), **line)
        attempt.summarise(floors=floors)
    return chosen([name])[name].examine(Subject(prepare(experiment).training, "trained", run=run))


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (5.56, "no better than uniform (5.545): the model is at chance"),
        (3.34, "no better than unigram (3.35): the model is at a trivial floor"),
        (2.6, "no better than bigram (2.486): the model is at a trivial floor"),
        (1.7, "no better than ngram (1.669): the model is below the plain baseline"),
    ],
)
def test_a_loss_that_beats_no_floor_is_told(tiny: Experiment, loss: float, said: str) -> None:
    found = told("floors", tiny, [{"val/loss": loss}])
    assert (found.status, said in found.message) == ("warn", True), found.message
    assert found.measured["loss"] == loss


def test_an_accuracy_at_the_majority_is_told(tiny: Experiment) -> None:
    floors = {"majority": {"accuracy": 0.5}, "logistic": {"accuracy": 0.897}}
    found = told("floors", pictures(tiny), [{"val/accuracy": 0.502, "val/loss": 0.69}], floors)
    assert (found.status, "no better than majority" in found.message) == ("warn", True)
    found = told("floors", pictures(tiny), [{"val/accuracy": 0.86, "val/loss": 0.4}], floors)
    assert "no better than logistic (0.897): the model is below the plain baseline" in found.message
    assert told("floors", pictures(tiny), [{"val/accuracy": 0.9, "val/loss": 0.3}], floors).status == "pass"


def test_a_handful_of_steps_is_said_and_still_told(tiny: Experiment) -> None:
    found = told("floors", tiny, [{"val/loss": 5.6}], steps=4)
    assert (found.status, "after 4 steps nothing else can be expected" in found.message) == ("warn", True)


def test_a_result_below_every_floor_passes_and_no_result_does_not_apply(tiny: Experiment) -> None:
    assert told("floors", tiny, [{"val/loss": 1.47}]).status == "pass"
    assert "does not apply" in told("floors", tiny).message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"val/loss": math.log(1.006)}, "far below the best n-gram's"),
        ({"val/loss": 0.5}, "far below the best n-gram's"),
        ({"val/loss": 1.2, "val/accuracy": 1.0}, "accuracy of 1 leaves no error"),
        ({"val/loss": 1.2, "train/loss": 2.6}, "far below the training loss"),
    ],
)
def test_a_result_that_is_too_good_names_what_to_look_at(tiny: Experiment, line: Line, said: str) -> None:
    found = told("too_good", tiny, [line] * 6)
    assert (found.status, said in found.message) == ("warn", True), found.message
    assert "causality" in found.message
    assert "overlap" in found.message


def test_without_an_ngram_a_perplexity_near_one_is_too_good(tiny: Experiment) -> None:
    floors = {"unigram": {"nats_per_symbol": 3.0}}
    found = told("too_good", tiny, [{"val/loss": 0.1}], floors)
    assert (found.status, "perplexity of 1.105" in found.message) == ("warn", True)


@pytest.mark.parametrize(
    ("line", "floors"),
    [
        ({"val/loss": 0.9, "val/accuracy": 0.72, "train/loss": 0.8}, TEXT_FLOORS),
        ({"val/loss": 1.3, "val/accuracy": 0.6, "train/loss": 1.6}, TEXT_FLOORS),
        ({"val/loss": 0.01, "val/accuracy": 1.0, "train/loss": 0.01}, {"ngram": {"nats_per_symbol": 0.03}}),
    ],
)
def test_good_results_and_easy_data_pass(tiny: Experiment, line: Line, floors: Mapping[str, Any]) -> None:
    assert told("too_good", tiny, [line] * 6, floors).status == "pass"


def test_a_generated_task_may_be_solved(tiny: Experiment) -> None:
    solved = {"val/loss": 1e-4, "val/accuracy": 1.0}
    assert told("too_good", recall(tiny), [solved], {"chance": {"accuracy": 0.05}}).status == "pass"


def curves(loss: Sequence[float], accuracy: Sequence[float]) -> list[Line]:
    return [{"val_subset/loss": a, "val_subset/accuracy": b} for a, b in zip(loss, accuracy, strict=True)]


def test_metrics_that_disagree_about_the_best_step_are_told(tiny: Experiment) -> None:
    found = told("best_checkpoint", tiny, curves([0.9, 0.6, 0.7, 0.8, 1.0, 1.2], [0.6, 0.8, 0.84, 0.87, 0.89, 0.91]))
    assert found.status == "warn"
    assert "step 200 has 0.6 and accuracy 0.8, step 600 has 1.2 and 0.91" in found.message


@pytest.mark.parametrize(
    ("loss", "accuracy"),
    [
        ([0.9, 0.6, 0.5], [0.6, 0.8, 0.84]),
        ([0.9, 0.5, 0.505], [0.6, 0.8, 0.84]),
        ([0.9, 0.5, 0.9], [0.6, 0.8, 0.805]),
        ([0.9, 0.5], [0.6, 0.9]),
    ],
)
def test_metrics_that_nearly_agree_pass(tiny: Experiment, loss: Sequence[float], accuracy: Sequence[float]) -> None:
    assert told("best_checkpoint", tiny, curves(loss, accuracy)).status == "pass"


def test_a_run_of_a_few_steps_is_told_truthfully(tiny: Experiment) -> None:
    run, training, _ = carried_out(tiny)
    subject = Subject(training, "trained", run=run)
    results = {name: chosen([name])[name].examine(subject) for name in ("floors", "too_good", "collapse")}
    assert "after 8 steps nothing else can be expected" in results["floors"].message
    assert results["too_good"].status == "pass"
    assert results["collapse"].measured["entropy_of_ln_v"] > 0.9
