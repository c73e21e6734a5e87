"""What is remembered is right whenever it is asked for."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from seqlab.nn.remembered import Remembered


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.zeros(1))
        self.computed = 0
        self.total = Remembered(self, self._total)

    def _total(self) -> Tensor:
        self.computed += 1
        return (self.weight + self.shift).sum()


CHANGES = {
    "a write to a parameter": lambda m: m.weight.mul_(2),
    "a write to a buffer": lambda m: m.shift.fill_(3),
    "another parameter": lambda m: setattr(m, "weight", nn.Parameter(torch.full((3,), 5.0))),
    "another dtype": lambda m: m.double(),
    "loaded weights": lambda m: m.load_state_dict({"weight": torch.zeros(3), "shift": torch.ones(1)}),
    "the end of training": lambda m: m.eval(),
    "new data": lambda m: setattr(m.weight, "data", torch.full((3,), 7.0)),
}


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_a_change_is_seen(change: str) -> None:
    module = Sum()
    assert module.total() == module.total() == 3
    assert module.computed == 1
    CHANGES[change](module)
    assert module.total() == module.total() == (module.weight + module.shift).sum()
    assert module.computed == 2


def test_gradients_reach_the_parameters() -> None:
    module = Sum()
    with torch.no_grad():
        module.total()
    module.total().backward()
    assert module.weight.grad is not None


def test_tensors_whose_writes_are_not_counted_are_not_trusted() -> None:
    with torch.inference_mode():
        module = Sum()
        module.total()
        module.weight.mul_(2)
        assert module.total() == 6


@torch.no_grad()
def test_a_copy_remembers_for_itself() -> None:
    module = Sum()
    module.total()
    other = copy.deepcopy(module)
    other.weight.zero_()
    assert (module.total(), other.total()) == (3, 0)


@torch.no_grad()
def test_a_copy_is_not_taken_for_what_it_was_copied_from() -> None:
    """Tensors that are made when the original is gone may have its tensors' ids and addresses."""
    module = Sum()
    module.total()
    assert copy.deepcopy(module).total._held is None
