"""`seqlab interpolate`: the pictures are what the model draws, and every mistake is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import Cli, call

from seqlab.data import png
from seqlab.generation.interpolation import FRACTIONS, between
from seqlab.journal import LabBook
from seqlab.tasks.autoencode import Autoencode, PreparedAutoencode
from seqlab.train.load import load_model

RECIPE = """
from seqlab.recipes.dln import image_dln_small
from seqlab.spec import override


def draws():
    changes = {"task.path": PATH, "task.left_out": 1, "model.dim": 8, "batch.size": 8, "budget.steps": 2}
    return override(image_dln_small(), changes, "precision=float32")
"""


@pytest.fixture(scope="module")
def images(place: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 20 training and 6 test images of 4 x 3, and a run `draws` without the class 1."""
    random = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("images")
    groups = {
        name: random.integers(0, 256, (3, rows, 4, 3, 1), dtype=np.uint8) for name, rows in (("train", 20), ("test", 6))
    }
    np.savez(folder / "three.npz", **groups)
    (folder / "mine.py").write_text(RECIPE.replace("PATH", repr(str(folder / "three.npz"))))
    result = call("run", f"{folder / 'mine.py'}:draws", "--name", "draws")
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def task(images: Path) -> PreparedAutoencode:
    return Autoencode(path=str(images / "three.npz"), left_out=1).prepare()


def test_the_pictures_are_what_the_model_draws(cli: Cli, task: PreparedAutoencode) -> None:
    found = json.loads(cli("interpolate", "draws", "--from", 2, "--to", 1, "--image", 2, "--json").stdout)
    assert [step["c"] for step in found["steps"]] == list(FRACTIONS)
    model, _, _ = load_model(LabBook().open("draws"))
    first, second = task.images("test", 2)[1], task.images("test", 1)[1]
    place = Path(found["pictures"]["interpolation"])
    picture = png.grey(place.read_bytes(), place)
    assert picture.shape == (20 * 4 + 19 * 2, 2 * 3 + 2)
    at_first, at_second = 5 * 6, 15 * 6
    for top, image in ((at_first, first), (at_second, second)):
        np.testing.assert_array_equal(picture[top : top + 4, :3], (image[0] * 255).round())
        drawn = model(image[None])[0, 0].sigmoid()
        np.testing.assert_array_equal(picture[top : top + 4, 5:], (drawn.detach() * 255).round())
    assert (picture[4:6] == 255).all()
    reconstructions = Path(found["pictures"]["reconstructions"])
    assert png.grey(reconstructions.read_bytes(), reconstructions).shape == (3 * 4 + 2 * 2, 8)


def test_each_class_has_its_error(cli: Cli, task: PreparedAutoencode) -> None:
    found = json.loads(cli("interpolate", "draws", "--from", 0, "--to", 2, "--json").stdout)
    assert [row["left_out"] for row in found["classes"]] == [False, True, False]
    model, _, _ = load_model(LabBook().open("draws"))
    scored = task.evaluate(model, "test")
    losses = [row["loss"] for row in found["classes"]]
    assert losses[1] == pytest.approx(scored["left_out_loss"])
    assert (losses[0] + losses[2]) / 2 == pytest.approx(scored["loss"])
    assert "left out of the training" in cli("interpolate", "draws", "--from", 0, "--to", 2).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("draws", "--from", 9, "--to", 1), "has the classes 0 to 2, and no class 9"),
        (("draws", "--from", 0, "--to", 1, "--image", 7), "the test split has 6 images of class 0"),
        (("tiny", "--from", 0, "--to", 1), "tiny is no auto-encoder of images"),
        (("drows", "--from", 0, "--to", 1), "draws"),
        (("draws@7", "--from", 0, "--to", 1), "draws has no checkpoint at step 7"),
    ],
)
@pytest.mark.usefixtures("images")
def test_a_mistake_is_one_sentence(cli: Cli, arguments: tuple[object, ...], said: str) -> None:
    stderr = cli("interpolate", *arguments, code=1).stderr
    assert said in stderr
    assert len(stderr.strip().splitlines()) == 1


def test_images_that_are_gone_or_damaged_are_told(cli: Cli, images: Path) -> None:
    kept = (images / "three.npz").read_bytes()
    (images / "three.npz").write_bytes(b"no arrays")
    assert "needs arrays" in cli("interpolate", "draws", "--from", 0, "--to", 1, code=1).stderr
    (images / "three.npz").write_bytes(kept)


def test_coloured_pictures_are_written(tmp_path: Path) -> None:
    from matplotlib.image import imread

    image = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
    (tmp_path / "colour.png").write_bytes(png.written(image))
    np.testing.assert_array_equal((imread(tmp_path / "colour.png") * 255).round().astype(np.uint8), image)


def test_the_steps_go_beyond_both_sides() -> None:
    first, second = torch.zeros(2), torch.ones(2)
    torch.testing.assert_close(between(first, second)[:, 0], torch.tensor(FRACTIONS))
