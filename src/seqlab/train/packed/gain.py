"""Whether packing pays, and whether it computes the same: tried on copies, before anything is recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from seqlab.train.gain import LEAST_GAIN, Gain, alike, timed
from seqlab.train.packed.dropout import begin_streams
from seqlab.train.packed.pack import Pack
from seqlab.train.packed.refusals import CannotPack, refuse, told_by_torch
from seqlab.train.packed.step import packed_passes, packed_step
from seqlab.train.recorded.choice import refusal
from seqlab.train.recorded.step import RecordedStep
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training, seed_generators

__all__ = ["LEAST_GAIN", "measured_gain", "told"]

TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.1}
"""Largest difference of a gradient, as a share of the largest gradient of the same tensor."""


def measured_gain(trainings: Sequence[Training]) -> Gain:
    """What packing these trainings gains, which are left as they are. Raises CannotPack where it cannot be, computes
    something else, or is no faster."""
    refuse(trainings)
    if len(trainings) < 2:
        raise CannotPack("a pack needs two runs at least.")
    tried = [alike(t) for t in trainings]
    single = alike(trainings[0])
    wanted = [_own_gradients(t) for t in tried]
    pack = Pack(tried)
    try:
        _compare(pack, wanted)
        packed_step(pack)  # the optimisers' own first step
    except (RuntimeError, NotImplementedError, TypeError, ValueError, AssertionError) as error:
        raise error if isinstance(error, CannotPack) else told_by_torch(error) from error
    gain = timed(_alone(single), lambda: packed_step(pack), len(trainings))
    if gain.times < LEAST_GAIN:
        raise CannotPack(f"packing {len(trainings)} runs gains nothing here: {told(gain)}.")
    return gain


def told(gain: Gain) -> str:
    """Both times."""
    return f"{1e3 * gain.together:.3g} ms a step packed, {1e3 * gain.alone:.3g} ms one after the other"


def _alone(t: Training) -> Callable[[], object]:
    """The step that a run takes by itself: the recorded one where it asks for several updates a call."""
    if t.experiment.updates_per_call == 1 or refusal(t) is not None:
        return partial(optimiser_step, t)
    return RecordedStep(t, lambda *_: None)


def _own_gradients(t: Training) -> list[Tensor | None]:
    part = t.next_batch().parts(t.experiment.batch.accumulate)[0]
    seed_generators(t.experiment.seed, "dropout", t.step, 0)
    loss, _ = t.task.loss(t.weights.worker, part)
    (loss / part.scored).backward()
    t.weights.collect()
    found = [p.grad for p in t.model.parameters() if p.requires_grad]
    t.optimiser.zero_grad(set_to_none=True)
    return found


def _compare(pack: Pack, wanted: Sequence[Sequence[Tensor | None]]) -> None:
    parts = [t.next_batch().parts(t.experiment.batch.accumulate)[0] for t in pack.members]
    begin_streams((t.experiment.seed, t.step, 0) for t in pack.members)
    _, _, gradients = packed_passes(pack, parts)
    for place, own in enumerate(wanted):
        for name, alone, stack in zip(pack.trained, own, gradients, strict=True):
            if not _agree(alone, None if stack is None else stack[place], pack.members[place].dtype):
                raise CannotPack(f"the gradient of `{name}` is another one in a pack; this model cannot be packed.")


def _agree(alone: Tensor | None, packed: Tensor | None, dtype: torch.dtype) -> bool:
    if alone is None or packed is None:
        return alone is packed
    largest = float(alone.abs().max())
    return not float((alone - packed).abs().max()) > TOLERANCE[dtype] * largest  # what is no number is none in both
