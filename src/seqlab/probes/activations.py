"""How large what passes through a model is, and what of it is dead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.channels import ChannelMixer
from seqlab.mixers import SequenceMixer
from seqlab.models.shared.layers import first_tensor, layers
from seqlab.probes import Measures, Probe, Profile
from seqlab.spec import Field

__all__ = ["Activations"]


class Activations(Probe):
    """Of what leaves every layer, mixer, channel mixer, linear, norm and embedding, and of what enters each linear:
    `rms`, `largest` (of the absolute values) and `dead`, the share of features that are nearly 0 at all positions of
    all rows, as those of a rectifier that never opens."""

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    dead_below: float = Field(default=1e-6, ge=0)
    """A feature is dead where its largest absolute value is at most this share of the largest of all features."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        found: dict[str, Profile] = {}
        with self._watching(model, found):
            model(*inputs)
        return {self.metric(place): profile for place, profile in found.items()}

    @contextmanager
    def _watching(self, model: nn.Module, found: dict[str, Profile]) -> Iterator[None]:
        """Within, every call of a module is measured at once, so that nothing of it is held."""
        places = {path for path, _ in layers(model)}
        hooks = []
        for path, module in model.named_modules():
            if not (path in places or _is_watched(module)):
                continue

            def hear(module: nn.Module, given: tuple[Any, ...], result: object, path: str = path) -> None:
                if isinstance(module, nn.Linear):
                    self._note(found, f"{path} (in)", first_tensor(given))
                self._note(found, path, first_tensor(result))

            hooks.append(module.register_forward_hook(hear))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _note(self, found: dict[str, Profile], place: str, x: Tensor | None) -> None:
        if x is None or not x.is_floating_point() or x.ndim < 2:
            return
        features = x.detach().abs().flatten(0, -2).amax(0).float()
        largest, rms = features.max(), torch.linalg.vector_norm(x.detach(), dtype=torch.float32) / x.numel() ** 0.5
        dead = (features <= self.dead_below * largest).float().mean()
        found[place] = dict(zip(("rms", "largest", "dead"), torch.stack([rms, largest, dead]).tolist(), strict=True))


def _is_watched(module: nn.Module) -> bool:
    kinds = (SequenceMixer, ChannelMixer, nn.Linear, nn.Embedding)
    return isinstance(module, kinds) or "norm" in type(module).__name__.lower()
