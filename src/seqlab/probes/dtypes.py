"""The dtype of every operation."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from seqlab.kernels.listener import Listener
from seqlab.probes import Measures, Probe, Profile
from seqlab.spec import Field

__all__ = ["Dtypes"]

VIEWS = frozenset(
    {"view", "_unsafe_view", "reshape", "transpose", "t", "permute", "expand", "unsqueeze", "squeeze", "slice"}
    | {"select", "split", "split_with_sizes", "unbind", "alias", "detach", "as_strided", "chunk", "_reshape_alias"}
)
"""Operations that compute nothing."""


class Dtypes(Probe):
    """Of every kind of operation of a forward pass, by the module that asks for it (`blocks.0.mixer mm`): how many
    have results of each dtype (`float32`, `bfloat16` ...). Of a kernel of our own only what it allocates is seen."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=10_000, ge=1)
    """Measure at every so many updates; also at the last. Dtypes seldom change."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        with _Listening(model) as seen:
            model(*(tensor[:1] for tensor in inputs))
        found: dict[str, Profile] = {}
        for (place, dtype), count in seen.counts.items():
            found.setdefault(self.metric(place), {})[dtype] = float(count)
        return dict(found)


class _Listening(Listener):
    """Counts operations by the innermost module within which they are and the dtype of their result."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.counts: Counter[tuple[str, str]] = Counter()
        self._model, self._inside = model, list[str]()

    def __enter__(self) -> _Listening:
        self._hooks = []
        for path, module in self._model.named_modules():
            self._hooks.append(module.register_forward_pre_hook(lambda *_, path=path: self._inside.append(path)))
            self._hooks.append(module.register_forward_hook(lambda *_: self._leave()))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for hook in self._hooks:
            hook.remove()

    def _leave(self) -> None:
        self._inside.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        operation = func.overloadpacket.__name__
        if isinstance(result, Tensor) and operation not in VIEWS:
            place = self._inside[-1] if self._inside else ""
            self.counts[f"{place or 'model'} {operation}", str(result.dtype).removeprefix("torch.")] += 1
        return result
