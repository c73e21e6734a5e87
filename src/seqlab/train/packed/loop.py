"""The training loop of a pack: steps are taken together, and all else is each member's own."""

from __future__ import annotations

import copy
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from seqlab.journal import Run
from seqlab.train.auditor import Auditor
from seqlab.train.environment import environment
from seqlab.train.interventions import Metrics
from seqlab.train.loop import Course, after_step, conclude, ending
from seqlab.train.packed.gain import measured_gain, told
from seqlab.train.packed.pack import Pack
from seqlab.train.packed.step import packed_step
from seqlab.train.shortage import memory_told
from seqlab.train.signals import Signals
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from seqlab.train.watch import Watch

__all__ = ["Member", "train_packed"]


@dataclass(frozen=True)
class Member:
    """A run to be trained in a pack."""

    training: Training
    run: Run
    watch: Watch


def train_packed(
    members: Sequence[Member], deadline: float | None = None, auditor: Auditor | None = None
) -> list[str | Exception]:
    """Carry out experiments together, each in its run folder from its newest usable checkpoint, as `train` does.

    Returns for each member the state that was recorded, or what it failed of; one that ends leaves the others going.
    A signal or the deadline ends all. Raises CannotPack, in one sentence, before anything is written: what cannot be
    packed, or both times where packing gains nothing.
    """
    for member in members[1:]:
        member.training.task = copy.copy(members[0].training.task)  # the data lies in memory once
    gain = measured_gain([member.training for member in members])
    with Signals(deadline) as signals:
        courses = {place: _course(member, members, signals, auditor) for place, member in enumerate(members)}
        ended: dict[int, str | Exception] = {}
        members[0].watch.message(f"packed {len(members)} runs: {told(gain)}")
        _send(courses, dict.fromkeys(courses), ended)
        while going := [place for place in courses if place not in ended]:
            _step_together(going, members, courses, ended)
    return [ended[place] for place in courses]


def _step_together(
    going: Sequence[int], members: Sequence[Member], courses: Mapping[int, _Course], ended: dict[int, str | Exception]
) -> None:
    """Until the first of them ends: then the others are packed anew."""
    trainings = [members[place].training for place in going]
    try:
        pack = Pack(trainings) if len(going) > 1 else None
        for _ in count():
            trainings[0].shares.begin_step(trainings[0].step)
            metrics = packed_step(pack) if pack is not None else [optimiser_step(trainings[0])]
            if _send(courses, dict(zip(going, metrics, strict=True)), ended):
                return
    except BaseException as error:
        _throw([courses[place] for place in going if place not in ended], error)
        if not isinstance(error, Exception):
            raise
        ended.update({place: error for place in going if place not in ended})


_Course = Generator[None, Metrics | None, str]
"""What a member does with the metrics of its steps, which are sent to it; returns the state in which it ends."""


def _course(member: Member, members: Sequence[Member], signals: Signals, auditor: Auditor | None) -> _Course:
    t, run = member.training, member.run
    origin = environment(t.device, t.dtype, together=len(members))
    with run.attempt(origin=origin) as attempt, memory_told(t):
        course = Course.begun(t, run, attempt, member.watch, signals)
        attempt.event("packed", runs=[other.run.name for other in members])
        state = ending(t, attempt, signals)
        while state is None:
            metrics = yield
            state = after_step(course, metrics or {})
        conclude(course, state, auditor)
    return state


def _send(
    courses: Mapping[int, _Course], metrics: Mapping[int, Metrics | None], ended: dict[int, str | Exception]
) -> bool:
    """Let members go on with what their steps report; returns whether one of them has ended."""
    before = len(ended)
    for place, values in metrics.items():
        try:
            courses[place].send(values)
        except StopIteration as end:
            ended[place] = end.value
        except Exception as error:
            ended[place] = error
    return len(ended) > before


def _throw(courses: Sequence[_Course], error: BaseException) -> None:
    """Let members record what ended them all."""
    for course in courses:
        try:
            course.throw(error)
        except BaseException as told:
            if told is not error and not isinstance(told, Exception):
                raise
