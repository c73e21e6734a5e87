"""Audits of models that put whole rows into classes: no alarm for what is right, and faults told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tasks_for_tests import finding

import seqlab
from seqlab.audits.shared.gate import defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.data.labelled import Labelled
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.models.mlp import MLP
from seqlab.nn.inits.he import He
from seqlab.optim.optimisers.adam import Adam
from seqlab.tasks.gaussians import Gaussians, PreparedGaussians
from seqlab.train.start import prepare


class Faulty(Gaussians):
    """Gaussian classes with one thing done wrongly."""

    fault: str
    """Which."""

    def prepare(self) -> PreparedGaussians:
        return FAULTS[self.fault](self)


class ShuffledLabels(PreparedGaussians):
    """Labels of training are those of other rows."""

    def rows(self, split: str, stage: int) -> Labelled:
        data = super().rows(split, stage)
        order = np.random.default_rng(0).permutation(len(data)) if split == "train" else np.arange(len(data))
        return Labelled(data.inputs, data.labels[order])


class TrainedOnValidation(PreparedGaussians):
    """Trains on what is evaluated."""

    def rows(self, split: str, stage: int) -> Labelled:
        return super().rows("val", stage)


class WrongShare(PreparedGaussians):
    """The accuracy is a share of the classes."""

    def evaluate(self, *given: Any, **named: Any) -> dict[str, float]:
        found = super().evaluate(*given, **named)
        return {**found, "accuracy": found["accuracy"] / 4}


class OneLabelLater(PreparedGaussians):
    """Each row is taught the label of the next row of its batch."""

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Any:
        batch = super().batch(seed, step, size, stage)
        batch.tensors["labels"] = batch.tensors["labels"].roll(1)
        return batch


FAULTS = {kind.__name__: kind for kind in (ShuffledLabels, TrainedOnValidation, WrongShare, OneLabelLater)}


def classified(task: Gaussians | None = None, **fields: Any) -> Experiment:
    return Experiment(
        **{
            "task": task or of_four(),
            "model": MLP(widths=(32,)),
            "optim": Adam(lr=3e-3),
            "budget": Budget(steps=60),
            "batch": Batching(size=32),
            **fields,
        }
    )


def of_four(kind: type[Gaussians] = Gaussians, **fields: Any) -> Gaussians:
    return kind(shape=(1, 4, 4), classes=4, training=400, validation=300, separation=5.0, **fields)


def trained(experiment: Experiment, folder: Path) -> dict[str, str]:
    """The findings about what was trained, by audit."""
    return {found["name"]: found["status"] for found in seqlab.run(experiment, runs=folder).audits["trained"]}


@pytest.mark.parametrize("change", ["means", "pixels", "labels"])
def test_a_stream_raises_no_alarm(change: Any) -> None:
    subject = Subject(prepare(classified(of_four(tasks=3, change=change))).training)
    results = list(examine(subject, defaults(subject)))
    assert results
    for result in results:
        assert result.status == "pass", result.sentence()


def test_what_learned_raises_no_alarm(tmp_path: Path) -> None:
    found = trained(classified(), tmp_path)
    assert found.pop("floors") in ("pass", "warn"), "the class of the nearest mean is hard to beat"
    assert set(found.values()) == {"pass"}


@pytest.mark.parametrize(
    ("fault", "audit", "told"),
    [
        ("TrainedOnValidation", "overlap", "100.0% of the val rows occur in the training data"),
        ("WrongShare", "metric_self_test", "0.25 times what it must be"),
    ],
)
def test_faults_are_told_before_training(fault: str, audit: str, told: str) -> None:
    found = finding(audit, classified(of_four(Faulty, fault=fault)))
    assert found.status == "fail"
    assert told in found.message


@pytest.mark.parametrize("fault", ["ShuffledLabels", "OneLabelLater"])
def test_labels_of_other_rows_are_told_by_the_result(fault: str, tmp_path: Path) -> None:
    run = seqlab.run(classified(of_four(Faulty, fault=fault)), runs=tmp_path)
    told = {found["name"]: found for found in run.audits["trained"]}["floors"]
    assert told["status"] == "warn"
    assert "is at chance, so it has learned nothing" in told["message"]


def test_a_result_above_the_best_possible_is_told(tmp_path: Path) -> None:
    task = Faulty(shape=(64,), classes=4, training=300, validation=300, separation=1.0, fault="TrainedOnValidation")
    run = seqlab.run(classified(task, accept=("overlap",), budget=Budget(steps=150)), runs=tmp_path)
    told = {found["name"]: found for found in run.audits["trained"]}["too_good"]
    assert told["status"] == "warn"
    assert "is above the best possible (bayes, 0.552)" in told["message"]


def test_logits_that_are_too_large_are_told() -> None:
    assert finding("init_loss", classified()).status == "pass"
    assert finding("init_loss", classified(model=MLP(widths=(32,), init=He(scale=5.0)))).status == "fail"
