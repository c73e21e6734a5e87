"""Whether a recorded step computes the same and is faster: tried on copies, before the run's first step."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

from seqlab.journal import Attempt
from seqlab.tasks import PreparedTask
from seqlab.train.gain import LEAST_GAIN, Gain, alike, in_a_line, timed
from seqlab.train.interventions import Metrics, apply_methods, begin_interventions
from seqlab.train.recorded.held import changed, held
from seqlab.train.recorded.step import RecordedStep, bits
from seqlab.train.recorded.updates import Updates
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from seqlab.train.watch import Watch

__all__ = ["LEAST_GAIN", "OneByOne", "chosen_steps", "measured_gain", "refusal"]

LONGEST_STEP = 0.1
"""Seconds: what recording spares a longer step is not worth the memory of all that it computes."""
LONGEST_CALL = 1.0
"""Seconds: a request to stop waits for no longer."""
LEAST_STEPS, LEAST_SECONDS = 500, 2.0
"""A run of which fewer are left is not tried: that would take as long as it spares."""
COMPARED = 8
"""Updates after which both must have the same weights, before they are timed; after that they are compared again."""


class OneByOne(Exception):
    """Why updates are taken one by one, in a sentence without its full stop."""


def chosen_steps(t: Training, watch: Watch, attempt: Attempt) -> Callable[[], Metrics]:
    """What takes the next step of a training that stands at its beginning: one update, or, where
    `updates_per_call` asks for it and they are faster so, several."""
    if t.experiment.updates_per_call == 1:
        return partial(optimiser_step, t)

    def tell(sentence: str) -> None:
        watch.message(sentence)
        attempt.event("updates_per_call", step=t.step, message=sentence)

    def give_up(reason: str, is_alarming: bool = False) -> None:
        tell(sentence := f"updates are taken one by one: {reason}")
        if is_alarming:
            attempt.alarm(sentence)

    try:
        with t.shares.rare("trial"):
            gain = measured_gain(t)
    except OneByOne as reason:
        give_up(str(reason))
        return partial(optimiser_step, t)
    except (RuntimeError, NotImplementedError, TypeError, ValueError, LookupError, AssertionError) as error:
        give_up(f"trying ended in {in_a_line(error)}")
        return partial(optimiser_step, t)
    most = min(t.experiment.updates_per_call, max(1, int(LONGEST_CALL / gain.together)))
    tell(f"up to {most} updates a call: {told(gain)}")
    return Updates(t, RecordedStep(t, give_up), most)


def refusal(t: Training) -> str | None:
    """Why no step of a training can be recorded, as far as it is known beforehand; None where nothing is."""
    if t.device.type != "cpu":
        return "a step is recorded on a CPU alone"
    if type(t.task).parts is not PreparedTask.parts:
        return f"{type(t.task).__name__} cuts its batches by what is in them"
    return None


def measured_gain(t: Training) -> Gain:
    """What recording the step of a training gains, which is left as it is. Raises OneByOne where it cannot be,
    computes something else, or is no faster."""
    left = None if t.steps is None else t.steps - t.step
    if (reason := refusal(t)) is not None:
        raise OneByOne(reason)
    if left is not None and left < LEAST_STEPS:
        raise OneByOne(f"of the {left:,} steps that are left, trying would take as much as it spares")
    one, other = alike(t), alike(t)
    for copy in (one, other):
        begin_interventions(copy)
    recorded = partial(_step, other, RecordedStep(other, _refuse))
    ordinary = partial(_step, one, partial(optimiser_step, one))
    ordinary()  # modules look up now what they look up once
    _must_repeat_itself(one, ordinary, left)
    while other.step < one.step:
        recorded()
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


def _refuse(reason: str, is_alarming: bool) -> None:
    raise OneByOne(reason)


def _step(t: Training, step: Callable[[], Metrics]) -> None:
    step()
    apply_methods(t)


def _must_repeat_itself(t: Training, step: Callable[[], None], left: int | None) -> None:
    """Take some steps. Raise OneByOne where they are too long, or too few are left of a run that counts them, or they
    leave other things in the modules than numbers in tensors."""
    kept, seconds = held(t.weights.worker), []
    for _ in range(1, COMPARED):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
        if min(seconds) > LONGEST_STEP:
            raise OneByOne(f"a step takes {min(seconds):.2g} s, of which recording would spare little")
    each = statistics.median(seconds)
    if left is not None and left * each < LEAST_SECONDS:
        raise OneByOne(f"the {left:,} steps that are left take {left * each:.2g} s, as long as trying would")
    if (name := changed(kept, t.weights.worker)) is not None:
        raise OneByOne(f"`{name}` of the model is another one after a step, and no tensor that was written to")


def _compare(one: Training, other: Training) -> None:
    """Raise OneByOne where the weights are not the same, bit for bit."""
    found = other.model.state_dict()
    for name, tensor in one.model.state_dict().items():
        if not bits(tensor).equal(bits(found[name])):
            raise OneByOne(f"a recorded step changes `{name}` otherwise than an ordinary one")
