"""Keeps what the linears of hidden units give in the forward passes of a training step, for what asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.experiment import Experiment
from seqlab.nn.units import Units, positions_last
from seqlab.probes import Watcher
from seqlab.spec import Part

__all__ = ["Watching", "watching_parts"]


def watching_parts(experiment: Experiment) -> dict[str, Part]:
    """The methods and probes that see the hidden units of training steps, by their paths in the experiment."""
    methods = {f"methods.{index}": method for index, method in enumerate(experiment.methods) if method.watches()}
    probes = {f"probes.{index}": p for index, p in enumerate(experiment.probes) if isinstance(p, Watcher)}
    return {**methods, **probes}


class Watching:
    """Hooks on some layers of a model, which keep nothing but inside `forward_pass`: a pass that is repeated for its
    gradient, or an evaluation, is not seen."""

    def __init__(self, model: nn.Module, units: Mapping[str, Units], layers: Iterable[str]) -> None:
        self._open = False
        self._kept: dict[str, list[Tensor]] = {name: [] for name in layers}
        modules = dict(model.named_modules())
        self._hooks = [modules[units[name].watched].register_forward_hook(self._keep(name)) for name in self._kept]

    def _keep(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if self._open:
                self._kept[name].append(positions_last(output.detach(), module))

        return keep

    @contextmanager
    def forward_pass(self) -> Iterator[None]:
        """What the layers give meanwhile is kept."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def taken(self) -> dict[str, Tensor]:
        """The pre-activations (B, ..., P H) of each layer since they were taken last, of all parts of the batch."""
        kept = {name: parts[0] if len(parts) == 1 else torch.cat(parts) for name, parts in self._kept.items()}
        self.forget()
        return kept

    def forget(self) -> None:
        """Let go of what was kept and not taken."""
        for parts in self._kept.values():
            parts.clear()

    def end(self) -> None:
        """Take the hooks off."""
        for hook in self._hooks:
            hook.remove()
