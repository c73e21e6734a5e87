"""Every shipped recipe is run, small: a recipe that no test loads will rot."""

from __future__ import annotations

from pathlib import Path

import pytest
from recipes_by_cost import narrowed, recipes

import seqlab
from seqlab.recipes import find_recipe, shipped
from seqlab.spec import SpecError, diff, from_json, override, to_json
from seqlab.tasks.text import Text

RECIPES = shipped()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough text for one batch of the largest recipe."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(
        "".join(f"line {number}: the quick brown fox; so {number * 7919 % 1000}.\n" for number in range(2000))
    )
    return path


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_says_where_it_comes_from(name: str) -> None:
    note = find_recipe(name).note
    assert f"seqlab run {name}" in note, "a recipe's docstring gives its command"
    assert len(note.splitlines()) > 3, "a recipe's docstring is a lab note, not a line"


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_survives_its_saved_form(name: str) -> None:
    experiment = find_recipe(name).build()
    again = from_json(to_json(experiment))
    assert again == experiment
    assert diff(again, experiment) == {}


@pytest.mark.parametrize("name", recipes())
def test_recipe_runs_one_step(name: str, text: Path, tmp_path: Path) -> None:
    experiment = override(narrowed(name), "budget.steps=1", "seed=3")
    if isinstance(experiment.task, Text):
        experiment = override(experiment, f"task.path={text}")
    run = seqlab.run(experiment, runs=tmp_path)
    assert run.state().name == "finished"
    assert run.metrics.step == getattr(experiment.task, "tasks", 1)
    assert 0 < run.metrics.last["val/loss"] < 10


def test_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="demo:letters"):
        find_recipe("demo:leters")
    with pytest.raises(SpecError, match="FILE:FUNCTION"):
        find_recipe("letters")


def test_user_recipe_must_return_an_experiment(tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text("def trial():\n    return 3\n")
    with pytest.raises(SpecError, match="returned a int; it must return an Experiment"):
        find_recipe(f"{mine}:trial").build()
