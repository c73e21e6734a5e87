"""What probes are forecast to write, beside what they write."""

from __future__ import annotations

import pytest

from seqlab.experiment import Batching, Budget, Evaluation, Experiment
from seqlab.models.mlp import MLP
from seqlab.probes.gradients import Gradients
from seqlab.probes.ranks import Ranks
from seqlab.probes.units import Units
from seqlab.probes.updates import Updates
from seqlab.probes.weight_norms import WeightNorms
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.record_size import record_forecast
from tiny_runs import carried_out, in_memory


@pytest.fixture
def experiment() -> Experiment:
    every = {"every_steps": 2}
    probes = (Gradients(**every), Ranks(**every), Units(**every), Updates(**every), WeightNorms(**every))
    return Experiment(
        task=Gaussians(shape=(8,), classes=3, training=64, validation=20),
        model=MLP(widths=(20, 20)),
        budget=Budget(steps=20),
        batch=Batching(size=16),
        evaluation=Evaluation(every_steps=20, log_every_steps=20),
        probes=probes,
        precision="float32",
        device="cpu",
    )


def test_every_probe_that_writes_is_counted(experiment: Experiment) -> None:
    forecast = record_forecast(in_memory(experiment))
    assert [looks for looks, _ in forecast.values()] == [10] * 5
    run, _, _ = carried_out(experiment)
    for index, name in enumerate(("gradients", "ranks", "units", "updates")):
        written = (run.folder / "probes" / f"{name}.jsonl").stat().st_size
        # What stands between the numbers, and how many digits they have, is taken in the mean.
        assert written / 1.5 < forecast[index][1] < 1.5 * written, name
    assert forecast[4][1] > 10 * 8 * len(list(in_memory(experiment).model.parameters()))


def test_the_training_stays_as_it_was(experiment: Experiment) -> None:
    t = in_memory(experiment)
    before = {name: p.detach().clone() for name, p in t.model.named_parameters()}
    record_forecast(t)
    assert all(p.grad is None and p.equal(before[name]) for name, p in t.model.named_parameters())
    assert t.before_update == {}
    assert t.model.training
