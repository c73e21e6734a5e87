"""How the tests call the command line: in this process, as a shell would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result

from seqlab.cli.main import main

TEXT = "the cat sat on the mat and the dog lay on the log. " * 40
TINY = (
    "task.length=16", "batch.size=2", "budget.steps=4", "model.dim=8", "model.layers.all.mixer.heads=2",
    "model.layers.all.channel.multiple=8", "precision=float32",
)  # fmt: skip


class Place(NamedTuple):
    """A folder with a text and runs, and the arguments of a tiny experiment there."""

    text: Path
    runs: Path
    tiny: tuple[str, ...]

    def files(self) -> list[str]:
        """Everything in the runs folder."""
        return sorted(str(path) for path in self.runs.rglob("*"))


Cli = Callable[..., Result]


def call(*arguments: object) -> Result:
    """Call seqlab as a shell would; a bug is raised and not swallowed."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
