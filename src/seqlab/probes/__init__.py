"""Probes: read-only measures of a model during training, one a file, all under the contract written here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor, nn

from seqlab.nn.units import Units
from seqlab.spec import Field, Part, label

__all__ = ["Measures", "Memory", "Probe", "Profile", "Watcher"]

Profile = dict[str, float | list[float] | str]
"""What was measured of one place of a model, a tensor or a module, by name: numbers, rows of numbers, and arrays that
are packed into a text (`seqlab.journal.arrays`)."""
Measures = Mapping[str, float | Profile]
"""What a probe measured, by full name. Numbers become metrics; profiles are kept in the run's folder `probes`."""


Memory = dict[str, Tensor]
"""What a probe remembers from step to step: a flat dict of tensors that the checkpoint keeps."""


class Probe(Part, kind="probes"):
    """Something measured of the model at some of the updates."""

    phase: ClassVar[Literal["before_update", "after_update"]] = "after_update"
    """When the loop calls `measure`: before the update, when the gradients are there, or after it and after the
    methods. Every name of a measure carries it."""
    looks_at: ClassVar[Literal["weights", "passes"]] = "weights"
    """What `model` is: the one with the master weights, for a probe of them, which reads no inputs; or the one that
    computes, in the dtype of the run, for a probe that lets the inputs pass through it."""
    compares: ClassVar[bool] = False
    """Whether it measures what a step changed: then the loop calls `compare` in place of `measure`."""

    every_steps: int = Field(default=100, ge=1)
    """Measure at every so many updates; also at the last."""

    def due(self, updates: int, steps: int) -> bool:
        """Whether to measure at this update. updates: its number, the first is 1; steps: the budget in updates."""
        return updates % self.every_steps == 0 or updates == steps

    @abstractmethod
    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        """The measures by name, each name made by `metric`.

        inputs: a fixed batch of held-out data, as `model(*inputs)` takes it. Runs without gradient, in evaluation
        mode, under a random stream of its own; changes neither parameters, buffers, gradients nor the mode.
        """

    def compare(self, model: nn.Module, before: Mapping[str, Tensor]) -> Measures:
        """The measures of what a step changed, likewise. before: the parameters before the update, by path."""
        raise NotImplementedError(f"{label(type(self))} says that it compares and has no `compare`.")

    def metric(self, what: str) -> str:
        """The full name of a measure: `weight_norms/after_update/total`."""
        return f"{label(type(self)).rpartition('/')[2]}/{self.phase}/{what}"


class Watcher(Probe):
    """A probe that sees the hidden units of every training step, and what methods reset, whichever they are."""

    @abstractmethod
    def begin(self, weights: Mapping[str, Tensor], units: Mapping[str, Units]) -> Memory:
        """What it remembers at the start of a run."""

    @abstractmethod
    def see(self, memory: Memory, activations: Mapping[str, Tensor], units: Mapping[str, Units]) -> Memory:
        """What it remembers after a training step's forward pass. activations: of every layer of hidden units, before
        the activation function: (B, ..., P H), without gradient."""

    @abstractmethod
    def follow(self, memory: Memory, resets: Mapping[str, Tensor], thresholds: Mapping[str, Tensor]) -> Memory:
        """What it remembers after the step's update and the methods. resets: of each layer of which a unit was reset,
        which ones, (H,) bool; thresholds: (H,) of the layers for which a method has some, in its own unit."""

    @abstractmethod
    def tell(self, memory: Memory) -> tuple[Measures, Memory]:
        """The measures since the last time, when it is due, and what it remembers from then on."""

    @abstractmethod
    def numbers_a_layer(self) -> dict[str, int]:
        """How many numbers it tells of each layer, at most, by name; packed arrays not counted."""

    def most_bytes(self, widths: Mapping[str, int]) -> int:
        """Bytes of packed arrays in the record of one look, at most. widths: the units of each layer."""
        return 0

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        """Nothing: it is seen only in training."""
        return {}
