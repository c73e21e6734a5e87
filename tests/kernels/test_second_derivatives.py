"""Second derivatives of every kernel: right, or refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from seqlab.bench.shared.kernels import EVERY_OPTION, Case, cases

CASES = {
    case.name: case
    for case in cases()
    if case.differentiable and (f" {EVERY_OPTION}" in case.name or "attention 200" in case.name)
}


def leaves(arguments: dict[str, Any]) -> dict[str, Any]:
    return tree_map_only(Tensor, lambda x: x.detach().requires_grad_(x.is_floating_point()), arguments)  # type: ignore[no-any-return]


def second_derivatives(kernel: Callable[..., Any], arguments: dict[str, Any]) -> list[Tensor]:
    """Of a sum over the kernel and a path around it, through which torch reaches every argument in any case."""
    arguments = leaves(arguments)
    inputs = [x for x in tree_leaves(arguments) if isinstance(x, Tensor) and x.requires_grad]
    outputs = [y for y in tree_leaves(kernel(**arguments)) if y.requires_grad]
    total = sum(x.sin().sum() for x in [*outputs, *inputs])
    gradients = torch.autograd.grad(total, inputs, create_graph=True)
    return list(torch.autograd.grad(sum(g.square().sum() for g in gradients), inputs))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_right_or_refused(case: Case) -> None:
    try:
        got = second_derivatives(case.fast, case.arguments)
    except RuntimeError as error:
        assert re.search("exists once|not implemented", str(error))  # noqa: PT017
        return
    for value, wanted in zip(got, second_derivatives(case.reference, case.arguments), strict=True):
        assert (value - wanted).abs().max() <= 1e-9 * wanted.abs().max()
