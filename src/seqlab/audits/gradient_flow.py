"""Does every parameter learn? One that nothing reads is kept, saved and never changed, without a word."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject, wake
from seqlab.audits.shared.trainees import total_norm, trainee
from seqlab.models.shared.layers import layers, titled
from seqlab.spec import Field
from seqlab.train.training import Training, build_model

__all__ = ["GradientFlow"]


class GradientFlow(Audit):
    """Every trainable parameter gets a gradient and is in the optimiser; none is infinite, none explodes by depth.

    Parameters that begin at zero have small values here, since a branch that is switched off has no gradient.
    """

    explosion: float = Field(default=1e5, gt=1)
    """Largest ratio of two layers' gradient norms without a warning."""
    looks: int = Field(default=64, ge=1)
    """Batches and draws of the weights with which a parameter must be without gradient to be called so; a quarter of
    them where it is the same parameters each time."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "optim", "freeze", "batch", "seed")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        t = trainee(subject)
        if finding := _outside(subject.training.model, t):
            return finding
        if subject.task.row_tokens == 1 and subject.task.forward_only:
            return not_applicable("a sequence of one symbol has nothing to mix")
        at_start = total_norm([g for g in _gradients(subject, t, t.model).values() if g is not None])
        if not math.isfinite(at_start):
            return failed("the gradient of the first batch is not finite: the outputs overflow.", norm=at_start)
        model = copy.deepcopy(subject.awake).train()
        found = _gradients(subject, t, model)
        measured: dict[str, Any] = {"parameters": len(found), "norm": at_start}
        if silent := self._silent(subject, t, found):
            return _judge_silent(silent, found, _silent_in(_gradients(subject, t, model.eval())), measured)
        return self._judge(model, found, measured)

    def _silent(self, subject: Subject, t: Training, found: dict[str, Tensor | None]) -> list[str]:
        """Parameters that get no gradient, on other batches and with other weights neither: an expert, or a layer that
        is dropped now and then, need not have one each time."""
        silent = first = _silent_in(found)
        for look in range(1, self.looks):
            if not silent or (silent == first and look > self.looks // 4):
                break
            t.step = look
            found = _gradients(subject, t, _redrawn(subject, look), look)
            silent = [name for name in silent if name in _silent_in(found)]
        t.step = 0
        return silent

    def _judge(self, model: nn.Module, found: dict[str, Tensor | None], measured: dict[str, Any]) -> Finding:
        wild = [name for name, gradient in found.items() if gradient is not None and not gradient.isfinite().all()]
        if wild:
            return failed(f"the gradient of `{wild[0]}` is not finite ({len(wild)} parameters).", **measured)
        return self._judge_depth(model, found, measured)

    def _judge_depth(self, model: nn.Module, found: dict[str, Tensor | None], measured: dict[str, Any]) -> Finding:
        norms = {named: _norm_below(named[0], found) for named in layers(model)}
        norms = {named: norm for named, norm in norms.items() if norm > 0}
        if norms:
            low, high = min(norms, key=norms.__getitem__), max(norms, key=norms.__getitem__)
            ratio = norms[high] / norms[low]
            measured = {"ratio": ratio, "limit": self.explosion, **measured}
            if ratio > self.explosion:
                return warned(
                    f"the gradient of {titled(high, model)} is {ratio:.1e} times that of {titled(low, model)}: it "
                    "explodes, or vanishes, by depth.",
                    **measured,
                )
        return passed("every trainable parameter gets a gradient", **measured)


def _silent_in(found: dict[str, Tensor | None]) -> list[str]:
    return [name for name, gradient in found.items() if gradient is None or not gradient.any()]


def _judge_silent(
    silent: list[str], found: dict[str, Tensor | None], in_evaluation: list[str], measured: dict[str, Any]
) -> Finding:
    """What to say of parameters that get no gradient in training."""
    measured = {"silent": len(silent), "limit": 0, **measured}
    more = f" (and {len(silent) - 1} more: {', '.join(silent[1:4])})" if len(silent) > 1 else ""
    if silent[0] not in in_evaluation:
        return warned(f"`{silent[0]}`{more} is used in evaluation and not in training, so it never learns.", **measured)
    without = "gets no gradient" if found[silent[0]] is None else "gets a gradient that is zero throughout"
    return failed(
        f"`{silent[0]}`{more} {without}, so it never learns: nothing reads it, or what reads it is cut off by "
        "detach(), no_grad() or a rounding.",
        **measured,
    )


def _redrawn(subject: Subject, look: int) -> nn.Module:
    """The model in training mode with another draw of its weights, none of them zero throughout."""
    model = copy.deepcopy(subject.awake).train()
    drawn = build_model(subject.experiment, subject.task, "audits/gradient_flow", look)
    model.load_state_dict(drawn.state_dict())
    with subject.drawing("awake", look):
        wake(model)
    return model


def _gradients(subject: Subject, t: Training, model: nn.Module, draw: int = 0) -> dict[str, Tensor | None]:
    """The gradient of each trainable parameter of a model on the next batch, computed in the model's dtype."""
    batch = t.next_batch()
    dtype = next(model.parameters()).dtype
    for name, tensor in batch.tensors.items():
        if tensor.is_floating_point():
            batch.tensors[name] = tensor.to(dtype)
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    with subject.drawing("gradient_flow", draw), torch.enable_grad():
        loss = t.task.loss(model, batch)[0] / batch.scored
        if not loss.requires_grad:
            return dict.fromkeys(trainable)
        found = torch.autograd.grad(loss, list(trainable.values()), allow_unused=True)
    return dict(zip(trainable, found, strict=True))


def _norm_below(path: str, found: dict[str, Tensor | None]) -> float:
    return total_norm([g for name, g in found.items() if g is not None and name.startswith(f"{path}.")])


def _outside(model: nn.Module, t: Training) -> Finding | None:
    """A failure where something that should be trained is not in the model, or not in the optimiser."""
    if hidden := next(_unregistered(model), None):
        return failed(
            f"`{hidden}` holds parameters that the model does not know, so they are neither trained nor saved: keep "
            "them in an nn.ModuleList, an nn.ParameterList or an attribute of their own."
        )
    held = {id(p) for group in t.optimiser.param_groups for p in group["params"]}
    left_out = [name for name, p in t.model.named_parameters() if p.requires_grad and id(p) not in held]
    if left_out:
        return failed(
            f"`{left_out[0]}` is trainable and not in the optimiser ({len(left_out)} are left out), so it never "
            "changes: `build` must take every group that it is given."
        )
    return None


def _unregistered(model: nn.Module) -> Iterator[str]:
    """Where plain lists, dicts or tensors of a module hold parameters that `model.parameters()` does not give."""
    known = {id(p) for p in model.parameters()}
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else [value]
            for item in items:
                inner = item.parameters() if isinstance(item, nn.Module) else [item]
                if any(isinstance(p, Tensor) and p.requires_grad and p.is_leaf and id(p) not in known for p in inner):
                    yield f"{path}.{name}".lstrip(".")
