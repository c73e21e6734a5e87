"""An experiment with the changes that were typed, and a word about what a part replaced by name took with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from seqlab.spec import override, set_back

if TYPE_CHECKING:
    from seqlab.experiment import Experiment

__all__ = ["overridden", "say_set_back"]


def overridden(experiment: Experiment, changes: Sequence[str]) -> Experiment:
    """The experiment, changed; settings that a change set back are said on stderr."""
    changed = override(experiment, changes)
    say_set_back([(experiment, changed, changes)])
    return changed


def say_set_back(made: Iterable[tuple[Experiment, Experiment, Sequence[str]]]) -> None:
    """Say what each change set back, of experiments before, after, and by which changes; one sentence said once."""
    for sentence in dict.fromkeys(sentence for each in made for sentence in set_back(*each)):
        click.echo(sentence, err=True)
