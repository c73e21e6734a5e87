"""The two ends of a model, whatever class it has: the tables that symbols are looked up in, and the head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from seqlab.audits.shared.subject import Subject

__all__ = ["Ends", "ends"]


@dataclass
class Ends:
    """Paths of parameters, as a forward pass uses them."""

    tables: set[str] = field(default_factory=set)
    """Matrices whose rows are looked up."""
    head: str | None = None
    """The last matrix that is used: it makes the output."""

    @property
    def is_tied(self) -> bool:
        """Whether the head is the table that symbols are looked up in."""
        return self.head in self.tables


def ends(subject: Subject, model: nn.Module) -> Ends:
    """Which matrices a model begins and ends with, seen in one forward pass."""
    watching = _Watching({id(p): name for name, p in model.named_parameters() if p.ndim > 1})
    with watching:
        subject.output(model, subject.inputs(1))
    return watching.found


class _Watching(TorchFunctionMode):
    """Within, notes which matrices are used, and as what."""

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self.names, self.found = names, Ends()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for argument in (*args, *(kwargs or {}).values()):
            if isinstance(argument, Tensor):
                name = self.names.get(id(argument)) or self.names.get(id(argument._base))
                if name and func is F.embedding:
                    self.found.tables.add(name)
                elif name:
                    self.found.head = name
        return func(*args, **(kwargs or {}))
