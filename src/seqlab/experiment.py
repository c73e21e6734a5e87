"""The experiment: everything that decides a run's result, as one typed value, and its cross-field checks."""

from __future__ import annotations

import math
from typing import Literal

from seqlab.methods import Method
from seqlab.models import Model
from seqlab.optim.optimisers import Optimiser
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules import Schedule
from seqlab.optim.schedules.cosine import Cosine
from seqlab.probes import Probe
from seqlab.regularisers import Regulariser
from seqlab.spec import Field, Part, SpecError
from seqlab.tasks import Task

__all__ = ["Batching", "Budget", "Distribution", "Evaluation", "Experiment", "Snapshots"]


class Budget(Part):
    """How long to train; the first limit that is reached ends the run."""

    steps: int | None = Field(default=None, ge=1)
    """Optimiser steps (in each task of a stream)."""
    tokens: int | None = Field(default=None, ge=1)
    """Symbols read in training."""
    minutes: float | None = Field(default=None, gt=0)
    """Wall-clock minutes of training, summed over attempts."""

    def check(self) -> None:
        if self.steps is None and self.tokens is None and self.minutes is None:
            raise SpecError("budget needs a limit: set `budget.steps`, `budget.tokens` or `budget.minutes`.")

    def updates(self, tokens_each: int) -> int | None:
        """Optimiser steps of so many symbols each until `steps` or `tokens` ends the run; None: only the clock does."""
        if self.tokens is None:
            return self.steps
        by_tokens = math.ceil(self.tokens / tokens_each)
        return by_tokens if self.steps is None else min(self.steps, by_tokens)


class Batching(Part):
    """What one optimiser step sees."""

    size: int = Field(default=32, ge=1)
    """Rows (sequences) in a step."""
    accumulate: int = Field(default=1, ge=1)
    """Parts in which a batch is computed, to save memory; the gradient does not depend on it."""

    def check(self) -> None:
        if self.accumulate > self.size:
            raise SpecError(f"batch.accumulate={self.accumulate} is more parts than batch.size={self.size} has rows.")


class Evaluation(Part):
    """When the held-out subset is scored and a metrics line is written; the whole split is scored at the end."""

    every_steps: int | None = Field(default=None, ge=1)
    """Steps between evaluations; none: ten times over the budget."""
    every_minutes: float | None = Field(default=None, gt=0)
    """Minutes between evaluations, instead of steps."""
    log_every_steps: int = Field(default=10, ge=1)
    """Steps between metrics lines of the training loss."""
    after_update: bool = False
    """Whether the batch of a metrics line is scored again after its update and the methods, as
    `train_after_update/...`: what a training accuracy gains that is taken too late. `train/...` is always before."""
    end_of_task: tuple[Literal["train", "val", "test"], ...] = ()
    """Splits of which the whole is scored when a task of a stream ends, on that task, as `test_at_end_of_task/...`."""

    def check(self) -> None:
        if self.every_steps is not None and self.every_minutes is not None:
            raise SpecError("evaluation goes by steps or by minutes: set one of `every_steps` and `every_minutes`.")


class Snapshots(Part):
    """When checkpoints are written and which are kept; the first within 20 steps or 30 s, the last at the end."""

    every_steps: int | None = Field(default=None, ge=1)
    """Steps between checkpoints; none: by minutes alone."""
    every_minutes: float = Field(default=5.0, gt=0)
    """Minutes between checkpoints."""
    keep_last: int = Field(default=2, ge=1)
    """How many of the newest stay on disk."""
    keep_best: tuple[str, ...] = ()
    """Metrics (such as `val_subset/loss`) whose best evaluation keeps its checkpoint."""
    keep_every_steps: int | None = Field(default=None, ge=1)
    """A checkpoint at every multiple of this is written and stays for good."""


class Distribution(Part):
    """On how many processes one run trains: each takes its rows of every batch, and the gradient is that of all.

    `seqlab run --on torchrun` starts them on this machine.
    """

    processes: int = Field(default=1, ge=1)
    """Processes, one a device where there are GPUs."""
    sharding: Literal["none", "full"] = "none"
    """none: every process holds the whole model (DDP); full: each holds its share of weights, gradients and moments
    (FSDP2, arXiv 2304.11277)."""
    patience_minutes: float = Field(default=10.0, gt=0)
    """How long a process waits for the others before the run fails."""


class Experiment(Part):
    """One experiment: the same value gives the same result, wherever it is run."""

    task: Task
    """Data, loss and metrics."""
    model: Model
    """The backbone."""
    optim: Optimiser = AdamW()
    """The optimiser with its learning rate."""
    schedule: Schedule = Cosine()
    """How the learning rate changes over the budget."""
    budget: Budget
    """How long to train."""
    batch: Batching = Batching()
    """Rows in a step."""
    clip: float | None = Field(default=1.0, gt=0)
    """Largest global norm of the gradient (L2 over all parameters); none: no clipping."""
    regularisers: tuple[Regulariser, ...] = ()
    """Penalties added to the loss."""
    methods: tuple[Method, ...] = ()
    """Plasticity methods that act during training."""
    probes: tuple[Probe, ...] = ()
    """Read-only measures."""
    evaluation: Evaluation = Evaluation()
    """When to evaluate."""
    snapshots: Snapshots = Snapshots()
    """When to save."""
    averaging: float | None = Field(default=None, gt=0, lt=1)
    """Decay of an exponential moving average of the weights, which is then evaluated and used; none: no average."""
    freeze: tuple[str, ...] = ()
    """Parameters that do not train, by path or pattern (`embedding`, `blocks.0.*`); verified unchanged at the end."""
    start_from: str | None = None
    """A run (`NAME` or `NAME@STEP`) whose weights the model starts with; the optimiser starts afresh."""
    precision: Literal["auto", "float32", "bfloat16", "float16", "float64"] = "auto"
    """Dtype of the computation, with float32 master weights; auto: bfloat16 where this device is faster with it."""
    gradient_checkpointing: bool = False
    """Recompute the activations of each block in the backward pass."""
    updates_per_call: int = Field(default=1, ge=1)
    """Updates that are taken in one call of a recorded step, up to the next that something else follows; only where
    that is faster. The numbers are the same, bit for bit."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: cuda where there is one."""
    distribution: Distribution = Distribution()
    """On how many processes."""
    seed: int = Field(default=0, ge=0)
    """Of every named random stream."""
    accept: tuple[str, ...] = ()
    """Audits whose failure does not stop the run (`causality`; `seqlab audit` lists them); recorded with it."""

    def check(self) -> None:
        minutes_only = self.budget.steps is None and self.budget.tokens is None
        if minutes_only and self.schedule.needs_horizon():
            raise SpecError(
                "budget.minutes alone gives the schedule no end to aim at (a schedule never depends on the clock); "
                "set `budget.steps`, or `schedule.steps`, or `schedule=constant`."
            )
        by_clock = self.evaluation.every_minutes is not None or (minutes_only and self.evaluation.every_steps is None)
        if self.schedule.watches_evaluations() and by_clock:
            raise SpecError(
                "this schedule follows the evaluations, so they must come by steps and not by the clock: "
                "set `evaluation.every_steps`, and not `evaluation.every_minutes`."
            )
        if self.batch.size < self.batch.accumulate * self.distribution.processes:
            raise SpecError(
                f"distribution.processes={self.distribution.processes} with batch.accumulate={self.batch.accumulate} "
                f"needs a row for each part of each process, and batch.size={self.batch.size} has fewer; raise it."
            )
        if self.updates_per_call > 1 and (reason := self._one_by_one()) is not None:
            raise SpecError(f"updates_per_call={self.updates_per_call}: {reason}; leave one of the two out.")
        if self.device == "cpu" and self.precision == "float16":
            raise SpecError("precision=float16 needs a GPU; on a CPU use `precision=bfloat16` or `float32`.")

    def _one_by_one(self) -> str | None:
        """The setting for which a step cannot be recorded; None without one."""
        if self.distribution.processes > 1:
            return "`distribution.processes` wait for each other in each"
        if self.gradient_checkpointing:
            return "`gradient_checkpointing` frees what a recorded step keeps"
        if self.precision == "float16":
            return "`precision=float16` skips updates whose gradient is not finite"
        return None
