"""Auto-encoding: what is asked, what is left out, the floors, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import seqlab
from seqlab.data import DataError, idx
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.dln import DLN
from seqlab.models import Block
from seqlab.models.classifier import Classifier
from seqlab.models.mlp import MLP
from seqlab.models.tiled import Tiled
from seqlab.optim.optimisers.adam import Adam
from seqlab.spec import SpecError
from seqlab.tasks.autoencode import Autoencode, PreparedAutoencode, image_errors

CLASSES = 3


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three classes of 20 training and 6 test images of 4 x 3."""
    random = np.random.default_rng(0)
    groups = {
        name: random.integers(0, 256, (CLASSES, rows, 4, 3, 1), dtype=np.uint8)
        for name, rows in (("train", 20), ("test", 6))
    }
    place = tmp_path_factory.mktemp("images") / "three.npz"
    np.savez(place, **groups)
    return str(place)


def prepared(path: str, **fields: Any) -> PreparedAutoencode:
    return Autoencode(path=path, **fields).prepare()


class Draws(nn.Module):
    """Draws one image, whatever is shown."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.image = nn.Parameter(torch.logit(image.clamp(1e-6, 1 - 1e-6)))

    def forward(self, images: Tensor) -> Tensor:
        return self.image.expand_as(images)


def test_the_floors_are_what_such_a_model_scores(path: str) -> None:
    task = prepared(path)
    mean = task.read(task.rows("train", 0).inputs).mean(0)
    for floor, image in (("black_image", torch.zeros(1, 4, 3)), ("mean_image", mean)):
        scored = task.evaluate(Draws(image), "val")
        for name, value in task.floors()[floor].items():
            assert scored[name] == pytest.approx(value, abs=1e-5)


def test_loss_and_accuracy_are_the_formulas(path: str) -> None:
    task, image = prepared(path), torch.full((1, 4, 3), 0.5)
    batch = task.batch(0, 0, 8)
    loss, others = task.loss(Draws(image), batch)
    far = (batch.tensors["inputs"] - 0.5).flatten(1)
    torch.testing.assert_close(loss, far.square().mean(1).sum())
    torch.testing.assert_close(others["accuracy"], (far.abs() < 0.2).float().mean(1).sum())
    assert batch.scored == 8


def test_a_class_left_out_is_not_trained_on_and_scored_by_itself(path: str) -> None:
    task = prepared(path, left_out=1)
    assert set(task.rows("train", 0).labels) == set(task.rows("val", 0).labels) == {0, 2}
    assert set(task.rows("test", 0).labels) == {0, 2}
    model = Draws(torch.full((1, 4, 3), 0.5))
    scored = task.evaluate(model, "test")
    assert tuple(scored) == task.metrics == ("loss", "accuracy", "left_out_loss", "left_out_accuracy")
    with torch.no_grad():
        errors, _ = image_errors(model, task.images("test", 1))
    assert len(errors) == 6
    assert scored["left_out_loss"] == pytest.approx(float(errors.mean()))


def test_held_out_images_are_counted(path: str) -> None:
    image = torch.rand(1, 4, 3)
    task = prepared(path, scored=2)
    with torch.no_grad():
        errors, _ = image_errors(Draws(image), task.read(task.rows("val", 0).inputs[:2]))
    assert task.evaluate(Draws(image), "val")["loss"] == pytest.approx(float(errors.mean()))


def uneven(folder: Path, of_second: int) -> str:
    """A folder as MNIST's: 26 training images of the classes 0 and 1, a test image of each."""
    labels = np.repeat([0, 1], [26 - of_second, of_second])
    for name, held in (("train", labels), ("t10k", np.arange(2))):
        images = np.zeros((len(held), 4, 3), np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx.written(images))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx.written(held.astype(np.uint8)))
    return str(folder)


def test_what_is_not_there_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has the classes 0 to 2, and no class 7"):
        prepared(path, left_out=7)
    with pytest.raises(DataError, match="no class 3"):
        prepared(path).images("val", 3)
    with pytest.raises(DataError, match="has no val images of class 1"):
        prepared(uneven(tmp_path, 6), left_out=1)
    with pytest.raises(DataError, match="has no val images but those of class 1, which is left out"):
        prepared(uneven(tmp_path, 20), left_out=1)
    signature = prepared(path).signature
    for model in (MLP(), Classifier(layers=(Block(mixer=DLN()),))):
        with pytest.raises(SpecError, match="asks for the input itself"):
            model.build(signature)


@pytest.mark.parametrize(
    ("begins", "counts", "said"), [(b"\0\0\x0d\3", 4, "no IDX file"), (None, 3, "4 images and 3 labels")]
)
def test_a_file_of_wrong_magic_or_count_is_refused(
    begins: bytes | None, counts: int, said: str, tmp_path: Path
) -> None:
    images, labels = np.zeros((4, 2, 2), np.uint8), np.zeros(counts, np.uint8)
    for name in ("train", "t10k"):
        written = idx.written(images)
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(written if begins is None else begins + written[4:])
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx.written(labels))
    with pytest.raises(DataError, match=said):
        prepared(str(tmp_path))


def test_an_auto_encoder_learns(path: str, tmp_path: Path) -> None:
    experiment = Experiment(
        task=Autoencode(path=path, left_out=2),
        model=Tiled(dim=8, mixers=(DLN(),)),
        optim=Adam(lr=1e-2),
        batch=Batching(size=8),
        budget=Budget(steps=30),
        precision="float32",
    )
    run = seqlab.run(experiment, runs=tmp_path)
    assert run.metrics.last["val/loss"] < run.summary["floors"]["black_image"]["loss"] / 2
    assert "test/left_out_loss" in run.metrics.last
