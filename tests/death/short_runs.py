"""A short run that is prepared once and trained in forked children, so that a death costs a tenth of a second."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from click.testing import CliRunner
from operations import Before, Death, in_child, intercept

from seqlab.cli.main import main
from seqlab.experiment import Experiment
from seqlab.journal import LabBook, Run
from seqlab.train.loop import train
from seqlab.train.start import Prepared, prepare, record
from seqlab.train.watch import Progress, Watch


class Notes(Watch):
    """Writes a note during training, as a person would, and the log as the command line does."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def metrics(self, progress: Progress, values: Mapping[str, float]) -> None:
        if progress.step == 2 and "train/loss" in values:
            self.run.note("the loss falls", verdict="works")
        with suppress(OSError), (self.run.attempts()[-1]["folder"] / "stdout.log").open("a") as file:
            file.write(f"{progress.step}\n")


class Short:
    """The experiment, ready to be trained, and a run of it that nobody disturbed."""

    def __init__(self, experiment: Experiment) -> None:
        self.prepared: Prepared = prepare(experiment)
        self.book = LabBook()
        self.whole = self.queued("whole")
        assert self.trained(self.whole) == Death(False, "")

    def queued(self, name: str) -> Run:
        """A run that nobody has trained yet."""
        return record(self.prepared, name=name)

    def trained(self, run: Run, before: Before | None = None) -> Death:
        """Train it in a child, with something that happens ahead of every operation; how the child ended.

        The child has a copy of the prepared training as it was, so the parent's serves again and again.
        """

        def action() -> None:
            if before is not None:
                intercept(before)
            train(self.prepared.training, run, Notes(run))

        return in_child(action)


def said(*arguments: str) -> str:
    """What the command line prints; it must end well."""
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.output
