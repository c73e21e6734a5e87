"""Everything that a run has in memory: data, weights, optimiser, and where it stands."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from seqlab.data.streams import stream_seed
from seqlab.experiment import Experiment
from seqlab.kernels.allocator import keep_freed_memory
from seqlab.models import BlockModule
from seqlab.nn.units import Units
from seqlab.optim.groups import freeze, parameter_groups
from seqlab.optim.startup import spare_the_compiler, step_without_breaks
from seqlab.tasks import Batch, PreparedTask
from seqlab.train.distributed import World, local, whole
from seqlab.train.precision import LossScale
from seqlab.train.shares import Shares
from seqlab.train.watching import Watching
from seqlab.train.weights import Weights

__all__ = ["Training", "assemble", "build_model", "fresh_weight", "fresh_weights", "seed_generators"]


@dataclass
class Training:
    """A run in memory. What changes from step to step is what a checkpoint holds; the rest follows from the spec."""

    experiment: Experiment
    device: torch.device
    dtype: torch.dtype
    task: PreparedTask
    weights: Weights
    optimiser: torch.optim.Optimizer
    loss_scale: LossScale
    frozen: list[str]
    shares: Shares
    together: nn.Module
    """The worker as a step calls it: its backward pass is that of all processes."""
    world: World = field(default_factory=World)
    step: int = 0
    tokens: int = 0
    epoch: float = 0.0
    seconds: float = 0.0
    """Seconds in the loop of the attempts before this one."""
    started: float = field(default_factory=time.monotonic)
    """When this attempt's loop began (time.monotonic)."""
    schedule_memory: dict[str, Any] = field(default_factory=dict)
    method_statistics: list[Any] = field(default_factory=list)
    probe_memories: list[Any] = field(default_factory=list)
    """What each probe remembers, in their order; nothing of one that does not watch."""
    resets: dict[str, Tensor] = field(default_factory=dict)
    """The units that methods reset after the last step, by layer, (H,) bool, where a probe watches."""
    method_reports: dict[str, Tensor] = field(default_factory=dict)
    """What methods did since the last metrics line."""
    units: dict[str, Units] = field(default_factory=dict)
    """The model's layers of hidden units, where a method acts on some, or a probe watches."""
    watching: Watching | None = None
    """What keeps the activations of those layers."""
    best: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Metric name -> (best value, its step), of those that `snapshots.keep_best` names."""
    inherited: bool = False
    """Whether the weights came from a checkpoint and are not a fresh draw."""
    frozen_digest: str = ""
    before_update: dict[str, Tensor] = field(default_factory=dict)
    """The weights before the present update, where a probe that is due compares with them."""
    initial: dict[str, Tensor] = field(default_factory=dict)
    """The weights of step 0, where a regulariser compares with them."""

    @property
    def model(self) -> nn.Module:
        """The model with its master weights."""
        return self.weights.model

    @property
    def is_shared_out(self) -> bool:
        """Whether this process holds only its share of the weights."""
        return self.world.size > 1 and self.experiment.distribution.sharding == "full"

    @property
    def steps_a_stage(self) -> int | None:
        """Optimiser steps in each task of a stream, None when only the clock ends the run."""
        return self.experiment.budget.updates(self.experiment.batch.size * self.task.row_tokens)

    @property
    def steps(self) -> int | None:
        """The step at which the budget ends, None when only the clock ends the run."""
        return self.steps_a_stage * self.task.stages if self.steps_a_stage is not None else None

    @property
    def stage(self) -> int:
        """The task of a stream that the next step trains, counted from 0."""
        return self._stage_at(self.step)

    @property
    def stage_done(self) -> int:
        """The task of a stream that the last step trained, counted from 0."""
        return self._stage_at(max(self.step - 1, 0))

    @property
    def ends_a_task(self) -> bool:
        """Whether the last step was the last one of a task of a stream."""
        each = self.steps_a_stage
        return self.task.stages > 1 and each is not None and self.step > 0 and self.step % each == 0

    def _stage_at(self, step: int) -> int:
        return min(step // self.steps_a_stage, self.task.stages - 1) if self.steps_a_stage is not None else 0

    def next_batch(self, rows: int | None = None, *, skipped: int = 0) -> Batch:
        """The batch of the next step, or of one some steps later, on the device: of `rows` rows, by default the
        experiment's."""
        step = self.step - self.stage * (self.steps_a_stage or 0) + skipped
        size = rows or self.experiment.batch.size
        return self.task.batch(self.experiment.seed, step, size, self.stage).to(self.device)

    def last_batch(self) -> Batch:
        """The batch of the step that was counted last, on the device."""
        step = self.step - 1 - self.stage_done * (self.steps_a_stage or 0)
        return self.task.batch(self.experiment.seed, step, self.experiment.batch.size, self.stage_done).to(self.device)

    def training_seconds(self) -> float:
        """Seconds in the loop over all attempts, evaluation and checkpoints included."""
        return self.seconds + time.monotonic() - self.started

    def is_finite(self) -> bool:
        """Whether every weight is a number."""
        held = [local(p.detach()) for p in self.model.parameters()]
        return not self.world.any(not torch.stack(torch._foreach_norm(held)).isfinite().all())

    def digest_frozen(self) -> str:
        """SHA-256 of the frozen parameters' values."""
        digest = hashlib.sha256()
        named = dict(self.model.named_parameters(remove_duplicate=False))
        for name in sorted(self.frozen):
            digest.update(name.encode())
            digest.update(whole(named[name].detach()).cpu().flatten().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest() if self.frozen else ""


def assemble(
    experiment: Experiment, task: PreparedTask, device: torch.device, dtype: torch.dtype, world: World | None = None
) -> Training:
    """Build the model and its optimiser; raises in one sentence what cannot be, writes nothing. From now on the
    process keeps the memory that it frees, until it ends (`keep_freed_memory`).

    world: the processes that train it together; None: this one alone, whatever the experiment asks for."""
    spare_the_compiler()
    keep_freed_memory()
    world = world or World()
    model = build_model(experiment, task).to(device)
    frozen = freeze(model, experiment.freeze)
    if world.size > 1 and experiment.distribution.sharding == "full":
        from seqlab.train.sharding import shard

        shard(model.double() if dtype == torch.float64 else model)
    weights = Weights(model, dtype, experiment.averaging)
    if experiment.gradient_checkpointing:
        _checkpoint_blocks(weights.worker)
    return Training(
        experiment,
        device,
        dtype,
        task,
        weights,
        step_without_breaks(experiment.optim.build(parameter_groups(weights.model, experiment.optim))),
        LossScale(dtype),
        frozen,
        Shares(device),
        world.together(weights.worker),
        world,
    )


def build_model(experiment: Experiment, task: PreparedTask, stream: str = "init", *counters: int) -> nn.Module:
    """The model with weights drawn from a named stream; the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        seed_generators(experiment.seed, stream, *counters)
        return experiment.model.build(task.signature)


def seed_generators(seed: int, stream: str, *counters: int) -> None:
    """Put torch's global generators, from which dropout draws, at a place of a named stream.

    torch.manual_seed would do, but writes down the whole stack for each kind of device that is not there.
    """
    number = stream_seed(seed, stream, *counters)
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_available():
        torch.cuda.manual_seed(number)


def fresh_weights(t: Training, stream: str, *counters: int) -> dict[str, Tensor]:
    """A new draw of the initialisation, like the master weights in dtype and device."""
    model = build_model(t.experiment, t.task, stream, *counters)
    like = dict(t.model.named_parameters())
    return {name: p.detach().to(like[name]) for name, p in model.named_parameters()}


def fresh_weight(t: Training, path: str, stream: str, *counters: int) -> Tensor:
    """A new draw of one parameter's initialisation: of it alone where its law is known (`seqlab.nn.inits`), which
    spares the building of a model; not the one that `fresh_weights` draws, then, but as good."""
    like = t.model.get_parameter(path)
    std = getattr(like, "drawn_std", None)
    if std is None:
        return fresh_weights(t, stream, *counters)[path]
    generator = torch.Generator().manual_seed(stream_seed(t.experiment.seed, f"{stream}/{path}", *counters))
    drawn = torch.randn(like.shape, generator=generator) * float(std)
    return drawn.to(like)


def _checkpoint_blocks(model: nn.Module) -> None:
    found = [module for module in model.modules() if isinstance(module, BlockModule)]
    if not found:
        raise ValueError("gradient_checkpointing=true: this model has no blocks to recompute; leave it off.")
    for module in found:
        module.checkpointing = True
