"""What looking inside costs: every probe at its default cadence, as a share of the time of a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from tempfile import TemporaryDirectory

from seqlab.bench import Options, Row
from seqlab.bench.shared.subjects import subjects, transformer
from seqlab.bench.shared.timing import alternate
from seqlab.experiment import Budget, Experiment
from seqlab.probes import Probe
from seqlab.spec import members
from seqlab.train.interventions import PROBE_ROWS, measured
from seqlab.train.start import prepare
from seqlab.train.step import backward, optimiser_step
from seqlab.train.training import Training

__all__ = ["measure"]

TARGET = 1.0
"""Per cent of a step."""


def measure(options: Options) -> list[Row]:
    """Of each experiment: the probes by themselves in turn with whole steps, each probe's time divided by its
    `every_steps`. The gradients, and the weights before the update, are there beforehand, but keeping those weights is
    counted to the probe that compares."""
    larger = {"4 layers of width 256": transformer(dim=256, layers=4)}
    return [
        row
        for name, experiment in subjects(options, **larger).items()
        for row in _rows(name, experiment, rounds=2 if options.quick else 5)
    ]


def _rows(name: str, experiment: Experiment, rounds: int) -> Iterator[Row]:
    probes = {label: cls() for label, cls in members("probes").items() if issubclass(cls, Probe)}
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        plain = replace(experiment, budget=Budget(steps=10**6), probes=())
        training, ready = (prepare(plain, folder).training for _ in range(2))  # one goes on, one keeps its gradients
        backward(ready, ready.next_batch())
        calls: dict[str, Callable[[], object]] = {"": lambda: optimiser_step(training)}
        calls |= {label: _look(ready, probe) for label, probe in probes.items()}
        times = alternate(calls, rounds=rounds)
    step = times[""].median
    shares = {label: 100 * times[label].median / probe.every_steps / step for label, probe in probes.items()}
    together = sum(shares.values())
    yield Row(
        what=f"{name}: all probes", value=together, unit="% of a step", target=TARGET, also={"ms a step": 1e3 * step}
    )
    for label, share in sorted(shares.items(), key=lambda item: -item[1]):
        yield Row(
            what=f"{name}: {label}",
            value=share,
            unit="% of a step",
            spread=times[label].spread,
            also={"ms a look": 1e3 * times[label].median, "every steps": float(probes[label].every_steps)},
        )


def _look(t: Training, probe: Probe) -> Callable[[], object]:
    inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(PROBE_ROWS))

    def look() -> None:
        if probe.compares:
            t.before_update = {name: p.detach().clone() for name, p in t.model.named_parameters()}
        measured(t, probe, inputs, t.step)

    return look
