"""`seqlab interpolate`: the pictures are what the model draws, and every mistake is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from calling import Cli, call

from seqlab.data import png
from seqlab.generation.interpolation import FRACTIONS, between, side_by_side
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
    scale = 19  # 3 pixels become 57, the least that is 56 at least
    high, wide = 4 * scale, 3 * scale
    assert picture.shape == (20 * high + 19 * 2, 2 * wide + 2)
    for row, image in ((5, first), (15, second)):
        shown = picture[row * (high + 2) :][:high]
        np.testing.assert_array_equal(shown[:, :wide], np.kron((image[0] * 255).round(), np.ones((scale, scale))))
        drawn = (model(image[None])[0, 0].sigmoid().detach() * 255).round()
        np.testing.assert_array_equal(shown[:, wide + 2 :], np.kron(drawn, np.ones((scale, scale))))
    assert (picture[high : high + 2] == 255).all()
    reconstructions = Path(found["pictures"]["reconstructions"])
    assert png.grey(reconstructions.read_bytes(), reconstructions).shape == (3 * high + 2 * 2, 2 * wide + 2)


@pytest.mark.usefixtures("images")
def test_the_terminal_says_which_row_is_which(cli: Cli) -> None:
    said = cli("interpolate", "draws", "--from", 2, "--to", 1, "--image", 2).stdout
    assert "left: first + (second - first) c, c from -0.5 (top) to 1.4 by 0.1; right: drawn" in said
    assert "c = 0, row 6: image 2 of class 2; c = 1, row 16: image 2 of class 1" in said
    assert "left: the first image of each class, 0 (top) to 2; right: drawn" in said


@pytest.mark.parametrize(("width", "across"), [(14, 56), (28, 56), (32, 64), (56, 56), (64, 64)])
def test_small_images_are_enlarged_by_whole_numbers(width: int, across: int) -> None:
    assert side_by_side([torch.zeros(1, 3, 5, width)]).shape == (5 * across // width, across, 3)


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
