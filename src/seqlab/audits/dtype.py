"""Does the model compute in the dtype it was asked for? One constant in float32 slows a whole block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, Stage, failed, passed
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import rows_for, trainee
from seqlab.channels import ChannelMixer
from seqlab.kernels.listener import Listener
from seqlab.mixers import SequenceMixer
from seqlab.models.shared.layers import layers, titled
from seqlab.spec import Field

__all__ = ["Dtype"]

PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "linear", "convolution", "_convolution")
COPIES = ("_to_copy", "clone", "copy", "contiguous")


class Dtype(Audit):
    """Layers and mixers return the dtype they were given, and products with weights, and fused attention, are in the
    run's own dtype, in evaluation and in training mode.

    Accumulators, softmax, norms, and modules inside a mixer that say `keeps_float32` may be wider.
    """

    share: float = Field(default=0.1, ge=0, lt=1)
    """Largest share of a layer's operations with weights and in fused attention that may be in a wider dtype; of the
    model's where it has no list of layers."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "precision")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        t = trainee(subject, rows=rows_for(subject, most=2))  # a batch norm cannot train on one row
        worker, batch = t.weights.worker, t.next_batch()
        measured: dict[str, Any] = {"dtype": _name(t.dtype)}
        for mode in ("evaluation", "training"):
            seen = Seen(worker.train(mode == "training"), t.dtype)
            try:
                with subject.drawing("dtype"), torch.no_grad(), seen:
                    t.task.loss(worker, batch)
            except (RuntimeError, TypeError) as error:
                return _broken(t.dtype, seen, error)
            finally:
                seen.close()
            measured[f"wide_share_in_{mode}"] = _wide_share(seen.products)
            found = self._judge(worker, t.dtype, seen, {**measured, "mode": mode})
            if found is not None:
                return found
        name = _name(t.dtype)
        return passed(f"layers return the dtype that they are given ({name}), and weights are used in it", **measured)

    def _judge(self, worker: nn.Module, dtype: torch.dtype, seen: Seen, measured: dict[str, Any]) -> Finding | None:
        name, known, places = _name(dtype), dict(worker.named_modules()), [path for path, _ in layers(worker)]
        for path, before, after in seen.widened:
            if isinstance(known[path], SequenceMixer | ChannelMixer) or path in places:
                return failed(
                    f"{titled((path, known[path]), worker)} at `{path}` takes {before} and returns {after} in a run "
                    f"that computes in {name}, and all that follows it is {after}: cast its result to the input's "
                    "dtype, and constants too.",
                    **measured,
                )
        for place in places or [""]:
            mine = [p for p in seen.products if p.is_judged and (not place or f"{p.path}.".startswith(f"{place}."))]
            upcast, share = [p for p in mine if p.is_wide], _wide_share(mine)
            if share > self.share:
                return failed(
                    f"{share:.0%} of the work with weights and attention in {_quoted(place)} is in {upcast[0].dtype} "
                    f"though the run computes in {name} (in {measured['mode']} mode); it begins with "
                    f"`{upcast[0].operation}` in {_quoted(upcast[0].path)}: a `.float()`, a constant, or a parameter "
                    "that is kept wide.",
                    **{"share": share, "limit": self.share, **measured},
                )
        return None


def _quoted(path: str) -> str:
    return f"`{path}`" if path else "the model"


def _wide_share(products: Sequence[Product]) -> float:
    """The share of the operations that are in a wider dtype than the run's."""
    return sum(p.flops for p in products if p.is_wide) / max(sum(p.flops for p in products), 1.0)


@dataclass
class Product:
    """A matrix product or a convolution that was carried out."""

    path: str
    operation: str
    flops: float
    dtype: str
    is_wide: bool
    is_judged: bool
    """Whether it is with weights, or attention as one operation; accumulators of other products may be wide."""


@dataclass
class Seen(Listener):
    """Listens to a model: products by module, and modules whose output is wider than their input."""

    model: nn.Module
    dtype: torch.dtype
    products: list[Product] = field(default_factory=list)
    widened: list[tuple[str, str, str]] = field(default_factory=list)
    """(path, dtype of the input, dtype of the output), in the order in which the modules returned."""

    def __post_init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.held: list[Tensor] = []  # a copy of a weight must live on, lest its memory is another tensor's
        places = {path for path, _ in layers(self.model)} | {""}
        exempt = {
            path: module
            for path, module in self.model.named_modules()
            if getattr(module, "keeps_float32", False)
            and path not in places
            and not isinstance(module, SequenceMixer | ChannelMixer)
        }
        self.exempt = set(exempt)
        # What a mixer asks of a filter by another method than `forward` no hook hears: its weights tell.
        inside = {inner for module in exempt.values() for inner in module.modules()}
        judged = [module for module in self.model.modules() if module not in inside]
        self.weights = {p.untyped_storage().data_ptr() for module in judged for p in module.parameters(recurse=False)}
        self.hooks = []
        for path, module in self.model.named_modules():
            self.hooks.append(module.register_forward_pre_hook(lambda *_, path=path: self.stack.append(path)))
            self.hooks.append(module.register_forward_hook(lambda _, given, found: self._left(given, found)))

    def close(self) -> None:
        """Stop listening."""
        for hook in self.hooks:
            hook.remove()

    def _left(self, given: tuple[Any, ...], found: Any) -> None:
        path = self.stack.pop()
        before = [x.dtype for x in given if isinstance(x, Tensor) and x.is_floating_point()]
        results = found if isinstance(found, tuple | list) else (found,)
        after = next((x.dtype for x in results if isinstance(x, Tensor) and x.is_floating_point()), None)
        if before and after is not None and width(after) > max(width(d) for d in before) and self._is_wide(after):
            self.widened.append((path, _name(before[0]), _name(after)))

    def _is_wide(self, dtype: torch.dtype) -> bool:
        return width(dtype) > width(self.dtype)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        operation = func.overloadpacket.__name__
        given = [x for x in args if isinstance(x, Tensor) and x.is_floating_point()]
        of_weight = [x for x in given if x.untyped_storage().data_ptr() in self.weights]
        if operation in COPIES and of_weight and isinstance(result, Tensor):
            self.weights.add(result.untyped_storage().data_ptr())
            self.held.append(result)
        elif operation in PRODUCTS and isinstance(result, Tensor) and given:
            first = given[1] if operation in ("addmm", "baddbmm", "addmv") else given[0]
            each = given[1][0].numel() if "convolution" in operation else first.shape[-1]
            self._note(operation, given, 2.0 * result.numel() * each, bool(of_weight))
        elif "scaled_dot_product" in operation:
            query, key = given[:2]
            self._note(operation, given, 4.0 * query.numel() * key.shape[-2], is_judged=True)
        return result

    def _note(self, operation: str, given: list[Tensor], flops: float, is_judged: bool) -> None:
        if any(inner in self.exempt for inner in self.stack):
            return
        path, dtype = self.stack[-1] if self.stack else "", max((x.dtype for x in given), key=width)
        self.products.append(Product(path, operation, flops, _name(dtype), self._is_wide(dtype), is_judged))


def width(dtype: torch.dtype) -> int:
    """Bytes of a real number of that dtype."""
    return torch.finfo(dtype).bits // 8


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _broken(dtype: torch.dtype, seen: Seen, error: Exception) -> Finding:
    """The model does not run in its dtype: where it broke and where the other dtype came in."""
    where = f"`{seen.stack[-1]}`" if seen.stack and seen.stack[-1] else "the model"
    entered = f"; {seen.widened[0][2]} enters at `{seen.widened[0][0]}`" if seen.widened else ""
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
    return failed(f"the model does not run in {_name(dtype)}: {where} breaks ({reason}){entered}.", dtype=_name(dtype))
