"""What cannot be packed, by name and in one sentence."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from seqlab.experiment import Experiment
from seqlab.spec import SpecError, diff, label
from seqlab.train.gain import in_a_line
from seqlab.train.training import Training
from seqlab.train.watching import watching_parts

__all__ = ["CannotPack", "refusal", "refuse", "told_by_torch", "unlike"]

ALIKE = ("task", "model", "batch", "precision", "device", "freeze", "gradient_checkpointing")
"""What members have in common: data, shapes and how a loss is computed. All else may differ from member to member."""


class CannotPack(SpecError):
    """Trainings that cannot be one program, or gain nothing by it."""


def unlike(one: Experiment, other: Experiment) -> str | None:
    """The first field whose difference keeps two experiments apart; None where they can be packed together."""
    for name in ALIKE:
        if getattr(one, name) != getattr(other, name):
            return next((path for path in diff(one, other) if path.partition(".")[0] == name), name)
    return None


def refuse(trainings: Sequence[Training]) -> None:
    """Raise CannotPack for trainings of which it is known beforehand."""
    for t in trainings:
        path = unlike(trainings[0].experiment, t.experiment)
        if path is not None:
            raise CannotPack(f"`{path}` differs between the runs, and only runs that share shapes are packed.")
        _refuse(t)
        _same_buffers(trainings[0], t)


def refusal(spec: Experiment) -> str | None:
    """Why an experiment can be in no pack, in a sentence, as far as it tells itself; None where nothing is known."""
    if spec.budget.minutes is not None:
        return "`budget.minutes` cannot be packed: the minutes of a pack are those of all its runs."
    if spec.distribution.processes > 1:
        return "`distribution.processes` cannot be packed: a pack is the program of one process."
    if spec.gradient_checkpointing:
        return "`gradient_checkpointing` cannot be packed: the program of a pack keeps its activations."
    watching = next(iter(watching_parts(spec).items()), None)
    if watching is not None:
        path, part = watching
        return f"`{path}` ({label(type(part))}) cannot be packed: it watches the units of each step."
    return None


def _refuse(t: Training) -> None:
    if (told := refusal(t.experiment)) is not None:
        raise CannotPack(told)
    if t.loss_scale.active:
        raise CannotPack("`precision=float16` cannot be packed: each run would skip other steps.")
    for path, module in t.model.named_modules():
        if hasattr(module, "gathers"):
            raise CannotPack(
                f"{type(module).__name__} at `{path}` cannot be packed: a forward pass changes its averages."
            )


def _same_buffers(first: Training, t: Training) -> None:
    known = dict(first.model.named_buffers())
    for name, buffer in t.model.named_buffers():
        if not torch.equal(known[name], buffer):
            raise CannotPack(f"the buffer `{name}` differs between the runs, and a pack has one of each.")


def told_by_torch(error: Exception) -> CannotPack:
    """An error while the program was made, with the kernel in which it happened."""
    frames = [Path(frame.filename).parts for frame in traceback.extract_tb(error.__traceback__)]
    kernels = [parts[-2] for parts in frames if parts[-3:-2] == ("kernels",)]
    what = f"the kernel {kernels[0]}" if kernels else "this model"
    return CannotPack(f"{what} cannot be packed ({in_a_line(error)}).")
