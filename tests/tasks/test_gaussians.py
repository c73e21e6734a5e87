"""Gaussian classes: the known optimum, streams, batches."""

import json
import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.gaussian_classes import bayes, means
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.spec import SpecError
from seqlab.tasks.gaussians import Gaussians, PreparedGaussians


def small(**fields: Any) -> PreparedGaussians:
    return Gaussians(**{"shape": (1, 4, 4), "classes": 4, "training": 50, "validation": 40, **fields}).prepare()


class Knowing(nn.Module):
    """Knows the means: the scores are the logarithms of the true densities, up to a constant."""

    def __init__(self, centres: np.ndarray) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.from_numpy(centres))

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.centres.T


@pytest.mark.parametrize(("classes", "separation"), [(2, 1.0), (10, 3.0)])
def test_the_best_possible_result_is_that_of_one_who_knows_the_means(classes: int, separation: float) -> None:
    task = small(classes=classes, separation=separation, validation=100_000, shape=(20,), seed=5)
    centres = means(classes, 20, separation, numpy_stream(5, "gaussians/means", 0))
    np.testing.assert_allclose(centres @ centres.T, separation**2 * np.eye(classes), atol=1e-5)
    found, best = task.evaluate(Knowing(centres), "val"), task.floors()["bayes"]
    error = math.sqrt(best["accuracy"] * (1 - best["accuracy"]) / 100_000)
    assert found["accuracy"] == pytest.approx(best["accuracy"], abs=4 * error)
    assert found["loss"] == pytest.approx(best["loss"], abs=0.015)


def test_of_two_classes_the_best_possible_accuracy_is_a_normal_integral() -> None:
    assert bayes(2, 1.5)["accuracy"] == pytest.approx(0.5 * math.erfc(-1.5 / 2), abs=1e-9)


def test_a_batch_depends_on_its_arguments_alone_and_an_epoch_reads_every_row_once() -> None:
    task, other = small(tasks=2), small(tasks=2)
    forwards = [task.batch(3, step, 7, step % 2).tensors for step in range(40)]
    backwards = [other.batch(3, step, 7, step % 2).tensors for step in reversed(range(40))][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert a["inputs"].equal(b["inputs"])
        assert a["labels"].equal(b["labels"])
    rows = torch.cat([task.batch(3, step, 7).tensors["inputs"] for step in range(50)])  # seven epochs
    for epoch in range(7):
        read = rows[50 * epoch : 50 * (epoch + 1)].flatten(1)
        assert sorted(map(tuple, read.tolist())) == sorted(map(tuple, task.examples("train").reshape(50, -1).tolist()))
    assert not rows[:50].equal(rows[50:100])
    assert task.batch(3, 4, 7).epoch == pytest.approx(35 / 50)


def test_what_changes_in_a_stream() -> None:
    streams = {change: small(tasks=3, classes=8, change=change) for change in ("means", "pixels", "labels")}
    first, third = ({name: task.rows("val", stage) for name, task in streams.items()} for stage in (0, 2))
    np.testing.assert_array_equal(first["means"].inputs, first["pixels"].inputs)
    assert not np.array_equal(first["means"].inputs, third["means"].inputs)
    np.testing.assert_array_equal(
        np.sort(first["pixels"].inputs.reshape(40, -1)), np.sort(third["pixels"].inputs.reshape(40, -1))
    )
    assert not np.array_equal(first["pixels"].inputs, third["pixels"].inputs)
    np.testing.assert_array_equal(first["pixels"].labels, third["pixels"].labels)
    np.testing.assert_array_equal(first["labels"].inputs, third["labels"].inputs)
    assert len(set(zip(first["labels"].labels.tolist(), third["labels"].labels.tolist(), strict=True))) == 8
    assert not np.array_equal(first["labels"].labels, third["labels"].labels)


def test_the_splits_differ_and_the_classes_are_even() -> None:
    task = small(training=80)
    assert not set(map(tuple, task.rows("train", 0).inputs.reshape(80, -1).tolist())) & set(
        map(tuple, task.rows("val", 0).inputs.reshape(40, -1).tolist())
    )
    assert np.bincount(task.rows("train", 0).labels).tolist() == [20] * 4


def test_floors() -> None:
    floors = small(separation=30.0).floors()
    assert floors["chance"] == {"loss": pytest.approx(math.log(4)), "accuracy": 0.25}
    assert floors["majority"]["loss"] == pytest.approx(math.log(4), rel=0.01)
    assert floors["nearest_mean"]["accuracy"] == floors["bayes"]["accuracy"] == pytest.approx(1.0)


def test_bad_input() -> None:
    with pytest.raises(SpecError, match="20 classes need rows of at least as many numbers, and `shape`"):
        small(classes=20)
    with pytest.raises(DataError, match="50 training rows do not fill a batch of 51"):
        small().check_batch(51)


def test_a_signature_survives_its_saved_form_and_old_ones_open() -> None:
    new = small().signature
    assert Signature.from_json(json.loads(json.dumps(asdict(new)))) == new
    assert (new.shape, new.outputs) == ((1, 4, 4), 4)
    old = Signature.from_json({"vocabulary": 256, "length": 128})
    assert old == Signature(vocabulary=256, length=128)
    assert old.outputs == 256
