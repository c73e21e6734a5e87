"""Every kernel with arguments and gradients that lie in memory in another order: what runs below Python sees none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from seqlab.bench.shared.kernels import EVERY_OPTION, Case, cases

CASES = {case.name: case for case in cases() if case.differentiable and f" {EVERY_OPTION}" in case.name}


def turned(x: Tensor) -> Tensor:
    """The same entries, the first axis last in memory."""
    return x.movedim(0, -1).contiguous().movedim(-1, 0)


def values_and_gradients(kernel: Callable[..., Any], arguments: dict[str, Any], lay: Callable[[Tensor], Tensor]) -> Any:
    given = tree_map_only(Tensor, lambda x: lay(x).detach().requires_grad_(x.is_floating_point()), arguments)
    inputs = [x for x in tree_leaves(given) if isinstance(x, Tensor) and x.requires_grad]
    outputs = [y for y in tree_leaves(kernel(**given)) if y.requires_grad]
    cotangents = [lay(torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view(y.shape)) for y in outputs]
    gradients = torch.autograd.grad(outputs, inputs, cotangents, allow_unused=True, materialize_grads=True)
    return [*outputs, *gradients]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_any_strides(case: Case) -> None:
    got = values_and_gradients(case.fast, case.arguments, turned)
    wanted = values_and_gradients(case.reference, case.arguments, lambda x: x)
    for value, law in zip(got, wanted, strict=True):
        assert (value - law).abs().max() <= 1e-10 * law.abs().max().clamp(min=1)
