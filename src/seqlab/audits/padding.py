"""Does a short input give what the beginning of a long one gives? A kernel that wraps round does not."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.subject import Subject, moved

__all__ = ["Padding"]


class Padding(Audit):
    """A causal model's output on a prefix is the prefix of its output, at every length down to 1; and where it takes
    `lengths`, what stands in the padding moves nothing."""

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        first = subject.inputs(1)[0]
        if first.ndim != 2 or first.is_floating_point() or not subject.task.forward_only:
            return not_applicable("the inputs are no sequences of symbols to predict")
        whole = subject.output(subject.awake, subject.inputs(1))
        worst: dict[str, Any] = {"moved": 0.0, "length": subject.length}
        for length in sorted({1, 2, 3, 17, subject.length // 2 + 1} & set(range(1, subject.length))):
            try:
                short = subject.output(subject.awake, subject.inputs(1, length))
            except Exception as error:
                return failed(f"the model breaks on an input of {length} symbols: {type(error).__name__}: {error}")
            if short.shape[:2] != (1, length) or not bool(short.isfinite().all()):
                told = "is not a number" if short.shape[:2] == (1, length) else f"has the shape {tuple(short.shape)}"
                return failed(f"what the model makes of {length} symbols {told}.", length=length)
            found = {"moved": moved(short, whole[:, :length]), "length": length}
            worst = max(worst, found, key=lambda one: one["moved"])
        measured = {**worst, "limit": subject.tolerance}
        if getattr(subject.awake, "causal", True) and worst["moved"] > subject.tolerance:
            return failed(
                f"on an input of {worst['length']} symbols the outputs differ by {worst['moved']:.1e} of their size "
                f"from those of the same symbols at the beginning of {subject.length}: a kernel that is as long as the "
                "longest input wraps round on a shorter one, or something depends on the padded length.",
                **measured,
            )
        padded = _moved_by_padding(subject)
        if padded > subject.tolerance:
            return failed(
                f"what stands in the padding moves outputs at real positions by {padded:.1e} of their size, although "
                "`lengths` says where the row ends.",
                padded=padded,
                limit=subject.tolerance,
            )
        return passed("short inputs and padding change no real position", **measured, padded=padded)


def _moved_by_padding(subject: Subject) -> float:
    """How far real positions move when the symbols behind the end of a row change; 0 where no lengths are taken."""
    model = subject.awake
    inputs = subject.inputs(2)
    if "lengths" not in inspect.signature(model.forward).parameters or subject.length < 3 or len(inputs) > 1:
        return 0.0
    rows, length = inputs[0].shape
    real = length - length // 3
    lengths = torch.full((rows,), real, device=inputs[0].device)
    lengths[0] = length
    with subject.drawing("padding"):
        changed = inputs[0].clone()
        changed[1:] = subject.disturbed((inputs[0][1:],), real)[0]
    outputs: list[Tensor] = [subject.output(model, (given, lengths)) for given in (inputs[0], changed)]
    return max(
        moved(outputs[0][:1], outputs[1][:1]), *(moved(a[:real], b[:real]) for a, b in zip(*outputs, strict=True))
    )
