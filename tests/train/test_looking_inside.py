"""Probes that look inside: they leave a run as it is bit for bit, and what they saw goes on where a run goes on."""

from dataclasses import replace

import pytest
import torch

from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.probes import Probe
from seqlab.spec import members
from seqlab.train.start import resume
from tiny_runs import carried_out, lines, queued, stopped


@pytest.fixture
def everything() -> tuple[Probe, ...]:
    return tuple(cls(every_steps=3) for cls in members("probes").values())  # type: ignore[misc]


def seen(run: Run) -> dict[str, list[int]]:
    return {name: [look.step for look in looks] for name, looks in run.looks().items()}


def test_all_probes_at_once_change_no_bit(tiny: Experiment, everything: tuple[Probe, ...]) -> None:
    tiny = replace(tiny, model=replace(tiny.model, dropout=0.2), averaging=0.9)
    plain, before, _ = carried_out(tiny, "plain")
    run, training, _ = carried_out(replace(tiny, probes=everything), "probed")
    for name, weight in before.model.state_dict().items():
        assert torch.equal(weight, training.model.state_dict()[name])
    for step, line in zip(lines(plain), lines(run), strict=True):
        assert step.items() <= line.items()
    assert not training.before_update
    assert training.model.training
    assert seen(run)["updates"] == [3, 6, 8]
    assert seen(run).keys() >= {"weights", "gradients", "updates", "activations", "residual", "attention", "dtypes"}
    assert "weight_norms" not in seen(run)  # single numbers are metrics
    look = run.looks()["gradients"][0]
    assert look.phase == "before_update"
    assert look.places["embedding.weight"]["rms"] > 0


def test_a_resumed_run_sees_what_one_that_never_stopped_sees(tiny: Experiment, everything: tuple[Probe, ...]) -> None:
    tiny = replace(tiny, probes=everything)
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny, "halves")
    stopped(run, 4)
    resume(run)
    assert run.looks() == whole.looks()


def test_what_a_later_attempt_supersedes_does_not_count(tiny: Experiment, everything: tuple[Probe, ...]) -> None:
    run = queued(replace(tiny, probes=everything))
    stopped(run, 7)
    for step in (6, 7):
        (run.folder / "checkpoints" / str(step) / "MANIFEST.json").unlink(missing_ok=True)
    assert seen(run)["weights"] == [3, 6]
    resume(run)
    assert seen(run)["weights"] == [3, 6, 8]
    lines_written = (run.folder / "probes" / "weights.jsonl").read_text().count("\n")
    assert lines_written > 3


def test_in_a_narrow_dtype_passes_are_seen_as_they_are_computed(tiny: Experiment) -> None:
    probes = tuple(members("probes")[name]() for name in ("dtypes", "weights", "activations"))
    run, _, _ = carried_out(replace(tiny, probes=probes, precision="bfloat16"))  # type: ignore[arg-type]
    (look,) = run.looks()["dtypes"]
    assert {dtype for counts in look.places.values() for dtype in counts} >= {"bfloat16", "float32"}
