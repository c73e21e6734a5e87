"""Which checkpoints of a run stay and which go. Pure: it is told everything and touches nothing."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from seqlab.journal.errors import JournalError


class Keep(NamedTuple):
    """What is to stay. With nothing set, nothing is: `none`, the one rule that may leave a run without a checkpoint."""

    last: bool = False
    best: bool = False
    every: int | None = None


class Choice(NamedTuple):
    """The steps that go, and those that stay, each with the reason."""

    goes: tuple[int, ...]
    stays: dict[int, str]

    def all_steps(self) -> list[int]:
        """Both, in order: the checkpoints that were there when this was chosen."""
        return sorted((*self.goes, *self.stays))


def parse_keep(text: str) -> Keep:
    """The rule that `text` says: `none`, or some of `last`, `best`, `every:STEPS`, with commas. Raises JournalError."""
    if text == "none":
        return Keep()
    keep = Keep()
    for word in text.split(","):
        if word == "last":
            keep = keep._replace(last=True)
        elif word == "best":
            keep = keep._replace(best=True)
        elif word.startswith("every:") and word[6:].isdecimal() and int(word[6:]) > 0:
            keep = keep._replace(every=int(word[6:]))
        else:
            raise JournalError(f"keep {text!r} is no rule; write none, or some of last, best, every:STEPS with commas")
    return keep


def choose(
    steps: Sequence[int],
    keep: Keep,
    *,
    newest: int | None,
    best: Mapping[int, str],
    resumable: bool,
    needed: Mapping[int, str],
) -> Choice:
    """What stays of the checkpoints at `steps`.

    newest: the newest that can be used. best: step -> why it counts as the best. resumable: whether the run has not
    reached its end. needed: step -> who needs it; such a checkpoint stays under every rule.
    """
    stays: dict[int, str] = {}
    if keep != Keep():
        stays = {step: f"a multiple of {keep.every}" for step in steps if keep.every and step % keep.every == 0}
        stays |= dict(best) if keep.best else {}
        if newest is not None and (reason := _of_the_newest(keep, bool(best), resumable, bool(stays))):
            stays[newest] = reason
    stays |= {step: why for step, why in needed.items() if step in steps}
    return Choice(tuple(step for step in steps if step not in stays), dict(sorted(stays.items())))


def _of_the_newest(keep: Keep, best_known: bool, resumable: bool, others: bool) -> str:
    """Why the newest checkpoint stays; "" when it may go."""
    if keep.last:
        return "the last"
    if resumable:
        return "the run can be resumed from it"
    if keep.best and not best_known:
        return "the last, for which is the best is not known"
    return "" if others else "the last, for the rule keeps no other"
