"""Is a model scored in evaluation mode? Dropout that is left on makes every number worse, and another each time."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, failed, passed, warned
from seqlab.audits.shared.asked import evaluated, is_askable
from seqlab.audits.shared.layers import branches, layers, listening, titled
from seqlab.audits.shared.stubs import Uniform
from seqlab.audits.shared.subject import Subject, moved

__all__ = ["EvaluationMode"]


class EvaluationMode(Audit):
    """The task's evaluation leaves the model in evaluation mode and takes no gradients; and in that mode the model's
    output does not depend on what it draws."""

    depends_on: ClassVar[tuple[str, ...]] = ("model", "task")

    def examine(self, subject: Subject) -> Finding:
        move, where = _moved_by_draws(subject)
        if move > subject.tolerance:
            return failed(
                f"in evaluation mode the same input gives another output each time ({move:.1e} of its size), beginning "
                f"in {where}: dropout, or some other noise, is left on in evaluation.",
                moved=move,
                limit=subject.tolerance,
            )
        if is_askable(subject):
            stub = Uniform(subject.task.signature.vocabulary)
            evaluated(subject, stub)
            if stub.training or any(training for training, _ in stub.modes):
                return failed(
                    "the task's evaluation puts the model into training mode: dropout is left on in evaluation, and "
                    "batch norms learn from held-out data.",
                    calls=len(stub.modes),
                    in_training_mode=sum(training for training, _ in stub.modes),
                )
            if any(gradients for _, gradients in stub.modes):
                return warned(
                    "the task's evaluation keeps what gradients need: it costs memory.", calls=len(stub.modes)
                )
        return passed("what is scored is the model in evaluation mode", moved=move, limit=subject.tolerance)


def _moved_by_draws(subject: Subject) -> tuple[float, str]:
    """How far the output moves between two draws in evaluation mode, and the first part of which it does."""
    model, inputs = subject.awake, subject.inputs(1)
    listened = [*branches(model), *layers(model)]
    heard: list[dict[str, Tensor]] = []
    outputs = []
    for draw in range(2):
        with subject.drawing("evaluation_mode", draw), torch.no_grad(), listening(listened) as found:
            outputs.append(_tensor(model(*(_wide(tensor, subject) for tensor in inputs))))
        heard.append({path: at.output for path, at in found.items() if at.output is not None})
    moves = {path: moved(heard[0][path], heard[1][path]) for path in heard[0] if path in heard[1]}
    guilty = next((named for named in listened if moves.get(named[0], 0.0) > subject.tolerance), None)
    return moved(*outputs), titled(guilty, model) if guilty else "outside the layers"


def _wide(tensor: Tensor, subject: Subject) -> Tensor:
    return tensor.to(next(subject.awake.parameters()).dtype) if tensor.is_floating_point() else tensor


def _tensor(result: object) -> Tensor:
    parts = result if isinstance(result, tuple | list) else (result,)
    return next(part for part in parts if isinstance(part, Tensor))
