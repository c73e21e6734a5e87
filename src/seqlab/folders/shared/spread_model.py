"""A language model whose parts lie on several devices: what flows through it goes along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.folders.shared.config import FolderError
from seqlab.mixers import State
from seqlab.models import BlockModule
from seqlab.models.lm import LM, LanguageModel

__all__ = ["SpreadLanguageModel", "parts_of"]


def parts_of(model: LanguageModel) -> list[list[nn.Module]]:
    """What is placed together, in order: the embedding, every block, the final norm with the head. Raises FolderError
    for a tied head, which would have to be in two places."""
    if model.head is None:
        raise FolderError("the head of this model is its embedding, which cannot be on two devices; use --devices cpu.")
    last = [part for part in (model.norm, model.head) if part is not None]
    return [[model.embedding], *([block] for block in model.blocks), last]


class SpreadLanguageModel(LanguageModel):
    """A language model without positions of its own, as `LanguageModel`; symbols come from the CPU, and logits go back
    there. devices: of the parts, as `parts_of` lists them."""

    def __init__(self, spec: LM, signature: Signature, devices: Sequence[torch.device]) -> None:
        super().__init__(spec, signature)
        self._devices = list(devices)

    def _blocks(self) -> Iterator[BlockModule]:
        blocks = zip(super()._blocks(), self._devices[1:], strict=False)
        return cast(Iterator[BlockModule], (_There(block, device) for block, device in blocks))

    def _embed(self, tokens: Tensor, position: Tensor) -> Tensor:
        return super()._embed(tokens.to(self._devices[0]), position)

    def _logits(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super()._logits(x.to(self._devices[-1]), lengths).to("cpu")


class _There:
    """A block that everything is brought to before it is used."""

    def __init__(self, block: BlockModule, device: torch.device) -> None:
        self._block, self._device = block, device
        self.mixer = block.mixer

    def __call__(self, *given: Any) -> Tensor:
        result: Tensor = self._brought(self._block, *given)
        return result

    def prefill(self, *given: Any) -> tuple[Tensor, State]:
        result: tuple[Tensor, State] = self._brought(self._block.prefill, *given)
        return result

    def extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return self._block.extend(x.to(self._device), state)

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        return self._block.step(x_t.to(self._device), state)

    def _brought(self, what: Callable[..., Any], *given: Any) -> Any:
        return what(*(x.to(self._device) if isinstance(x, Tensor) else x for x in given))
