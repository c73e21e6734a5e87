"""Duels: a fast way beside the plain one that it replaces, in one process, with the ratio that it is to reach.

A duel is a file of this folder: its name is the file's, and `contests(options)` yields its contests, one at a time,
so that only one holds memory. What both sides return is compared before anything is timed.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from seqlab.bench import Options, Row
from seqlab.bench.shared.agreement import difference
from seqlab.bench.shared.memory import peak_bytes
from seqlab.bench.shared.passes import Call
from seqlab.bench.shared.timing import Timing, alternate, ratio

__all__ = ["Contest", "fight", "lengths", "names"]

QUICK_LENGTH = 64
CPU = torch.device("cpu")
"""Where duels are fought: what they promise, they promise there."""


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Two ways to one result."""

    what: str
    """What is done, at which length, in which dtype, such as `hyena 4096 float32 forward+backward`."""
    ours: Call
    peer: Call
    """Both return values and, behind them, gradients (seqlab.bench.shared.passes makes such calls)."""
    against: str
    """What the peer is, in a few words."""
    tolerance: float | None
    """The largest difference of any returned tensor, as a share of its largest entry; None where the two are
    different functions, so that there is nothing to compare."""
    faster: float | None = None
    """How many times as fast as the peer ours is to be."""
    memory: float | None = None
    """Which share of the peer's peak bytes ours may need."""
    compared: tuple[Call, Call] | None = None
    """Calls of ours and of the peer that are compared in place of those that are timed: a smaller case."""
    peer_times: float = 1.0
    """How many times the peer's call goes into its whole work, where all of it would take too long."""
    rounds: int = 7
    """How many samples of each are taken."""
    note: str = ""
    """What a reader of the row should know, such as the limit of the machine."""


def names() -> list[str]:
    """Every duel: the files of this folder. Nothing is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def lengths(options: Options, *own: int) -> tuple[int, ...]:
    """The lengths that a duel is fought at: the options' where they name any, else its own; one when quick."""
    return (QUICK_LENGTH,) if options.quick else options.lengths or own


def fight(name: str, options: Options) -> Iterator[Row]:
    """The rows of a duel; an error ends it, and is its last row."""
    try:
        for contest in importlib.import_module(f"{__name__}.{name}").contests(options):
            yield from [contest] if isinstance(contest, Row) else _rows(contest, name, options.quick)
    except Exception as error:
        yield Row.failed(name, error, labels={"duel": name})


def _rows(contest: Contest, duel: str, quick: bool) -> Iterator[Row]:
    labels: dict[str, str | int] = {"duel": duel, "contest": contest.what}
    try:
        fault = _disagreement(contest)
        if fault:
            raise ArithmeticError(fault)
        yield from _measured(contest, labels, quick)
    except Exception as error:
        yield Row.failed(contest.what, error, labels=labels)


def _disagreement(contest: Contest) -> str:
    """The gate: what is wrong with ours, or nothing."""
    if contest.tolerance is None:
        return ""
    ours, peer = contest.compared or (contest.ours, contest.peer)
    error = max(difference(got, wanted) for got, wanted in zip(ours(), peer(), strict=True))
    if error <= contest.tolerance:
        return ""
    return f"it differs from {contest.against} by {error:.2g} of the largest entry, above {contest.tolerance:g}"


def _measured(contest: Contest, labels: dict[str, str | int], quick: bool) -> Iterator[Row]:
    calls = {"ours": contest.ours, "peer": contest.peer}
    times = alternate(calls, rounds=1 if quick else contest.rounds, warm_up=1)
    ours, peer = times["ours"], Timing(tuple(contest.peer_times * sample for sample in times["peer"].samples))
    peaks = {side: peak_bytes(call, CPU) for side, call in calls.items()}
    compared = ratio(ours, peer)
    yield ratio(peer, ours).row(
        contest.what,
        "x faster",
        target=contest.faster,
        more_is_better=True,
        ratio=compared.median,
        peer=contest.against,
        also={"ms": 1e3 * ours.median, "peer ms": 1e3 * peer.median}
        | {"peak MB": peaks["ours"] / 1e6, "peer peak MB": peaks["peer"] / 1e6},
        note=contest.note,
        labels=labels | {"measure": "time"},
    )
    if contest.memory is not None:
        share = peaks["ours"] / peaks["peer"]
        what = f"{contest.what}, peak memory"
        told = labels | {"measure": "memory"}
        yield Row(
            what=what, value=share, unit="of the peer's", target=contest.memory, peer=contest.against, labels=told
        )
