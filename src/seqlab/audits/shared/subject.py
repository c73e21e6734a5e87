"""What an audit looks at: an experiment in memory, with copies that an audit may do anything to."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from seqlab.audits import Stage
from seqlab.audits.shared.fitting import fitted
from seqlab.audits.shared.structure import structure
from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.kernels.listener import Listener
from seqlab.spec import to_json
from seqlab.tasks import PreparedTask
from seqlab.train.interventions import apply_methods
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training, seed_generators

__all__ = ["Step", "Subject", "loop_step", "moved", "wake"]

aten = torch.ops.aten

Step = Callable[[Training], Mapping[str, Any]]
"""Takes one step of a training and returns its metrics, as the loop does."""

WIDE_PARAMETERS = 60_000_000
"""A model with more parameters is looked at in float32: in float64 it would not fit beside the run."""
AFFORDABLE_FLOPS = 4e9
"""Operations of one forward pass in an audit, about a tenth of a second in float64: longer inputs are cut."""
SHORTEST = 32
"""Symbols that an input keeps, however large the model is."""


def loop_step(t: Training) -> dict[str, Any]:
    """One step as the training loop takes it: update, then methods."""
    return {**optimiser_step(t), **apply_methods(t)}


@dataclass
class Subject:
    """An experiment that was built (`before`), or one with the weights that training gave it (`trained`)."""

    training: Training
    """Never changed by an audit."""
    stage: Stage = "before"
    step: Step = loop_step
    """How a training takes a step."""
    run: Run | None = None
    """The record, where there is one: metrics and floors."""
    notes: dict[str, Any] = field(default_factory=dict)
    """What one audit measured that another may use."""

    @property
    def is_planted(self) -> bool:
        """Whether its steps are not those of the loop, so that no finding about it can be cited."""
        return self.step is not loop_step

    @property
    def is_fresh(self) -> bool:
        """Whether the weights are a fresh draw, which no training and no checkpoint has changed."""
        return self.stage == "before" and not self.training.inherited

    @property
    def experiment(self) -> Experiment:
        """The spec."""
        return self.training.experiment

    @cached_property
    def saved(self) -> dict[str, Any]:
        """The spec as plain values."""
        return to_json(self.experiment)

    @cached_property
    def structure(self) -> dict[str, Any]:
        """What is left of the spec where rates, strengths and the seed are only numbers."""
        return structure(self.experiment)

    @property
    def task(self) -> PreparedTask:
        """The data."""
        return self.training.task

    @cached_property
    def awake(self) -> nn.Module:
        """A copy of the model in evaluation mode and float64, for comparisons; float32 where it is too large, or has a
        part that computes in float32 whatever it is given and breaks on anything else.

        Before training, parameters that begin at zero (a residual branch, a head) get small random values: a branch
        that is switched off hides every fault behind it. Shared among audits: look, do not change.
        """
        model = copy.deepcopy(self.training.model).eval()
        if self.is_fresh:
            with self.drawing("awake"):
                wake(model)
        if sum(p.numel() for p in model.parameters()) > WIDE_PARAMETERS:
            return model
        wide = copy.deepcopy(model).double()
        try:
            self.output(wide, self.inputs(1))
        except (RuntimeError, TypeError):
            return model
        return wide

    @cached_property
    def tolerance(self) -> float:
        """The relative difference between two outputs of `awake` that rounding can make: small where all is float64."""
        if next(self.awake.parameters()).dtype != torch.float64:
            return 1e-4
        with _Narrow() as narrow:
            self.output(self.awake, self.inputs(1))
        return 1e-4 if narrow.seen else 1e-9

    @contextmanager
    def drawing(self, name: str, *counters: int) -> Iterator[None]:
        """Within, torch's global generator is at a place of its own; afterwards it is where it was."""
        with torch.random.fork_rng(devices=[]):
            seed_generators(self.experiment.seed, f"audits/{name}", *counters)
            yield

    def inputs(self, rows: int = 1, length: int | None = None) -> tuple[Tensor, ...]:
        """Held-out inputs as `model(*inputs)` takes them, cut to a length that a look can afford (or to `length`)."""
        length = length or self.length
        return tuple(
            (tensor[:, :length] if tensor.ndim > 1 else tensor).to(self.training.device)
            for tensor in self.task.held_out_inputs(rows)
        )

    @cached_property
    def length(self) -> int:
        """The longest input that a look can afford: the task's own where the model is small, or cannot read less."""
        length = self.whole_length
        while self._reads_positions and length > SHORTEST and self.flops(length) > AFFORDABLE_FLOPS:
            length //= 2
        return length

    @cached_property
    def whole_length(self) -> int:
        """The length of the task's inputs."""
        first = self.task.held_out_inputs(1)[0]
        return first.shape[1] if first.ndim > 1 else 1

    @property
    def _reads_positions(self) -> bool:
        """Whether the second axis of the inputs holds positions, which can be fewer: they are symbols, or the model
        says what a length costs. The pixels of a picture cannot be fewer."""
        if self.task.signature.shape is not None:
            return False
        return hasattr(self.training.model, "flops") or not self.task.held_out_inputs(1)[0].is_floating_point()

    def flops(self, length: int) -> float:
        """Operations of one row's forward pass: as the model counts them, else measured."""
        model: Any = self.training.model
        try:
            return float(model.flops(length))
        except (AttributeError, NotImplementedError):
            return self._measured_flops * (length / self.whole_length if self._reads_positions else 1.0)

    @cached_property
    def _measured_flops(self) -> float:
        """Operations of one row's forward pass at the whole length."""
        model = copy.deepcopy(self.training.model).eval()
        uncounted = {aten.mkldnn_rnn_layer: _recurrence_flops, torch.ops.mkldnn._linear_pointwise: _linear_flops}
        with FlopCounterMode(display=False, custom_mapping=uncounted) as counter:
            self.output(model, self.inputs(1, self.whole_length))
        return float(counter.get_total_flops())

    def disturbed(self, inputs: tuple[Tensor, ...], start: int, stop: int | None = None) -> tuple[Tensor, ...]:
        """The inputs with every symbol from `start` up to `stop` (None: the end) replaced by another one."""
        first, *rest = inputs
        changed = first.clone()
        part = changed[:, start:stop]
        if first.is_floating_point():
            part += 1 + torch.rand_like(part)
        else:
            vocabulary = self.task.signature.vocabulary
            part += torch.randint_like(part, 1, vocabulary) if vocabulary > 1 else 0
            part %= vocabulary
        return changed, *rest

    def cast(self, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The inputs as `awake` takes them: floating-point ones in its dtype."""
        return fitted(self.awake, inputs)

    def output(self, model: nn.Module, inputs: tuple[Tensor, ...], draw: int = 0) -> Tensor:
        """What a model makes of inputs, without gradient; whatever it draws, it draws the same for the same `draw`."""
        with self.drawing("output", draw), torch.no_grad():
            found = model(*fitted(model, inputs))
        return found if isinstance(found, Tensor) else next(part for part in found if isinstance(part, Tensor))


def _recurrence_flops(x: Sequence[int], of_input: Sequence[int], of_state: Sequence[int], *_: Any, **__: Any) -> int:
    """Operations of torch's fused LSTM, which its own counter takes for nothing, from the shapes of x and weights."""
    return 2 * x[0] * x[1] * (math.prod(of_input) + math.prod(of_state))


def _linear_flops(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
    """Operations of oneDNN's linear, likewise."""
    return 2 * math.prod(x) * weight[0]


class _Narrow(Listener):
    """Notes whether anything was computed in less than float64."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = False

    def __torch_dispatch__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        result = function(*arguments, **(options or {}))
        parts = result if isinstance(result, tuple | list) else (result,)
        narrow = (torch.float32, torch.bfloat16, torch.float16, torch.complex64)
        self.seen = self.seen or any(isinstance(p, Tensor) and p.dtype in narrow and p.numel() > 1 for p in parts)
        return result


def wake(model: nn.Module) -> None:
    """Give every parameter that is zero throughout small random values: N(0, 1 / fan-in), a vector's N(0, 0.01)."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.numel() and not parameter.any():
                fan_in = parameter[0].numel() if parameter.ndim > 1 else 100
                parameter.normal_(0.0, fan_in**-0.5)


def moved(a: Tensor, b: Tensor) -> float:
    """The largest difference between two outputs, in units of the largest entry; infinite where one is no number."""
    a, b = a.detach(), b.detach()
    scale = torch.maximum(a.abs().max(), b.abs().max()).clamp(min=1e-30)
    return float(((a - b).abs().max() / scale).nan_to_num(math.inf, math.inf))
