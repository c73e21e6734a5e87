"""What another process prepares; a new process takes seconds, so most of this is told here what it would find."""

from __future__ import annotations

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from tasks_for_tests import finding

from seqlab.audits import process_independence
from seqlab.audits.process_independence import ProcessIndependence
from seqlab.audits.shared import digests
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Experiment
from seqlab.spec import find, to_json
from seqlab.train.start import prepare

MIXER = """
from seqlab.mixers.attention import Attention

class Mine(Attention):
    pass
"""


def test_the_other_process_finds_the_same_though_the_mixer_is_a_users(
    tiny: Experiment, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "mine.py").write_text(MIXER)
    block = replace(tiny.model.layers[0], mixer=find("mixers", "./mine.py:Mine")(heads=2))  # type: ignore[attr-defined]
    mine = replace(tiny, model=replace(tiny.model, layers=(block,)))
    subject = Subject(prepare(mine).training)
    assert ProcessIndependence().wanted(subject)
    told = {"experiment": to_json(mine), "files": [str(workplace / "mine.py")]}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(told)))
    digests.main()
    assert json.loads(capsys.readouterr().out) == digests.digests(mine, subject.task)


def test_it_is_not_wanted_for_shipped_parts(tiny: Experiment) -> None:
    assert not ProcessIndependence().wanted(Subject(prepare(tiny).training))


def test_unseeded_weights_are_named(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(experiment: Experiment, seed: int) -> dict[str, str]:
        return digests.digests(experiment, experiment.task.prepare()) | {"initial weights": "others"}

    monkeypatch.setattr(process_independence, "digests_elsewhere", elsewhere)
    found = finding("process_independence", tiny)
    assert found.status == "fail"
    assert "other initial weights" in found.message
    assert "generator that nobody seeded" in found.message


def test_a_process_that_fails_says_why(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    died = subprocess.CompletedProcess([], 1, "", "Traceback ...\nValueError: no such folder\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **settings: died)
    with pytest.raises(RuntimeError, match=r"could not prepare it: ValueError: no such folder"):
        finding("process_independence", tiny)
