"""What a model has read before, so that a prompt that begins alike is not read again."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor

from seqlab.generation.course import GenerativeModel
from seqlab.mixers import State

__all__ = ["PromptCache"]

Read = tuple[Tensor, State]


class PromptCache:
    """The states after prompts, the least recently used ones forgotten where all take more than `limit` bytes.

    A prompt that begins with one of them is read on from there, unless the rest is the longer part: not every mixer
    reads on as fast as it reads from the beginning. What comes of it is the same up to rounding.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[tuple[int, ...], Read] = OrderedDict()
        self.spared = 0
        """Symbols that were not read again."""

    def read(self, model: GenerativeModel, prompt: tuple[int, ...]) -> Read:
        """The logits (1, V) after a prompt, and the state there, which are the caller's."""
        begin = max((kept for kept in self._kept if kept == prompt[: len(kept)]), key=len, default=())
        if 2 * len(begin) < len(prompt):
            found = model.prefill(torch.tensor([prompt]))
        else:
            found = self._copy(begin)
            self.spared += len(begin)
            if rest := prompt[len(begin) :]:
                found = model.read_on(torch.tensor([rest]), found[1])
        self._keep(prompt, found)
        return found

    def _copy(self, prompt: tuple[int, ...]) -> Read:
        self._kept.move_to_end(prompt)
        logits, state = self._kept[prompt]
        return logits.clone(), {name: tensor.clone() for name, tensor in state.items()}

    def _keep(self, prompt: tuple[int, ...], found: Read) -> None:
        if _size(found) > self._limit or prompt in self._kept:
            return
        self._kept[prompt] = found
        self._kept[prompt] = self._copy(prompt)
        while sum(map(_size, self._kept.values())) > self._limit:
            self._kept.popitem(last=False)


def _size(found: Read) -> int:
    logits, state = found
    return logits.nbytes + sum(tensor.nbytes for tensor in state.values())
