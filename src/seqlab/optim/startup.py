"""Keep PyTorch's compiler out of runs that compile nothing: to import it takes about a second at every start."""

from __future__ import annotations

from types import MethodType

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
    breaking = getattr(type(optimiser).step, "__wrapped__", None)
    if getattr(getattr(breaking, "__code__", None), "co_name", None) == "_use_grad":
        step = Optimizer.profile_hook_step(torch.no_grad()(breaking.__wrapped__))  # type: ignore[union-attr]
        optimiser.step = MethodType(step, optimiser)  # type: ignore[method-assign]
    return optimiser
