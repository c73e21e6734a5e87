"""What the launcher of a sweep asks of a driver of Ray, as one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from seqlab.sweeps.engines.node import Assignment

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """What a driver is to do."""

    address: str | None
    """Of the cluster's head; None: a cluster on this machine, made for this sweep."""
    cpus: int
    """Of each task, as its GPUs."""
    gpus: int
    slots: int | None
    """Tasks at a time; None: what the cluster has room for."""
    assignments: list[Assignment]

    def to_json(self) -> str:
        """On one line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Order:
        """The order on that line."""
        fields = json.loads(line)
        return cls(**{**fields, "assignments": [Assignment(**one) for one in fields["assignments"]]})
