"""What a training says of itself: to the record and to whoever watches."""

from __future__ import annotations

import math
import resource
import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from seqlab.journal import Attempt
from seqlab.journal.digest import is_better
from seqlab.journal.parting import WORSE_ACCURACY, Point, noise, parting
from seqlab.kernels.taken import taken
from seqlab.train.interventions import Metrics
from seqlab.train.training import Training
from seqlab.train.watch import Progress, Watch

__all__ = ["Report"]


class Report:
    """Turns a step's tensors into numbers when a line is due, and keeps the summary true."""

    def __init__(self, t: Training, attempt: Attempt, watch: Watch, evaluated: Sequence[Point] = ()) -> None:
        """evaluated: what earlier attempts found, by which a parting of loss and accuracy is told."""
        self._t, self._attempt, self._watch = t, attempt, watch
        self._evaluated = [*evaluated]
        self._parting_told = self._parting() is not None
        self._tokens, self._time, self._outside = t.tokens, time.perf_counter(), self._seconds_outside_steps()
        self._rate = 0.0
        self._checkpoint_bytes = 0
        self._floors: dict[str, Any] = {}
        self.loss = 0.0
        self.is_best = False
        with t.shares.rare("floors"):
            self.floors(t.task.floors())

    def log(self, metrics: Metrics) -> None:
        """Write the metrics line of a step, and what probes saw of each place of the model."""
        values = {name: float(value) for name, value in metrics.items() if not isinstance(value, dict)}
        self._attempt.looked(self._t.step, {name: seen for name, seen in metrics.items() if isinstance(seen, dict)})
        self.loss = values["train/loss"]
        self._measure_rate()
        self._line({**values, "speed/tokens_per_second": self._rate, "memory/bytes": float(self._memory())})

    def evaluation(self, metrics: dict[str, float]) -> None:
        """Write the metrics line of an evaluation during training; the schedule and keep-best learn of it."""
        t = self._t
        t.schedule_memory = t.experiment.schedule.remember(t.schedule_memory, metrics, t.step)
        for name in t.experiment.snapshots.keep_best:
            if self._improves(name, metrics[name]):
                t.best[name] = (metrics[name], t.step)
                self.is_best = True
        self.result(metrics)
        self._tell_parting(metrics)

    def _tell_parting(self, metrics: dict[str, float]) -> None:
        """Say, the first time, that loss and accuracy part ways."""
        point = Point(self._t.step, *(metrics.get(f"val_subset/{name}", math.nan) for name in ("loss", "accuracy")))
        if math.isfinite(point.loss) and math.isfinite(point.accuracy):
            self._evaluated.append(point)
        if self._parting_told or (told := self._parting(metrics.get("val_subset/symbols"))) is None:
            return
        self._parting_told = True
        sentence = f"{told}; `snapshots.keep_best=val_subset/loss,val_subset/accuracy` keeps a checkpoint by each"
        self._watch.message(sentence)
        self._attempt.event("remark", message=sentence)

    def _parting(self, scored: float | None = None) -> str | None:
        """How loss and accuracy disagree about the best of at least three evaluations, if they clearly do."""
        if len(self._evaluated) < 3 or self._t.task.stages > 1:
            return None
        parted = parting(self._evaluated)
        limit = max(WORSE_ACCURACY, noise(parted.by_accuracy.accuracy, scored))
        return str(parted) if parted.matters(limit) else None

    def result(self, metrics: dict[str, float]) -> None:
        """Write the metrics line of a measurement that nothing reacts to."""
        self._line(metrics)
        self._summarise()

    def final(self, metrics: dict[str, float]) -> None:
        """Write the metrics line of the whole held-out data; one that a killed attempt wrote already stands."""
        if self._attempt.has_line(self._t.step, metrics):
            self._watch.metrics(self.progress(), metrics)
        else:
            self.result(metrics)

    def _improves(self, name: str, value: float) -> bool:
        best = self._t.best.get(name)
        return math.isfinite(value) and (best is None or is_better(name, value, best[0]))

    def _line(self, values: dict[str, float]) -> None:
        t = self._t
        task = t.stage_done + 1 if t.task.stages > 1 else 0
        self._attempt.log(step=t.step, epoch=round(t.epoch, 4), task=task, tokens=t.tokens, **values)
        self._watch.metrics(self.progress(), values)

    def saved(self, size: int) -> None:
        """A checkpoint of so many bytes was written."""
        self._checkpoint_bytes, self.is_best = size, False
        self._attempt.event("checkpoint", step=self._t.step, bytes=size)

    def floors(self, floors: Mapping[str, Any]) -> None:
        """What trivial models reach; the summary keeps it."""
        self._floors |= floors
        self._watch.floors(self._floors)
        self._summarise()

    def end(self, state: str) -> None:
        """The last summary, and the state with its evidence."""
        self._summarise()
        evidence = {"loss": self.loss} if state == "diverged" else {}
        self._attempt.finish(state, step=self._t.step, steps=self._t.steps, **evidence)

    def progress(self) -> Progress:
        """Where the training stands."""
        t = self._t
        left = None
        if t.steps is not None and self._rate:
            left = (t.steps - t.step) * t.experiment.batch.size * t.task.row_tokens / self._rate
        return Progress(t.step, t.steps, self._rate, left, self._memory())

    def _measure_rate(self) -> None:
        now, outside = time.perf_counter(), self._seconds_outside_steps()
        seconds = now - self._time - (outside - self._outside)
        if seconds > 0:
            self._rate = (self._t.tokens - self._tokens) / seconds
        self._tokens, self._time, self._outside = self._t.tokens, now, outside

    def _seconds_outside_steps(self) -> float:
        return sum(self._t.shares.seconds[name] for name in ("evaluation", "checkpoint", "floors", "trial"))

    def _memory(self) -> int:
        """Peak bytes: of the device, or of the process where the device is the CPU."""
        if self._t.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._t.device)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def _summarise(self) -> None:
        t = self._t
        seconds = t.training_seconds() - self._seconds_outside_steps()
        self._attempt.summarise(
            step=t.step,
            steps=t.steps,
            epoch=t.epoch,
            tokens=t.tokens,
            parameters=sum(p.numel() for p in t.model.parameters()),
            trainable_parameters=sum(p.numel() for p in t.model.parameters() if p.requires_grad),
            floors=self._floors,
            tokens_per_second=t.tokens / seconds if seconds > 0 and t.tokens else 0.0,
            wall_seconds=self._attempt.wall_seconds,
            shares=t.shares.fractions(),
            peak_memory_bytes=self._memory(),
            checkpoint_bytes=self._checkpoint_bytes,
            kernels=taken(),
            overflows=t.loss_scale.overflows,
            best_checkpoints={name: step for name, (_, step) in t.best.items()},
        )
