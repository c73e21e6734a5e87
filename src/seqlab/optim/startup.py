"""Keep PyTorch's compiler out of runs that compile nothing: to import it takes about a second at every start."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.optim import Optimizer

__all__ = ["spare_the_compiler", "step_without_breaks"]


def spare_the_compiler() -> None:
    """Let the bookkeeping of torch's optimisers run without importing the compiler.

    torch 2.8 to 2.13 wraps these methods so that the compiler skips them, and asks the compiler how to do that at the
    first call, by an attribute of the method. Answered beforehand (run it as it is), it need not be asked. Where a
    version of torch has no such wrapper this does nothing.
    """
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        plain = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            setattr(plain, "__dynamo_disable", plain)


def step_without_breaks(optimiser: Optimizer) -> Optimizer:
    """The optimiser, whose steps run without gradient, as torch's do, and without importing the compiler to break its
    graph there. Where a version of torch has no such wrapper this does nothing."""
    kind: Any = type(optimiser)
    breaking = getattr(kind.step, "__wrapped__", None)
    if getattr(getattr(breaking, "__code__", None), "co_name", None) == "_use_grad":
        optimiser.__class__ = _without_breaks(kind)
    return optimiser


@functools.cache
def _without_breaks(kind: Any) -> Any:
    """A class beside torch's own, which others may compile."""
    step: Any = Optimizer.profile_hook_step(torch.no_grad()(kind.step.__wrapped__.__wrapped__))
    step.hooked = True  # as torch marks a step that it need not wrap again
    return type(kind.__name__, (kind,), {"step": step})
