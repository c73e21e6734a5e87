"""The weights of a model in training: float32 masters, a worker in the compute dtype, and their running average."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["Weights"]


class Weights:
    """`model` holds the master weights, which the optimiser changes and the checkpoint saves. `worker` computes: the
    model itself in float32 and float64, else a copy whose weights are refreshed from the masters after every step.
    Modules that say `keeps_float32` (norms, filters) share the masters and compute in float32."""

    def __init__(self, model: nn.Module, dtype: torch.dtype, averaging: float | None = None) -> None:
        self.model = model.double() if dtype == torch.float64 else model
        self.worker = self.model if dtype in (torch.float32, torch.float64) else _narrow_copy(model, dtype)
        pairs = [
            (master, narrow)
            for master, narrow in zip(self.model.parameters(), self.worker.parameters(), strict=True)
            if master is not narrow
        ]
        self._masters: list[Tensor] = [master for master, _ in pairs]
        self._narrow: list[Tensor] = [narrow for _, narrow in pairs]
        self.trainable = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        """The masters that are trained, by path: to walk through the modules takes as long as a small reset."""
        self._trained = [(master, narrow) for master, narrow in pairs if master.requires_grad]
        self.averaging = averaging
        self.average: dict[str, Tensor] | None = None
        self.publish()
        self.restart_average()

    def collect(self) -> None:
        """Add the worker's gradients to the masters', in the masters' dtype, and clear them."""
        for master, narrow in self._trained:
            if narrow.grad is None:
                continue
            if master.grad is None:
                master.grad = narrow.grad.to(master.dtype)
            else:
                master.grad.add_(narrow.grad)
            narrow.grad = None

    def publish(self) -> None:
        """Give the worker the masters' present values."""
        if self._narrow:
            with torch.no_grad():
                torch._foreach_copy_(self._narrow, self._masters)

    def restart_average(self) -> None:
        """Let the average, where there is one, begin with the masters' present values."""
        if self.averaging is not None:
            self.average = self._copies()

    def load_average(self, values: dict[str, Tensor]) -> None:
        """Go on with an average that was saved."""
        if self.average is not None:
            for name, tensor in self.average.items():
                tensor.copy_(values[name])

    def update_average(self) -> None:
        """One step of the moving average: a <- decay * a + (1 - decay) * w."""
        if self.average is None or self.averaging is None:
            return
        masters = [p.detach() for _, p in self._named()]
        torch._foreach_lerp_(list(self.average.values()), masters, 1.0 - self.averaging)

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        # A tied parameter under each of its names, as in the model's state dict.
        return self.model.named_parameters(remove_duplicate=False)

    def _copies(self) -> dict[str, Tensor]:
        return {name: p.detach().clone() for name, p in self._named()}

    @contextmanager
    def evaluated(self) -> Iterator[nn.Module]:
        """The worker in evaluation mode, with the averaged weights where there is an average."""
        self.worker.eval()
        kept = self._load_average()
        try:
            yield self.worker
        finally:
            if kept is not None:
                self._load(kept)
            self.worker.train()

    def _load_average(self) -> dict[str, Tensor] | None:
        if self.average is None:
            return None
        kept = self._copies()
        self._load(self.average)
        return kept

    def _load(self, values: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._named():
                parameter.copy_(values[name])
        self.publish()


def _narrow_copy(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """A copy in a narrower dtype that shares the tensors of every module that keeps float32."""
    shared: dict[int, object] = {}
    for module in model.modules():
        if getattr(module, "keeps_float32", False):
            for tensor in [*module.parameters(), *module.buffers()]:
                shared[id(tensor)] = tensor
    worker = copy.deepcopy(model, memo=dict(shared))
    for tensor in [*worker.parameters(), *worker.buffers()]:
        if id(tensor) not in shared and tensor.is_floating_point():
            tensor.data = tensor.data.to(dtype)
    return worker
