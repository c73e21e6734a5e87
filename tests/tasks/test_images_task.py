"""Images as a task: splits, streams, and what is refused."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import seqlab
from seqlab.cli.main import main
from seqlab.data import DataError
from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.models.mlp import MLP
from seqlab.optim.optimisers.adam import Adam
from seqlab.spec import SpecError, id
from seqlab.tasks.images import Images, PreparedImages
from tiny_runs import queued, stopped

CLASSES = 6


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Six classes of 20 training and 5 test images; the first pixel is the class, the second the image's number."""
    groups = {}
    for name, rows in (("train", 20), ("test", 5)):
        images = np.random.default_rng(rows).integers(0, 256, (CLASSES, rows, 4, 3, 1), dtype=np.uint8)
        images[..., 0, 0, 0] = np.arange(CLASSES)[:, None]
        images[..., 0, 1, 0] = np.arange(rows)
        groups[name] = images
    place = tmp_path_factory.mktemp("images") / "six.npz"
    np.savez(place, **groups)
    return str(place)


def prepared(path: str, **fields: Any) -> PreparedImages:
    return Images(path=path, **fields).prepare()


def test_the_last_images_of_each_class_are_held_out(path: str) -> None:
    task = prepared(path, validation=0.25)
    train, val, test = (task.rows(split, 0) for split in ("train", "val", "test"))
    assert np.bincount(train.labels).tolist() == [15] * CLASSES
    assert np.bincount(val.labels).tolist() == [5] * CLASSES
    assert np.bincount(test.labels).tolist() == [5] * CLASSES
    assert train.inputs[:, 0, 0, 1].max() == 14
    assert val.inputs[:, 0, 0, 1].min() == 15
    for part in (train, val, test):
        np.testing.assert_array_equal(part.inputs[:, 0, 0, 0], part.labels)
    assert task.splits() == ("val", "test")


def test_a_model_reads_bytes_divided_by_255(path: str) -> None:
    task = prepared(path)
    batch = task.batch(0, 0, 9).tensors
    assert batch["inputs"].dtype == torch.float32
    assert batch["inputs"].shape == (9, 1, 4, 3)
    torch.testing.assert_close((batch["inputs"][:, 0, 0, 0] * 255).round().long(), batch["labels"])
    assert task.signature.shape == (1, 4, 3)
    assert task.signature.outputs == CLASSES


def test_pixels_are_ordered_anew_in_each_task(path: str) -> None:
    plain, task = prepared(path), prepared(path, change="pixels", tasks=2)
    due = plain.rows("val", 0)
    for stage in (0, 1):
        found, train = task.rows("val", stage), task.rows("train", stage)
        np.testing.assert_array_equal(found.labels, due.labels)
        np.testing.assert_array_equal(np.sort(found.inputs.reshape(-1, 12)), np.sort(due.inputs.reshape(-1, 12)))
        assert not np.array_equal(found.inputs, due.inputs)
        place = [p for p in range(12) if np.array_equal(train.inputs.reshape(-1, 12)[:, p], train.labels)]
        np.testing.assert_array_equal(found.inputs.reshape(-1, 12)[:, place[0]], found.labels)
    assert not np.array_equal(task.rows("val", 0).inputs, task.rows("val", 1).inputs)


def test_labels_are_dealt_anew_in_each_task(path: str) -> None:
    task = prepared(path, change="labels", tasks=2, training=30)
    first, second = task.rows("train", 0), task.rows("train", 1)
    np.testing.assert_array_equal(first.inputs, second.inputs)
    assert len(first) == 30
    assert not np.array_equal(first.labels, second.labels)
    assert not np.array_equal(first.labels, first.inputs[:, 0, 0, 0])
    np.testing.assert_array_equal(np.sort(first.labels), np.sort(first.inputs[:, 0, 0, 0]))


def test_each_class_occurs_in_one_task(path: str) -> None:
    task = prepared(path, change="classes", tasks=3, training=20)
    seen = []
    for stage in range(3):
        classes = task.classes_of(stage)
        for split, each in (("train", 10), ("val", 2), ("test", 5)):
            part = task.rows(split, stage)
            assert np.bincount(part.labels).tolist() == [each, each]
            np.testing.assert_array_equal(classes[part.labels], part.inputs[:, 0, 0, 0])
        assert task.rows("train", stage).inputs[:, 0, 0, 1].max() == 9
        seen += classes.tolist()
    assert sorted(seen) == list(range(CLASSES))
    assert prepared(path, change="classes", tasks=3, seed=1).classes_of(0).tolist() != seen[:2]
    many = prepared(path, change="classes", tasks=40, repeats=True)
    assert {tuple(sorted(many.classes_of(stage))) for stage in range(40)} > {(0, 1)}
    assert task.signature.outputs == 2


def test_the_same_images_elsewhere_are_the_same_experiment(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(path, tmp_path / "copy.npz")
    monkeypatch.chdir(tmp_path)
    assert id(Images(path="copy.npz")) == id(Images(path=path))
    assert Images(path="copy.npz").anchored().path == str(tmp_path / "copy.npz")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"change": "classes", "tasks": 4}, "has 6 classes, which make 3 tasks of 2, and `task.tasks` asks for 4"),
        ({"change": "classes", "classes": 7}, "has 6 classes, and `task.classes` asks for 7 in each task"),
        ({"change": "classes", "classes": 7, "repeats": True}, "has 6 classes, and `task.classes` asks for 7"),
        ({"change": "classes", "classes": 3, "training": 2}, "`task.training` asks for 2 images of 3 classes"),
        ({"change": "classes", "training": 60}, "class 0 has 18 images in its train part, and 30 are needed"),
        ({"training": 200}, "has 108 training images beside those held out, and `task.training` asks for 200"),
        (
            {"change": "classes", "training": 21},
            r"`task.training` asks for 21 images of 2 classes, and a task has equally many of each; ask for 20 or 22",
        ),
    ],
)
def test_more_than_there_is(path: str, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        prepared(path, **fields)


def test_a_stream_must_change() -> None:
    with pytest.raises(SpecError, match="needs something that changes from task to task"):
        Images(tasks=2)


def streamed(path: str) -> Experiment:
    return Experiment(
        task=Images(path=path, change="classes", tasks=3),
        model=MLP(widths=(8,)),
        optim=Adam(lr=0.01),
        batch=Batching(size=9),
        budget=Budget(steps=8),  # two epochs of 36 rows
        evaluation=Evaluation(every_steps=5, log_every_steps=1),
        precision="float64",
    )


def test_a_stream_is_recorded_task_by_task(path: str, tmp_path: Path) -> None:
    run = seqlab.run(streamed(path), runs=tmp_path)
    lines = [line for line in run.metrics.lines() if "train/accuracy" in line]
    assert [line["task"] for line in lines] == [1] * 8 + [2] * 8 + [3] * 8
    assert [line["epoch"] for line in lines] == [0.25 * step for step in range(1, 9)] * 3
    assert run.metrics.curve("val_subset/accuracy")[0] == [5, 8, 10, 15, 16, 20]
    assert run.metrics.curve("test/accuracy")[0] == [24]


def test_what_is_scored_is_the_task_that_was_trained(path: str, tmp_path: Path) -> None:
    run = seqlab.run(streamed(path), runs=tmp_path)
    task = run.spec.task.prepare()
    last = task.evaluate(run.model, "test", stage=2)
    assert run.metrics.last["test/loss"] == pytest.approx(last["loss"], rel=1e-6)
    first = task.evaluate(run.model, "test", stage=0)
    assert not math.isclose(last["loss"], first["loss"], rel_tol=1e-3)
    for number, due in (((), last), (("--task", "1"), first)):
        said = CliRunner().invoke(
            main, ["eval", run.name, "--split", "test", "--json", "--runs", str(tmp_path), *number]
        )
        assert json.loads(said.output)["metrics"]["test/loss"] == pytest.approx(due["loss"], rel=1e-6)
    said = CliRunner().invoke(main, ["eval", run.name, "--task", "4", "--runs", str(tmp_path)])
    assert "has 3 tasks" in said.output


def test_a_stream_goes_on_with_the_images_that_it_began_with(path: str, tmp_path: Path) -> None:
    """In the middle of its second task; other images under the same name, and none at all."""
    images = tmp_path / "six.npz"
    shutil.copy(path, images)
    run = queued(streamed(str(images)))
    stopped(run, at=10)
    with np.load(path) as held:
        np.savez(images, train=held["train"][::-1], test=held["test"])
    for told in ("six.npz is no longer the file that run was trained on", "there is no file"):
        said = CliRunner().invoke(main, ["resume", run.name, "--runs", str(run.folder.parent)])
        assert said.exit_code == 1
        assert told in said.stderr
        assert said.stderr.count("\n") == 1
        assert len(run.attempts()) == 1
        images.unlink(missing_ok=True)


def test_rows_lie_in_one_piece(path: str) -> None:
    """Permuted pixels come out of numpy column by column; a batch of them would take ten times as long."""
    task = prepared(path, change="pixels")
    assert task.kept("train", 0).inputs.flags.c_contiguous


def test_colours_become_grey(path: str, tmp_path: Path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [10, 200, 30]], np.uint8)
    images = np.broadcast_to(colours[None, :, None, None], (2, 5, 1, 1, 3))
    np.savez(tmp_path / "colours.npz", train=images, test=images)
    rows = Images(path=str(tmp_path / "colours.npz"), grey=True, validation=0.2).prepare().rows("test", 0)
    assert rows.inputs.shape == (10, 1, 1, 1)
    assert rows.inputs[:5].flatten().tolist() == [76, 150, 29, 255, 124]
    with pytest.raises(DataError, match=r"images of 1 channels, and `task.grey` needs red, green and blue"):
        prepared(path, grey=True)
