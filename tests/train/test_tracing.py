"""A reset is traced unit by unit from a checkpoint, and the run stays as it was."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from seqlab.cli.main import main
from seqlab.experiment import Batching, Budget, Experiment, Snapshots
from seqlab.methods.redo import ReDo
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.methods.snr_v2 import SNRV2
from seqlab.models.mlp import MLP
from seqlab.optim.optimisers.adam import Adam
from seqlab.spec import SpecError
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.tracing import traced
from tiny_runs import carried_out


@pytest.fixture
def stream() -> Experiment:
    return Experiment(
        task=Gaussians(shape=(8,), classes=3, training=64, validation=20, tasks=2),
        model=MLP(widths=(12, 9)),
        optim=Adam(lr=0.01),
        budget=Budget(steps=10),
        batch=Batching(size=16),
        snapshots=Snapshots(keep_every_steps=5),
        methods=(ReDo(every_steps=4, threshold=0.6), SNRV2(tail_prob=1e-9)),
        precision="float32",
        device="cpu",
    )


def test_the_trace_is_that_of_the_run(stream: Experiment) -> None:
    run, _, _ = carried_out(stream)
    files = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    event = traced(run, 5, None, "layers.1", 100)
    assert event is not None
    assert (event.method, event.checkpoint, event.step, event.layer, event.units) == ("redo", 5, 8, "layers.1", 9)
    recorded = dict(zip(*run.metrics.curve("method/redo_units/layers.1"), strict=True))
    assert len(event.reset) == recorded[8]
    assert event.untouched
    for unit in event.reset:
        activity, resets = unit.remembered["activity"], unit.remembered["resets"]
        assert activity[0] == activity[1]
        assert resets[1] == resets[0] + 1
        assert unit.tensors["layers.2.weight"][1] == 0
        assert unit.tensors["layers.1.weight exp_avg_sq"][1] == 0
        assert unit.tensors["layers.1.weight"][1] > 0
        assert unit.tensors["layers.1.bias"][1] == 0
    assert {path: path.read_bytes() for path in files} == files


def test_those_that_were_spared_are_told_beside_and_a_step_beyond_the_budget_is_known(stream: Experiment) -> None:
    """The least active units are reset: nobody who was spared was less active."""
    run, _, _ = carried_out(stream)
    event = traced(run, None, "redo", "layers.1", 100)
    assert event is not None
    assert (event.step, event.steps) == (24, 20)
    least, median, most = event.spared["activity"]
    assert max(unit.remembered["activity"][1] for unit in event.reset) < least <= median <= most
    said = (
        CliRunner()
        .invoke(main, ["trace", run.name, "--method", "redo", "--layer", "layers.1", "--runs", str(run.folder.parent)])
        .output
    )
    assert "beyond its budget: the run ends at step 20" in said
    assert f"The {event.units - len(event.reset)} units that it spared" in said


def test_no_reset_within_the_steps_is_none(stream: Experiment) -> None:
    run, _, _ = carried_out(stream)
    assert traced(run, None, "snr_v2", None, 3) is None


def test_what_is_not_there_is_told(stream: Experiment) -> None:
    run, _, _ = carried_out(stream)
    with pytest.raises(SpecError, match="no method `snr` of hidden units; there are: redo, snr_v2"):
        traced(run, None, "snr", None, 3)
    with pytest.raises(SpecError, match=r"acts on no layer `layers\.2`; it does on: layers\.0, layers\.1"):
        traced(run, None, None, "layers.2", 3)
    other, _, _ = carried_out(replace(stream, methods=(ShrinkAndPerturb(),)), "other")
    with pytest.raises(SpecError, match="no method that resets hidden units"):
        traced(other, None, None, None, 3)
