"""Keep PyTorch's compiler out of runs that compile nothing."""

from __future__ import annotations

from torch.optim import Optimizer

__all__ = ["spare_the_compiler"]


def spare_the_compiler() -> None:
    """Let the bookkeeping of torch's optimisers run without importing the compiler (about a second at every start).

    torch 2.8 to 2.13 wraps these methods so that the compiler skips them, and asks the compiler how to do that at the
    first call, by an attribute of the method. Answered beforehand (run it as it is), it need not be asked. Where a
    version of torch has no such wrapper this does nothing.
    """
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        plain = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if plain is not None and not hasattr(plain, "__dynamo_disable"):
            setattr(plain, "__dynamo_disable", plain)
