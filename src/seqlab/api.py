"""The Python face of seqlab: run an experiment, load a run, generate; the same record as the command line's.

import seqlab
run = seqlab.run(experiment)            # in a notebook an interrupt ends it and returns what was trained
run.metrics.last["val/loss"], run.model, run.generate("The ")
seqlab.load("quiet-harbor-12")
seqlab.fork("quiet-harbor-12@500", "optim.lr=1e-4")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from seqlab.audits.shared.gate import Auditor
from seqlab.data.symbols import Symbols, decoded, from_json
from seqlab.experiment import Experiment
from seqlab.generation.generate import generate
from seqlab.generation.sampling import Sampling
from seqlab.journal import LabBook
from seqlab.journal import Run as Record
from seqlab.journal.names import at_step
from seqlab.train.fork import fork as make_fork
from seqlab.train.load import experiment_of, load_model
from seqlab.train.loop import train
from seqlab.train.start import Prepared, prepare, record
from seqlab.train.watch import Watch

__all__ = ["TrainedRun", "fork", "load", "run"]


class TrainedRun(Record):
    """A run of the lab book with its model: everything a Run has, and `model`, `spec` and `generate`."""

    step: int | None = None
    """The checkpoint to use; None: the newest."""

    @cached_property
    def spec(self) -> Experiment:
        """The experiment as a typed value."""
        return experiment_of(self)

    @cached_property
    def model(self) -> nn.Module:
        """The model as the newest checkpoint (or that of `step`) has it, on the CPU, in evaluation mode."""
        return load_model(self, self.step)[0]

    @cached_property
    def symbols(self) -> Symbols:
        """The alphabet between text and the model's symbols."""
        return from_json(self.origin["assets"]["symbols"])

    def stream(
        self, prompt: str, *, symbols: int = 200, sampling: Sampling | None = None, seed: int = 0
    ) -> Iterator[str]:
        """Text after the prompt, piece by piece; a piece is held back while its UTF-8 is not whole."""
        start_symbols = [int(symbol) for symbol in self.symbols.encode(_bytes(prompt))]
        drawn = generate(self.model, start_symbols, symbols, sampling or Sampling(), seed)  # type: ignore[arg-type]
        yield from decoded(self.symbols, drawn)

    def generate(self, prompt: str, *, symbols: int = 200, sampling: Sampling | None = None, seed: int = 0) -> str:
        """The text after the prompt."""
        return "".join(self.stream(prompt, symbols=symbols, sampling=sampling, seed=seed))


def run(
    experiment: Experiment,
    *,
    name: str | None = None,
    runs: str | Path | None = None,
    why: str | None = None,
    tags: Sequence[str] = (),
    watch: Watch | None = None,
) -> TrainedRun:
    """Train an experiment and return its run. An interrupt (Ctrl-C, the notebook's stop button) ends it after the
    present step, saved; what was trained is returned. Raises in one sentence what is wrong, also what an audit finds,
    before anything is written."""
    return _trained(prepare(experiment, runs), watch, name=name, why=why, tags=tags)


def fork(
    parent: str,
    *changes: str,
    inherit: Sequence[str] | None = None,
    name: str | None = None,
    runs: str | Path | None = None,
    why: str | None = None,
    tags: Sequence[str] = (),
    watch: Watch | None = None,
) -> TrainedRun:
    """Train on from a checkpoint of a run (`NAME` or `NAME@STEP`) as a new run, its settings changed as on the command
    line (`"optim.lr=1e-4"`). Raises in one sentence what is wrong, also a change without effect, before anything is
    written; what took effect is in the new run's `parent`.

    inherit: the parts to take over, such as `["weights", "progress"]`; None: all that still mean the same.
    """
    book = LabBook(runs)
    parent, step = at_step(parent)
    old = book.open(parent)
    made = make_fork(old, step, changes, inherit, book)
    recipe = old.origin.get("recipe")
    return _trained(made.prepared, watch, name=name, why=why, tags=tags, recipe=recipe, overrides=changes)


def _trained(prepared: Prepared, watch: Watch | None, **recorded: Any) -> TrainedRun:
    auditor = Auditor()
    made = record(prepared, audits=auditor.before(prepared.training), **recorded)
    train(prepared.training, made, watch, auditor=auditor)
    return TrainedRun(made.folder)


def load(name: str, runs: str | Path | None = None) -> TrainedRun:
    """A run by name (`NAME` or `NAME@STEP`); raises RunNotFound naming the nearest."""
    name, step = at_step(name)
    loaded = TrainedRun(LabBook(runs).open(name).folder)
    loaded.step = step
    return loaded


def _bytes(prompt: str) -> bytes:
    """UTF-8; bytes that were none in the shell come to Python as lone surrogates and are themselves again."""
    return prompt.encode(errors="surrogateescape")
