"""Whether a recorded step computes the same and is faster: tried on copies, before the run's first step."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from seqlab.journal import Attempt
from seqlab.kernels.replay import CannotReplay
from seqlab.tasks import PreparedTask
from seqlab.train.gain import LEAST_GAIN, Gain, alike, timed
from seqlab.train.interventions import Metrics, apply_methods, begin_interventions
from seqlab.train.recorded.step import RecordedStep
from seqlab.train.recorded.updates import Updates
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from seqlab.train.watch import Watch

__all__ = ["OneByOne", "chosen_steps", "measured_gain"]

LONGEST_STEP = 0.1
"""Seconds: what recording spares a longer step is not worth the memory of all that it computes."""
SHORTEST_REST = 2.0
"""Seconds of steps that are left: of fewer, trying takes as much as it spares."""
COMPARED = 8
"""Updates after which both must have the same weights, before they are timed; after that they are compared again."""


class OneByOne(Exception):
    """Why updates are taken one by one, in a sentence without its full stop."""


def chosen_steps(t: Training, watch: Watch, attempt: Attempt) -> Callable[[], Metrics]:
    """What takes the next step of a training that stands at its beginning: one update, or, where
    `updates_per_call` asks for it and they are faster so, several."""
    most = t.experiment.updates_per_call
    if most == 1:
        return partial(optimiser_step, t)
    try:
        with t.shares.rare("trial"):
            gain = measured_gain(t)
    except OneByOne as reason:
        return _told(t, watch, attempt, f"updates are taken one by one: {reason}", partial(optimiser_step, t))
    return _told(t, watch, attempt, f"up to {most} updates a call: {told(gain)}", Updates(t, RecordedStep(t), most))


def _told(
    t: Training, watch: Watch, attempt: Attempt, sentence: str, steps: Callable[[], Metrics]
) -> Callable[[], Metrics]:
    watch.message(sentence)
    attempt.event("updates_per_call", step=t.step, message=sentence)
    return steps


def measured_gain(t: Training) -> Gain:
    """What recording the step of a training gains, which is left as it is. Raises OneByOne where it cannot be,
    computes something else, or is no faster."""
    if t.device.type != "cpu":
        raise OneByOne("a step is recorded on a CPU alone")
    if type(t.task).parts is not PreparedTask.parts:
        raise OneByOne(f"{type(t.task).__name__} cuts its batches by what is in them")
    one, other = alike(t), alike(t)
    for copy in (one, other):
        begin_interventions(copy)
    ordinary, recorded = partial(_step, one, partial(optimiser_step, one)), partial(_step, other, RecordedStep(other))
    ordinary()  # modules look up now what they look up once
    _must_repeat_itself(one, ordinary, None if t.steps is None else t.steps - t.step)
    try:
        while other.step < one.step:
            recorded()
    except CannotReplay as error:
        raise OneByOne(str(error)) from None
    _compare(one, other)
    gain = timed(ordinary, recorded)
    while one.step != other.step:
        (ordinary if one.step < other.step else recorded)()
    _compare(one, other)
    if gain.times < LEAST_GAIN:
        raise OneByOne(f"recording the step gains nothing here, {told(gain)}")
    return gain


def told(gain: Gain) -> str:
    """Both times."""
    return f"{1e3 * gain.together:.3g} ms an update, {1e3 * gain.alone:.3g} ms one by one"


def _step(t: Training, step: Callable[[], Metrics]) -> None:
    step()
    apply_methods(t)


def _must_repeat_itself(t: Training, step: Callable[[], None], left: int | None) -> None:
    """Take some steps. Raise OneByOne where they are too long, or too few are left of a run that counts them, or they
    leave other numbers in the modules than tensors."""
    kept, start = _kept_by_python(t), time.perf_counter()
    for _ in range(1, COMPARED):
        step()
    each = (time.perf_counter() - start) / (COMPARED - 1)
    if each > LONGEST_STEP:
        raise OneByOne(f"a step takes {each:.2g} s, of which recording would spare little")
    if left is not None and left * each < SHORTEST_REST:
        raise OneByOne(f"the {left:,} steps that are left take {left * each:.2g} s, as long as trying would")
    for name, value in _kept_by_python(t).items():
        if value != kept.get(name):
            raise OneByOne(f"`{name}` of the model changes from step to step, and is no tensor")


def _kept_by_python(t: Training) -> dict[str, object]:
    """Numbers and words that the modules hold, by their paths: a recorded step goes on with those it began with."""
    return {
        f"{path}.{name}".lstrip("."): value
        for path, module in t.weights.worker.named_modules()
        for name, value in vars(module).items()
        if isinstance(value, int | float | str)
    }


def _compare(one: Training, other: Training) -> None:
    """Raise OneByOne where the weights are not the same, bit for bit."""
    found = other.model.state_dict()
    for name, tensor in one.model.state_dict().items():
        if not _bits(tensor).equal(_bits(found[name])):
            raise OneByOne(f"a recorded step changes `{name}` otherwise than an ordinary one")


def _bits(tensor: Tensor) -> Tensor:
    return tensor.flatten().view(torch.uint8)
