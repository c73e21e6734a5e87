"""What runs, what is refused, and what the record keeps."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from audits_for_tests import Always, Broken, times
from tasks_for_tests import pictures
from torch import Tensor, nn

import seqlab
from seqlab.audits import Audit, AuditFailed, Finding
from seqlab.audits.shared import gate
from seqlab.audits.shared import subject as subject_module
from seqlab.audits.shared.gate import Auditor, Result, chosen, defaults, examine, refuse
from seqlab.audits.shared.subject import Subject
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.mixers import SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.models.lm import LM
from seqlab.optim.schedules.constant import Constant
from seqlab.spec import SpecError, override
from seqlab.train.loop import train
from seqlab.train.start import built, prepare, read, record, resume
from tiny_runs import in_memory


class BrokenOnce(Audit):
    """Cannot be carried out the first time."""

    depends_on = ("model",)

    def examine(self, subject: Subject) -> Finding:
        times.append(1)
        if len(times) == 1:
            raise MemoryError("cannot allocate")
        return Finding("pass", "fine")


class Returns(Audit):
    """Returns what it is told to return."""

    what: str

    def examine(self, subject: Subject) -> Finding:
        said: dict[str, object] = {
            "nothing": None,
            "no status": Finding("error", "so"),  # type: ignore[arg-type]
            "a tensor": Finding("pass", "fine", {"value": torch.ones(1)}),
        }
        return said[self.what]  # type: ignore[return-value]


class Misspelt(Always):
    """Depends on what is not there."""

    depends_on = ("modell",)


class BrokenModel(LM):
    """Has outputs that are no numbers, or none at all."""

    what: str

    def build(self, signature: Signature) -> nn.Module:
        model = super().build(signature)
        model.blocks[1].register_forward_hook(self.spoil)
        return model

    def spoil(self, module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        if self.what == "crash":
            raise ValueError("shapes")
        return output / torch.zeros(())


class Uncounted(Attention):
    """Attention that does not say what it costs."""

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        made = super().build(dim=dim, length=length)
        made.flops = partial(SequenceMixer.flops, made)  # type: ignore[method-assign]
        return made


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
        ("floors", "looks only at what was trained, and stops nothing; leave it out"),
        ("random_tokens", "does not run by itself here; leave it out"),
    ],
)
def test_what_is_accepted_must_exist_and_must_have_failed(accepted: str, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        refuse([result("causality", "warn")], (accepted,))


def test_an_audit_that_breaks_is_told_and_stops_nothing(tiny: Experiment) -> None:
    (found,) = examine(Subject(in_memory(tiny)), {"broken": Broken()})
    assert found.status == "warn"
    assert "could not be carried out: ValueError: no such thing" in found.finding.message


def test_an_audit_that_broke_is_carried_out_again(tiny: Experiment) -> None:
    statuses = [found.status for _ in range(3) for found in examine(Subject(in_memory(tiny)), {"once": BrokenOnce()})]
    assert statuses == ["warn", "pass", "pass"]
    assert len(times) == 2


@pytest.mark.parametrize(
    ("audit", "told"),
    [
        (Returns(what="nothing"), "returns None, which is no finding"),
        (Returns(what="no status"), "finds `error`; a finding is one of pass, warn, fail"),
        (Returns(what="a tensor"), "measures `value`, a Tensor, which JSON cannot hold"),
        (Misspelt(), "depends on `modell`, which is no field of an experiment; did you mean `model`"),
    ],
)
def test_an_audit_that_breaks_its_contract_is_told_in_one_sentence(tiny: Experiment, audit: Audit, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        list(examine(Subject(in_memory(tiny)), {"mine": audit}))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("nan", r"100\.00% of the model's outputs are not finite .*; it begins in layer 1 \(SelfAttention\)"),
        ("crash", r"breaks on a batch of 2 held-out rows, in test_audit_gate\.py, line \d+ \(ValueError: shapes\)"),
    ],
)
def test_a_model_that_does_not_run_fails_once(tiny: Experiment, what: str, told: str) -> None:
    spoilt = replace(tiny, model=BrokenModel(dim=16, layers=tiny.model.layers, what=what), accept=("causality",))
    subject = Subject(built(spoilt, read(spoilt)))
    (found,) = examine(subject, defaults(subject))
    assert (found.name, found.status) == ("forward_pass", "fail")
    assert re.search(told, found.finding.message), found.finding.message
    with pytest.raises(AuditFailed, match="1 of 1 audits failed"):
        refuse([found], ("causality",))


def test_where_a_broken_model_is_accepted_the_others_look(tiny: Experiment) -> None:
    spoilt = replace(tiny, model=BrokenModel(dim=16, layers=tiny.model.layers, what="nan"), accept=("forward_pass",))
    subject = Subject(built(spoilt, read(spoilt)))
    results = list(examine(subject, chosen(["forward_pass", "causality"])))
    assert [(result.name, result.status) for result in results] == [("forward_pass", "fail"), ("causality", "fail")]


def test_what_does_not_say_what_it_costs_is_audited(tiny: Experiment) -> None:
    leaking = override(tiny, {"model.layers.all.mixer": Uncounted(heads=2, causal=False)})
    (found,) = examine(Subject(built(leaking, read(leaking))), chosen(["causality"]))
    assert found.status == "fail"


def test_a_row_that_is_no_sequence_is_never_cut(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_module, "AFFORDABLE_FLOPS", 1.0)
    monkeypatch.setattr(subject_module, "SHORTEST", 4)
    assert Subject(in_memory(tiny)).length == 4
    subject = Subject(in_memory(pictures(tiny)))
    assert subject.length == subject.task.row_tokens
    (found,) = examine(subject, chosen(["forward_pass"]))
    assert found.status == "pass", found.sentence()


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


def test_an_acceptance_of_what_passes_is_refused_before_the_other_audits(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, once=BrokenOnce(), causality=chosen(["causality"])["causality"])
    with pytest.raises(SpecError, match=r"accept: the audit `causality` did not fail \(pass\); leave it out"):
        seqlab.run(replace(tiny, accept=("causality",)))
    assert times == []


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
