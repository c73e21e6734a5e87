"""`seqlab audit`, and what the other commands say of audits."""

from __future__ import annotations

import json
from pathlib import Path

from calling import Cli, Place, call

from seqlab.journal import LabBook


def test_a_recipe(cli: Cli, place: Place) -> None:
    before = place.files()
    said = cli("audit", place.recipe, "--only", "causality").output
    assert "pass  causality" in said
    assert "1 passed, 0 warned, 0 failed" in said
    found = json.loads(cli("audit", place.recipe, "--only", "causality", "--json").output)
    assert [(one["name"], one["status"]) for one in found] == [("causality", "pass")]
    assert found[0]["measured"]["moved"] < found[0]["measured"]["limit"]
    assert found[0]["message"]
    assert place.files() == before


def test_a_failure_is_the_exit_code(cli: Cli, place: Place) -> None:
    changed = ("audit", place.recipe, "model.layers.0.mixer.causal=false", "--only", "causality")
    (found,) = json.loads(cli(*changed, "--json", code=1).output)
    assert found["status"] == "fail"
    assert "fail  causality" in cli(*changed, code=1).output


def test_a_run(cli: Cli) -> None:
    (found,) = json.loads(cli("audit", "tiny", "--only", "causality", "--json").output)
    assert found["status"] == "pass"
    assert "measured_at" not in found, "what was trained is measured, not cited"
    assert cli("audit", "tiny@4", "--only", "causality", "--json").output.count('"name"') == 1
    assert "no checkpoint" in cli("audit", "tiny@3", "--only", "causality", code=1).stderr


def test_the_list(cli: Cli) -> None:
    names = [one["name"] for one in json.loads(cli("audit", "--json").output)]
    assert "causality" in names
    assert "causality" in cli("audit").output


def test_the_record_shows_them(cli: Cli, place: Place) -> None:
    said = cli("show", "tiny").output
    assert "Audits\n  before training" in said
    assert "of what was trained" in said
    facts = json.loads(cli("show", "tiny", "--json").output)
    assert {one["status"] for one in facts["audits"]["before"]} <= {"pass", "warn"}
    assert LabBook(place.runs).open("tiny").audits == facts["audits"]


def test_bad_input(cli: Cli, place: Place) -> None:
    assert "did you mean `causality`" in cli("audit", place.recipe, "--only", "causalty", code=1).stderr
    assert "change a recipe instead" in call("audit", "tiny", "seed=1").stderr
    assert "no run" in cli("audit", "tinyy", code=1).stderr
    assert "looks only at what was trained: name a run" in call("audit", place.recipe, "--only", "floors").stderr
    assert "looks only before the first step: name a recipe" in call("audit", "tiny", "--only", "init_loss").stderr


MINE = """
from seqlab.audits import Audit


class Mine(Audit):
    def examine(self, subject):
        pass
"""


def test_an_audit_of_ones_own_that_returns_nothing(cli: Cli, place: Place, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    stderr = cli("audit", place.recipe, "--only", tmp_path / "mine.py:Mine", code=1).stderr
    assert stderr.startswith("Error: the audit `Mine` returns None")
