"""What runs, what is refused, what is cited, and what the record keeps."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import seqlab
from seqlab.audits import Audit, AuditFailed, Finding
from seqlab.audits.shared import cited, gate
from seqlab.audits.shared.gate import Auditor, Result, chosen, defaults, examine, refuse
from seqlab.audits.shared.subject import Subject, loop_step
from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention
from seqlab.optim.schedules.constant import Constant
from seqlab.spec import SpecError, override
from seqlab.train.loop import train
from seqlab.train.start import prepare, record, resume
from tiny_runs import in_memory


class Always(Audit):
    """Finds what it is told to find."""

    depends_on = ("model",)

    def examine(self, subject: Subject) -> Finding:
        times.append(1)
        return Finding("fail", "as it was told.", {"times": len(times)})


class Broken(Audit):
    """Cannot be carried out."""

    def examine(self, subject: Subject) -> Finding:
        raise ValueError("no such thing")


times: list[int] = []


@pytest.fixture(autouse=True)
def _forgotten() -> None:
    times.clear()


def result(name: str, status: str) -> Result:
    return Result(name, Finding(status, "so it is."), 0.0)  # type: ignore[arg-type]


def only(monkeypatch: pytest.MonkeyPatch, **audits: Audit) -> None:
    monkeypatch.setattr(gate, "defaults", lambda subject: audits)


def test_a_failure_stops_and_says_how_to_go_on() -> None:
    with pytest.raises(AuditFailed, match=r"1 of 2 audits failed:\n  dtype fails: so it is\.\n.*`accept=dtype`"):
        refuse([result("causality", "warn"), result("dtype", "fail")], ())
    refuse([result("causality", "warn"), result("dtype", "fail")], ("dtype",))


@pytest.mark.parametrize(
    ("accepted", "told"),
    [
        ("causality", r"did not fail \(warn\)"),
        ("causalty", "is no audit; did you mean `causality`"),
        ("x", "is no audit"),
    ],
)
def test_what_is_accepted_must_exist_and_must_have_failed(accepted: str, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        refuse([result("causality", "warn")], (accepted,))


def test_an_audit_that_breaks_is_told_and_stops_nothing(tiny: Experiment) -> None:
    (found,) = examine(Subject(in_memory(tiny)), {"broken": Broken()})
    assert found.status == "warn"
    assert "could not be carried out: ValueError: no such thing" in found.finding.message


def test_a_finding_is_cited_while_what_it_depends_on_is_the_same(tiny: Experiment) -> None:
    def look(experiment: Experiment, **options: bool) -> Result:
        (found,) = examine(Subject(in_memory(experiment)), {"always": Always()}, **options)
        return found

    assert look(tiny).measured_at is None
    assert look(override(tiny, "optim.lr=0.5", "seed=3")).measured_at is not None
    assert len(times) == 1
    assert look(tiny, use_cited=False).measured_at is None
    assert look(override(tiny, "model.dim=32")).measured_at is None
    assert len(times) == 3


def test_a_finding_about_other_code_data_or_steps_is_not_cited(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject(in_memory(tiny))
    known = cited.key(Always(), subject)
    assert known == cited.key(Always(), Subject(in_memory(tiny)))
    assert cited.key(Always(), Subject(subject.training, step=lambda t: loop_step(t))) is None
    assert cited.key(Always(), Subject(subject.training, "trained")) is None
    assert cited.key(Broken(), subject) is None
    monkeypatch.setattr(cited, "code", lambda: "other")
    assert cited.key(Always(), subject) != known


def test_a_cache_that_is_damaged_is_measured_again(tiny: Experiment, workplace: Path) -> None:
    subject = Subject(in_memory(tiny))
    list(examine(subject, {"always": Always()}))
    (kept,) = (workplace / "cache" / "audits").glob("*.json")
    kept.write_text("{")
    list(examine(subject, {"always": Always()}))
    assert len(times) == 2


def test_nothing_is_written_when_an_audit_fails(
    tiny: Experiment, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, always=Always())
    with pytest.raises(AuditFailed, match="always fails"):
        seqlab.run(tiny)
    assert not (workplace / "runs").exists()


def test_what_is_accepted_is_trained_and_recorded(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, always=Always(), broken=Broken())
    run = seqlab.run(replace(tiny, accept=("always",)))
    assert run.state().name == "finished"
    assert run.experiment["accept"] == ["always"]
    kept = json.loads((run.folder / "audits.json").read_text())
    assert kept == run.audits
    assert [found["name"] for found in kept["before"]] == ["always", "broken"]
    assert [found["status"] for found in kept["trained"]] == ["fail", "warn"]
    assert kept["accepted"] == ["always"]
    assert len(run.summary["alarms"]) == 2
    assert [event["message"] for event in run.events() if event["kind"] == "alarm"] == run.summary["alarms"]


def test_a_queued_run_is_audited_when_it_is_taken(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, always=Always())
    run = record(prepare(tiny), name="queued")
    with pytest.raises(AuditFailed):
        resume(run, auditor=Auditor())
    assert run.state().name == "queued"
    assert resume(run)[1] == "finished"


def test_a_run_that_went_without_audits_has_none(tiny: Experiment) -> None:
    prepared = prepare(tiny)
    run = record(prepared, name="bare")
    train(prepared.training, run)
    assert run.audits == {}
    assert "alarms" not in run.summary


def test_audits_leave_no_trace_in_what_is_trained(tiny: Experiment) -> None:
    plain = prepare(tiny)
    without = record(plain, name="without")
    train(plain.training, without)
    with_audits = seqlab.run(tiny, name="with")
    for name in ("train/loss", "val/loss"):
        assert with_audits.metrics.curve(name) == without.metrics.curve(name)


def test_the_default_audits_find_nothing_wrong_with_the_tiny_experiment(tiny: Experiment) -> None:
    subject = Subject(in_memory(tiny))
    generator = torch.get_rng_state()
    before = {name: tensor.clone() for name, tensor in subject.training.model.state_dict().items()}
    for found in examine(subject, defaults(subject)):
        assert found.status == "pass", found.sentence()
    assert torch.equal(torch.get_rng_state(), generator)
    for name, tensor in subject.training.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(p.grad is None for p in subject.training.model.parameters())
    assert subject.training.step == 0
    assert not subject.training.optimiser.state


def test_an_audit_of_ones_own(tiny: Experiment, workplace: Path) -> None:
    mine = workplace / "mine.py"
    mine.write_text(
        "from seqlab.audits import Audit, passed\n\n\nclass Mine(Audit):\n"
        '    """Finds nothing."""\n\n    def examine(self, subject):\n        return passed("fine", steps=1)\n'
    )
    (found,) = examine(Subject(in_memory(tiny)), chosen([f"{mine}:Mine"]))
    assert (found.name, found.status) == ("Mine", "pass")


def test_a_model_that_is_not_causal_names_its_layers(tiny: Experiment) -> None:
    changed = override(tiny, {"model.layers.1.mixer": Attention(heads=2, causal=False)})
    subject = Subject(in_memory(replace(changed, schedule=Constant())))
    (found,) = examine(subject, chosen(["causality"]))
    assert found.status == "fail"
    assert "layer 1 (SelfAttention) is not causal" in found.finding.message
