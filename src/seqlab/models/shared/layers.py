"""Finding a model's layers and listening to them, whatever class the model has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from seqlab.mixers import SequenceMixer
from seqlab.models import BlockModule

__all__ = [
    "Heard",
    "branches",
    "first_tensor",
    "has_batch_statistics",
    "is_norm",
    "layers",
    "listening",
    "mixers",
    "titled",
]

Named = tuple[str, nn.Module]


def layers(model: nn.Module) -> list[Named]:
    """The layers by path, first to last: blocks, else the children of the outermost list of modules, the longest one
    where there are several, else children of one class that are there several times."""
    blocks: list[Named] = [(path, module) for path, module in model.named_modules() if isinstance(module, BlockModule)]
    if blocks:
        return blocks
    lists = [(path, m) for path, m in model.named_modules() if isinstance(m, nn.ModuleList | nn.Sequential) and len(m)]
    repeated = _repeated(model)
    if not lists or (len(repeated) > 2 and not any(isinstance(m, nn.ModuleList) for _, m in lists)):
        return repeated
    path, chosen = max(
        lists, key=lambda found: (-found[0].count("."), isinstance(found[1], nn.ModuleList), len(found[1]))
    )
    return [(f"{path}.{name}".lstrip("."), child) for name, child in chosen.named_children()]


def _repeated(model: nn.Module) -> list[Named]:
    """Children with parts of their own whose class is there several times, such as `self.first`, `self.second`."""
    kinds = [type(child) for child in model.children()]
    return [
        (name, child)
        for name, child in model.named_children()
        if kinds.count(type(child)) > 1 and any(True for _ in child.children())
    ]


def mixers(model: nn.Module) -> list[tuple[str, SequenceMixer]]:
    """The sequence mixers by path."""
    return [(path, module) for path, module in model.named_modules() if isinstance(module, SequenceMixer)]


def branches(model: nn.Module) -> list[Named]:
    """What layers are made of, by path: a block's mixer and channel mixer; of any other layer every child that holds
    parameters and is no norm."""
    found: list[Named] = []
    for path, layer in layers(model):
        if isinstance(layer, BlockModule):
            children: list[tuple[str, nn.Module | None]] = [("mixer", layer.mixer), ("channel", layer.channel)]
        else:
            children = [(name, child) for name, child in layer.named_children() if not is_norm(child)]
        found += [
            (f"{path}.{name}", child)
            for name, child in children
            if child is not None and any(True for _ in child.parameters())
        ]
    return found


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a norm, by the name of its class."""
    return "norm" in type(module).__name__.lower()


def has_batch_statistics(model: nn.Module) -> bool:
    """Whether a module normalises over the batch in training, as batch norms of any class do."""
    return any(
        hasattr(module, "running_mean") or "batchnorm" in type(module).__name__.lower() for module in model.modules()
    )


def titled(named: Named, model: nn.Module) -> str:
    """How a layer or a mixer is called in messages: `layer 3 (HyenaOperator)`, else its path and class."""
    path, module = named
    places = [name for name, _ in layers(model)]
    owner = next((name for name in places if path == name or path.startswith(f"{name}.")), None)
    kind = type(getattr(module, "mixer", module)).__name__
    return f"layer {places.index(owner)} ({kind})" if owner is not None else f"{path or 'the model'} ({kind})"


def first_tensor(result: object) -> Tensor | None:
    """A module's result, or the first tensor of one in parts, such as the outputs and the last state."""
    parts = result if isinstance(result, tuple | list) else (result,)
    return next((part for part in parts if isinstance(part, Tensor)), None)


@dataclass
class Heard:
    """What went into a module, by position or by name, and what came out, in its last call."""

    inputs: list[Tensor] = field(default_factory=list)
    output: Tensor | None = None


@contextmanager
def listening(modules: Sequence[Named]) -> Iterator[dict[str, Heard]]:
    """Within, every call of these modules is heard: path -> tensors, as they were (not detached). A module that is
    never called has no output."""
    heard = {path: Heard() for path, _ in modules}
    hooks = []
    for path, module in modules:

        def hear(_: nn.Module, given: Any, named: dict[str, Any], result: object, at: Heard = heard[path]) -> None:
            at.inputs = [value for value in (*given, *named.values()) if isinstance(value, Tensor)]
            at.output = first_tensor(result)

        hooks.append(module.register_forward_hook(hear, with_kwargs=True))
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
