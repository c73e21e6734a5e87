"""The members of a pack: trainings as they are, but for their weights, which lie side by side in stacks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqlab.train.packed.program import Program
from seqlab.train.packed.update import FusedUpdate
from seqlab.train.shares import Shares
from seqlab.train.training import Training

__all__ = ["Pack"]


class Pack:
    """Trainings whose steps are taken together. A member's parameters become rows of the stacks, in place, so all that
    acts on a training (its optimiser, methods, evaluation, checkpoints) acts on it as if it were alone.

    They share one account of where the time goes, since most of it is spent for all of them at once.
    """

    def __init__(self, members: Sequence[Training]) -> None:
        self.members = list(members)
        first = self.members[0]
        named = [dict(t.model.named_parameters()) for t in self.members]
        self.weights = {name: _stacked([each[name] for each in named]) for name in named[0]}
        self.trained = [name for name, parameter in named[0].items() if parameter.requires_grad]
        self.program = Program(first.task, first.weights.worker, self.trained)
        self.shares = _one_account(self.members)
        self.updates: list[FusedUpdate | None] = [None] * len(self.members)
        """Of those whose optimiser has taken a step of its own here, where it has a fused one."""


def _stacked(parameters: Sequence[torch.nn.Parameter]) -> Tensor:
    stack = torch.stack([parameter.detach() for parameter in parameters])
    for parameter, row in zip(parameters, stack.unbind(), strict=True):
        parameter.data = row
    return stack


def _one_account(members: Sequence[Training]) -> Shares:
    """What they have spent so far, in equal parts."""
    shares = Shares(members[0].device)
    for t in members:
        for name, seconds in t.shares.seconds.items():
            shares.seconds[name] += seconds / len(members)
    for t in members:
        t.shares = shares
    return shares
