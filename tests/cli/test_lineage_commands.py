"""`seqlab fork`, `same` and `rerun`, as a shell calls them."""

from __future__ import annotations

import json
import shutil

import pytest
from calling import Cli, Place, call

from seqlab.journal import LabBook


def test_fork_says_what_took_effect_and_trains(cli: Cli, place: Place) -> None:
    said = cli("fork", "tiny", "optim.lr=0.5", "budget.steps=6", "--name", "forked", "--why", "faster").output
    assert "from tiny at step 4\n  inherits weights, optimiser, schedule, progress, methods" in said
    assert "optim.lr 0.001 -> 0.5 took effect" in said
    assert "step  as it was  from now on" in said
    run = LabBook(place.runs).open("forked")
    assert run.state().name == "finished"
    assert run.why == "faster"
    assert "begins at step 4" in said
    assert run.origin["recipe"] == place.recipe
    assert "recipe" not in cli("diff", "tiny", "forked").output
    assert run.metrics.step == 6
    shown = cli("show", "forked").output
    assert "tiny at step 4" in shown
    assert "optim.lr 0.001 -> 0.5 took effect" in shown


def test_a_dry_run_writes_nothing(cli: Cli, place: Place) -> None:
    before = place.files()
    assert "nothing is written" in cli("fork", "tiny", "budget.steps=9", "--dry-run").output
    assert place.files() == before


def test_bad_forks(cli: Cli, place: Place) -> None:
    before = place.files()
    assert "its budget of 4 steps ends" in cli("fork", "tiny", code=1).stderr
    assert "the nearest is tiny@4" in cli("fork", "tiny@3", "budget.steps=9", code=1).stderr
    assert "no run" in cli("fork", "tinny", code=1).stderr
    assert "already a run tiny" in cli("fork", "tiny", "budget.steps=9", "--name", "tiny", code=1).stderr
    file = place.runs / "tiny" / "checkpoints" / "4"
    assert "--recipe" in call("fork", file).stderr
    twice = cli("fork", "tiny", "budget.steps=9", "budget.steps=8", code=1).stderr
    assert "`budget.steps` is given twice" in twice
    named = cli("fork", "tiny@4", "budget.steps=9", "--recipe", place.recipe, code=2).stderr
    assert "tiny@4 is a run and has its own experiment; leave out --recipe" in named
    more = cli("fork", file, "--recipe", place.recipe, "--inherit", "weights,optimiser", code=2).stderr
    assert "from a file come `weights` and nothing else" in more
    assert place.files() == before


def test_fork_of_a_file(cli: Cli, place: Place) -> None:
    file = place.runs / "tiny" / "checkpoints" / "4"
    said = cli("fork", file, "--recipe", place.recipe, "seed=1", "--name", "of-a-file").output
    assert "inherits weights" in said
    assert LabBook(place.runs).open("of-a-file").state().name == "finished"
    assert "of-a-file" in cli("ls").output


def test_same(cli: Cli, place: Place) -> None:
    assert "the same, bit for bit" in cli("same", "tiny", "tiny").output
    cli("run", place.recipe, "seed=2", "--name", "seed-2")
    found = json.loads(cli("same", "tiny", "seed-2", "--json", code=1).output)
    assert not found["same"]
    assert found["parameters"]["difference"] > 0
    assert any(curve["first_step"] is not None for curve in found["curves"])
    assert "the same within 1000" in cli("same", "tiny", "seed-2", "--tolerance", "1000").output


def test_same_names_the_steps_and_what_it_passed_over(cli: Cli, place: Place) -> None:
    assert "tiny at step 4 and tiny at step 4" in cli("same", "tiny", "tiny@4").output
    cli("fork", "tiny", "budget.steps=6", "--name", "damaged")
    (place.runs / "damaged" / "checkpoints" / "6" / "state.pt").write_bytes(b"")
    said = cli("same", "tiny", "damaged").output
    assert "damaged: checkpoint 6 is not usable: state.pt has 0 bytes" in said
    assert "tiny at step 4 and damaged at step 4" in said
    found = json.loads(cli("same", "tiny", "damaged", "--json").output)
    assert (found["a_step"], found["b_step"], len(found["skipped"])) == (4, 4, 1)
    said = cli("fork", "damaged", "optim.lr=0.5", "--dry-run").output
    assert said.startswith("checkpoint 6 is not usable: state.pt has 0 bytes")
    assert "from damaged at step 4" in said


def test_rerun(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.train.rerun.git_state", lambda folder: None)
    said = cli("rerun", "tiny", "--name", "again", "--tag", "check").output
    assert "git commit of the working folder" in said
    assert "audits passed" in said
    assert "the curves are the same, bit for bit" in said
    cli("same", "tiny", "again")
    assert "again" in cli("ls", "--tag", "check").output


def test_a_rerun_that_comes_out_otherwise_says_so(cli: Cli, place: Place) -> None:
    shutil.copytree(place.runs / "tiny", place.runs / "altered")
    lines = (place.runs / "altered" / "metrics.jsonl").read_text()
    (place.runs / "altered" / "metrics.jsonl").write_text(lines.replace('"train/loss":5', '"train/loss":6'))
    found = json.loads(cli("rerun", "altered", "--name", "other", "--json", code=1).output)
    assert (found["run"], found["rerun"], found["state"], found["same"]) == ("altered", "other", "finished", False)
    assert "the curves differ from step" in cli("rerun", "altered", code=1).output


def test_a_rerun_that_is_interrupted_claims_no_more_than_it_saw(cli: Cli, place: Place) -> None:
    said = cli("rerun", "tiny", "--name", "short", "--deadline", "0.00001", code=75).output
    step = LabBook(place.runs).open("short").summary["step"]
    told = "the curves are the same, bit for bit" if step else "there is no step to compare"
    assert f"short timed_out at step {step}: up to there {told}" in said
    assert "`seqlab resume short` goes on" in said
