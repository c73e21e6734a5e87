"""Finding a model's layers and listening to them, whatever class the model has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from seqlab.mixers import SequenceMixer
from seqlab.models import BlockModule

__all__ = ["Heard", "layers", "listening", "mixers", "titled"]

Named = tuple[str, nn.Module]


def layers(model: nn.Module) -> list[Named]:
    """The layers by path, first to last: blocks, else the children of the longest list of modules."""
    blocks: list[Named] = [(path, module) for path, module in model.named_modules() if isinstance(module, BlockModule)]
    if blocks:
        return blocks
    lists = [(path, m) for path, m in model.named_modules() if isinstance(m, nn.ModuleList | nn.Sequential) and len(m)]
    if not lists:
        return []
    path, longest = max(lists, key=lambda found: len(found[1]))
    return [(f"{path}.{name}".lstrip("."), child) for name, child in longest.named_children()]


def mixers(model: nn.Module) -> list[Named]:
    """The sequence mixers by path."""
    return [(path, module) for path, module in model.named_modules() if isinstance(module, SequenceMixer)]


def titled(named: Named, model: nn.Module) -> str:
    """How a layer or a mixer is called in messages: `layer 3 (HyenaOperator)`, else its path and class."""
    path, module = named
    places = [name for name, _ in layers(model)]
    owner = next((name for name in places if path == name or path.startswith(f"{name}.")), None)
    kind = type(getattr(module, "mixer", module)).__name__
    return f"layer {places.index(owner)} ({kind})" if owner is not None else f"{path or 'the model'} ({kind})"


@dataclass
class Heard:
    """What went into a module and what came out, in its last call."""

    inputs: list[Tensor] = field(default_factory=list)
    output: Tensor | None = None


@contextmanager
def listening(modules: Sequence[Named]) -> Iterator[dict[str, Heard]]:
    """Within, every call of these modules is heard: path -> tensors, as they were (not detached). A module that is
    never called has no output."""
    heard = {path: Heard() for path, _ in modules}
    hooks = []
    for path, module in modules:

        def hear(_: nn.Module, arguments: tuple[object, ...], result: object, at: Heard = heard[path]) -> None:
            at.inputs = [value for value in arguments if isinstance(value, Tensor)]
            parts = result if isinstance(result, tuple | list) else (result,)
            at.output = next((part for part in parts if isinstance(part, Tensor)), None)

        hooks.append(module.register_forward_hook(hear))
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()
