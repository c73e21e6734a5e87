"""How the tests call the command line: in this process, as a shell would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result

from seqlab.cli.main import main

TEXT = "the cat sat on the mat and the dog lay on the log. " * 40
RECIPE = '''
"""Recipes of the tests."""

from seqlab.channels.swiglu import SwiGLU
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.tasks.text import Text


def tiny() -> Experiment:
    """Trained in no time.

    Learns nothing.
    """
    return Experiment(
        task=Text(path="{text}", length=16),
        model=LM(dim=8, layers=(Block(mixer=Attention(heads=2), channel=SwiGLU(multiple=8)),) * 2),
        batch=Batching(size=2),
        budget=Budget(steps=4),
        precision="float32",
    )
'''


class Place(NamedTuple):
    """A folder with a text, runs, and a file of recipes."""

    text: Path
    runs: Path
    recipe: str
    """The name of a tiny one."""

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
