"""The options of an engine, as they stand after its name: `--on slurm:PARTITION,time=60,memory=4G`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from seqlab.spec import did_you_mean
from seqlab.sweeps.errors import SweepError

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """Where, and NAME=VALUE pairs; values are text until they are asked for."""

    engine: str
    place: str | None = None
    """What stands first, without an equals sign: an address, a partition."""
    given: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, engine: str, text: str | None) -> Options:
        """What stands after `--on ENGINE:`. Raises SweepError for what is no NAME=VALUE."""
        first, *others = (text or "").split(",")
        if "=" in first:
            first, others = "", [first, *others]
        given: dict[str, str] = {}
        for other in others:
            name, equals, value = other.partition("=")
            if not (name and equals and value):
                raise SweepError(f"`{other}` of --on {engine}:{text} is no option; write NAME=VALUE, such as cpus=2")
            given[name] = value
        return cls(engine, first or None, given)

    def only(self, known: Iterable[str]) -> None:
        """Raise SweepError for an option that is none of these."""
        for name in self.given:
            if name not in (names := list(known)):
                raise SweepError(f"{self.engine} has no option `{name}`; {did_you_mean(name, names)}")

    def whole(self, name: str, default: int) -> int:
        """A whole number. Raises SweepError for anything else."""
        text = self.given.get(name)
        if text is None:
            return default
        if not text.isdecimal():
            raise SweepError(f"`{name}={text}` of --on {self.engine} must be a whole number, such as {name}={default}")
        return int(text)
