"""Does what is frozen stay as it is? Bytes are compared, after updates, methods and a look in evaluation mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed
from seqlab.audits.shared.fitting import fitted
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import at_peak, trainee
from seqlab.spec import Field
from seqlab.train.training import Training

__all__ = ["Frozen"]


class Frozen(Audit):
    """Parameters that do not train, and statistics within a frozen module, have the same bytes after some steps; a
    model in evaluation mode changes nothing of itself."""

    steps: int = Field(default=2, ge=1)
    """Steps that are taken."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = (
        "model", "task", "optim", "schedule", "freeze", "methods", "regularisers", "averaging", "seed",
    )  # fmt: skip
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        t = at_peak(trainee(subject, rows=2))
        held = {name: p for name, p in t.model.named_parameters(remove_duplicate=False) if not p.requires_grad}
        statistics = _frozen_statistics(t.model)
        before = _bytes({**held, **statistics})
        if changed := _evaluated(subject, t):
            return failed(
                f"`{changed}` changes in evaluation mode: what is measured then depends on what was measured before; "
                "update statistics only while `self.training`.",
                changed=1,
                limit=0,
            )
        if not before:
            return not_applicable("nothing is frozen; evaluation mode changes nothing")
        for _ in range(self.steps):
            with subject.drawing("frozen"):
                subject.step(t)
        changed_names = [name for name, old in before.items() if not torch.equal(old, _now(t.model, name))]
        measured = {"changed": len(changed_names), "limit": 0, "frozen": len(before)}
        if changed_names:
            return failed(_sentence(changed_names, statistics, self.steps), **measured)
        return passed(f"{len(before)} frozen tensors have the same bytes after {self.steps} steps", **measured)


def _sentence(changed: list[str], statistics: Mapping[str, Tensor], steps: int) -> str:
    name = changed[0]
    cause = (
        "the running statistics of a frozen norm go on; put the frozen part into evaluation mode"
        if name in statistics
        else "the forward pass, a method, or a tensor that shares its memory writes to it"
    )
    return f"the frozen `{name}` is changed by {steps} steps ({len(changed)} frozen tensors are): {cause}."


def _frozen_statistics(model: nn.Module) -> dict[str, Tensor]:
    """Buffers of modules that have parameters, none of which trains."""
    found: dict[str, Tensor] = {}
    for path, module in model.named_modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            found |= {f"{path}.{name}".lstrip("."): buffer for name, buffer in module.named_buffers()}
    return {name: buffer for name, buffer in found.items() if buffer.is_floating_point()}


def _evaluated(subject: Subject, t: Training) -> str | None:
    """The first tensor of the model that a look in evaluation mode changes."""
    before = _bytes(t.model.state_dict())
    with t.weights.evaluated() as model, subject.drawing("evaluated"), torch.no_grad():
        inputs = fitted(model, subject.inputs(2))
        kept = _bytes(model.state_dict())
        for _ in range(2):
            model(*inputs)
        worker = next((name for name, old in kept.items() if not torch.equal(old, _now(model, name))), None)
    return worker or next((name for name, old in before.items() if not torch.equal(old, _now(t.model, name))), None)


def _bytes(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in tensors.items() if isinstance(value, Tensor)}


def _now(model: nn.Module, name: str) -> Tensor:
    tensors: dict[str, Tensor] = dict(model.named_buffers(remove_duplicate=False))
    tensors |= dict(model.named_parameters(remove_duplicate=False))
    return tensors[name].detach()
