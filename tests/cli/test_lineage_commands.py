"""`seqlab fork`, `same` and `rerun`, as a shell calls them."""

from __future__ import annotations

import json

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


def test_rerun(cli: Cli) -> None:
    said = cli("rerun", "tiny", "--name", "again").output
    assert "nothing that decides the bits has changed since" in said or "git commit" in said
    assert "the curves are the same, bit for bit" in said
    cli("same", "tiny", "again")
