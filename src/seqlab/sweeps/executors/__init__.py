"""Executors: where the trials of a sweep are carried out, one engine a file; the file name is the name.

`--on NAME[:PLACE]` picks one; what PLACE means is the engine's own (an address, a partition). No executor trains: it
starts the worker command (`seqlab.sweeps.worker`) and follows the queue.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from seqlab.spec import did_you_mean
from seqlab.sweeps.errors import ExecutorError, SweepError
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.slots import Slots
from seqlab.sweeps.watch import SweepWatch

__all__ = ["Executor", "ExecutorError", "executors", "find_executor", "processes_of"]


@dataclass(frozen=True)
class Executor(ABC):
    """Where trials are carried out."""

    packs: ClassVar[bool] = False
    """Whether its workers claim their trials themselves, and can so take several at once."""

    place: str | None = None
    """What stands after the colon of `--on NAME:PLACE`."""
    slots: int | None = None
    """How many trials at a time; None: what the engine has room for."""
    pack: int = 1
    """How many trials one worker may train at once, as one program."""

    def room(self, trials: int, experiments: Iterable[Mapping[str, Any]]) -> Slots | None:
        """The slots of this machine that so many trials of saved experiments would fill; None: they run elsewhere."""
        return None

    @abstractmethod
    def carry_out(self, sweep: Sweep, trials: Sequence[Trial], watch: SweepWatch) -> None:
        """Block until none of the trials is waiting or running, telling the watch what happens.

        Returns early where the sweep is to stop, or this process was asked to end (Ctrl-C): then the workers have been
        asked to save and have ended. Raises ExecutorError.
        """


def processes_of(experiment: Mapping[str, Any]) -> int:
    """On how many processes a saved experiment trains."""
    found: int = (experiment.get("distribution") or {}).get("processes", 1)
    return found


def executors() -> list[str]:
    """Every engine: the files of this folder. Nothing is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)


def find_executor(text: str, slots: int | None = None, pack: int = 1) -> Executor:
    """The executor that `NAME[:PLACE]` says. Raises SweepError, ExecutorError where it is missing or cannot pack."""
    name, _, place = text.partition(":")
    if name not in executors():
        raise SweepError(f"there is no engine `{name}` to run on; {did_you_mean(name, executors())}")
    module = importlib.import_module(f"{__name__}.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Executor) and value.__module__ == module.__name__
    )
    if pack > 1 and not found.packs:
        raise ExecutorError(f"`{name}` starts a worker for each trial and packs none; leave --pack out, or --on local")
    return found(place or None, slots, pack)
