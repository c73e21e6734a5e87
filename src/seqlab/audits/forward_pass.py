"""Does the model run at all, and to numbers? Of one that does not, no other audit can say more."""

from __future__ import annotations

import copy
import sysconfig
import traceback
from pathlib import Path
from typing import ClassVar

from torch import nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.subject import Subject
from seqlab.journal.memory import ran_out_of_memory
from seqlab.models.shared.layers import Heard, Named, layers, listening, titled

__all__ = ["ForwardPass"]

ROWS = 2
"""Rows of the batch, where the held-out data has them."""


class ForwardPass(Audit):
    """The model runs on a batch, and what it returns is finite. Where it fails, no other audit looks."""

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        model = copy.deepcopy(subject.training.model).eval()
        known = layers(model) or list(model.named_children())
        inputs = subject.inputs(ROWS)
        try:
            with listening(known) as heard:
                output = subject.output(model, inputs)
        except StopIteration:
            return not_applicable("the model returns no tensor")
        except Exception as error:
            if ran_out_of_memory(error):
                raise
            return failed(
                f"the model breaks on a batch of {len(inputs[0])} held-out rows{_line(error)} "
                f"({type(error).__name__}: {str(error).partition(chr(10))[0]}); mend that first.",
            )
        finite = float(output.isfinite().double().mean())
        if finite == 1:
            return passed("the model runs on a batch, and its outputs are finite", finite=finite, limit=1)
        return failed(
            f"{1 - finite:.2%} of the model's outputs are not finite (NaN or infinite); it begins "
            f"{_beginning(model, known, heard)}; a division by zero, a root or a logarithm of what is not positive, or "
            "an exponential that overflows does that; mend that first.",
            finite=finite,
            limit=1,
        )


def _line(error: Exception) -> str:
    """The innermost line of a model's file, which is no installed package's and no audit's: ", in mine.py, line 12"."""
    others = (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(Path(__file__).parent))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith(others)]
    return f", in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


def _beginning(model: nn.Module, known: list[Named], heard: dict[str, Heard]) -> str:
    """Where the first value that is not finite comes from."""
    for named in known:
        at = heard[named[0]]
        if at.output is None or at.output.isfinite().all():
            continue
        if all(value.isfinite().all() for value in at.inputs):
            return f"in {titled(named, model)}"
        return f"before {titled(named, model)}"
    return "after the layers"
