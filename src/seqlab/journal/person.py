"""The record for a person's own training loop, without the trainer.

with seqlab.open_run("my-test", {"lr": 1e-3}) as run:
    run.log(step=1, **{"train/loss": 2.0})
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqlab.journal import names
from seqlab.journal.attempt import Attempt
from seqlab.journal.book import LabBook
from seqlab.journal.errors import JournalError, RunNotFound
from seqlab.journal.files import encode
from seqlab.journal.run import Run


class OwnRun:
    """A run while its own loop writes it; `record` is the run as readers see it."""

    def __init__(self, record: Run, attempt: Attempt) -> None:
        self.record = record
        self.attempt = attempt
        self._resumed_from = record.metrics.step

    def log(self, step: int, **metrics: Any) -> None:
        """Append one line of metrics, each named phase/what ("train/loss"); also epoch, task, tokens.

        The first step logged says where a resumed loop goes on: older lines from that step on are superseded.
        """
        if self._resumed_from is not None and step <= self._resumed_from:
            self.attempt.rewind(step - 1)
        self._resumed_from = None
        self.attempt.log(step=step, **metrics)

    def note(self, text: str, verdict: str | None = None) -> None:
        """Add a note, perhaps with a verdict."""
        self.record.note(text, verdict)


@contextmanager
def open_run(name: str, config: Mapping[str, Any], *, runs: str | Path | None = None) -> Iterator[OwnRun]:
    """Make the run `name`, or resume it with a new attempt; the end of the block is recorded by itself.

    `config` is any JSON object; `runs` the lab book's folder (default: SEQLAB_RUNS, else ./runs). Raises
    JournalError when the run exists with another config, RunBusy when another process writes it.
    """
    names.check(name)
    book = LabBook(runs)
    try:
        record = book.open(name)
    except RunNotFound:
        record = book.create({"config": dict(config)}, name=name, origin={"by": "open_run"})
    if record.origin.get("by") == "import":
        raise JournalError(f"the run {name} was imported from another program's log; choose another name")
    if encode(record.experiment) != encode({"config": dict(config)}):
        raise JournalError(
            f"the run {name} in {record.folder.parent} was made with another config; choose another name, "
            f"or give the config in its experiment.json"
        )
    with record.attempt(resumed_from=record.metrics.step) as attempt:
        yield OwnRun(record, attempt)
