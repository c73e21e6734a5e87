"""`seqlab interpolate`: what an auto-encoder draws between two images, and of each class."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render
from seqlab.cli.options import RunAt

if TYPE_CHECKING:
    from torch import Tensor

    from seqlab.journal import Run
    from seqlab.tasks.autoencode import PreparedAutoencode


@click.command()
@options.run_at_argument
@click.option("--from", "first", metavar="CLASS", type=int, required=True, help="The class of the first image.")
@click.option("--to", "second", metavar="CLASS", type=int, required=True, help="The class of the second image.")
@click.option(
    "--image", "number", metavar="N", type=click.IntRange(min=1), default=1, show_default=True,
    help="Which held-out image of each class.",
)  # fmt: skip
@click.option("--split", type=click.Choice(["val", "test"]), default="test", show_default=True, help="Of which images.")
@click.option(
    "--out", "folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Where the pictures go [default: samples/ in the run's folder].",
)  # fmt: skip
@options.as_json
@options.book_option
def command(
    run_at: RunAt, first: int, second: int, number: int, split: str, folder: Path | None, as_json: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """Show what an auto-encoder draws between two images.

    Writes two PNG pictures. interpolate-FROM-TO.png has a row for each step first + (second - first) c, c from -0.5 to
    1.4, shown at the left and drawn at the right; reconstructions.png has the first image of each class and what is
    drawn of it. Printed is the error of each class, also of one that was left out of the training.
    """
    import torch

    from seqlab.generation.interpolation import FRACTIONS, drawn, interpolate, side_by_side
    from seqlab.journal import LabBook
    from seqlab.train.load import load_model

    run = LabBook(runs).open(run_at.name)
    task = _task(run)
    ends = [_image(task, split, label, number) for label in (first, second)]
    model, checkpoint, skipped = load_model(run, run_at.step)
    for sentence in skipped:
        click.echo(sentence, err=True)
    steps = interpolate(model, *ends)
    of_classes = torch.cat([task.images(split, label)[:1] for label in range(task.classes)])
    steps_picture = side_by_side([steps.shown, steps.drawn])
    place = folder or run.folder / "samples"
    found = {
        "run": run.name,
        "step": checkpoint.step,
        "split": split,
        "from": first,
        "to": second,
        "image": number,
        "pictures": {
            "interpolation": _write(place / f"interpolate-{first}-{second}.png", steps_picture),
            "reconstructions": _write(
                place / "reconstructions.png", side_by_side([of_classes, drawn(model, of_classes)])
            ),
        },
        "steps": [{"c": c, "loss": error} for c, error in zip(FRACTIONS, steps.errors(), strict=True)],
        "classes": [
            {"class": label, "left_out": label == task.spec.left_out, **task.of_class(model, split, label)}
            for label in range(task.classes)
        ],
    }
    if as_json:
        render.json_out(found)
    else:
        _print(found)


def _task(run: Run) -> PreparedAutoencode:
    """The run's task with its data. Raises ClickException for a run that is no auto-encoder."""
    from seqlab.tasks.autoencode import Autoencode
    from seqlab.train.load import experiment_of

    task = experiment_of(run).task
    if not isinstance(task, Autoencode):
        raise click.ClickException(
            f"{run.name} is no auto-encoder of images, so there is nothing to draw; `seqlab run dln:image_dln_small` "
            "trains one."
        )
    return task.prepare()


def _image(task: PreparedAutoencode, split: str, label: int, number: int) -> Tensor:
    images = task.images(split, label)
    if number > len(images):
        raise click.ClickException(
            f"--image {number}: the {split} split has {len(images)} images of class {label}; choose one of these."
        )
    return images[number - 1]


def _write(path: Path, picture: Any) -> str:
    from seqlab.data import png
    from seqlab.journal.files import clearly, replace_bytes

    with clearly(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    replace_bytes(path, png.written(picture))
    return str(path)


def _print(found: dict[str, Any]) -> None:
    click.echo(f"{click.style(found['run'], bold=True)} at step {found['step']:,} ({found['split']})\n")
    rows = [
        [str(row["class"]), render.figure(row["loss"]), render.figure(row["accuracy"]), _remark(row)]
        for row in found["classes"]
    ]
    render.table(["class", "squared error", "accuracy", ""], rows, left=[""])
    c = [row["c"] for row in found["steps"]]
    first, second = (f"image {found['image']} of class {found[end]}" for end in ("from", "to"))
    click.echo(f"\n  {found['pictures']['interpolation']}")
    click.echo(
        f"  left: first + (second - first) c, c from {c[0]:g} (top) to {c[-1]:g} by {c[1] - c[0]:.1g}; right: drawn"
    )
    click.echo(f"  c = 0, row {c.index(0) + 1}: {first}; c = 1, row {c.index(1) + 1}: {second}")
    click.echo(f"\n  {found['pictures']['reconstructions']}")
    click.echo(f"  left: the first image of each class, 0 (top) to {len(found['classes']) - 1}; right: drawn")


def _remark(row: dict[str, Any]) -> str:
    return "left out of the training" if row["left_out"] else ""
