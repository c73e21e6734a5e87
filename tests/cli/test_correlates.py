"""`seqlab plot --correlates`: what the observer saw, by task and layer, groups overlaid."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from seqlab.cli.main import main
from seqlab.journal import LabBook


@pytest.fixture
def book(tmp_path: Path) -> LabBook:
    """Two groups of two seeds of a stream of two tasks, of which a probe looked at the end of each."""
    book = LabBook(tmp_path)
    for name, resets in (("a", 3.0), ("b", 5.0)):
        for seed in (0, 1):
            experiment = {"part": "experiment:Experiment", "seed": seed, "task": {"tasks": 2}, "budget": {"steps": 10}}
            run = book.create(experiment, name=f"{name}{seed}", origin={})
            with run.attempt() as attempt:
                for step in (10, 20):
                    place = "lifetimes/after_update/blocks.0.channel.up"
                    ages = [float(step + seed)] * 7
                    attempt.looked(step, {place: {"resets": resets + seed, "age_positions": ages}})
                    attempt.log(step=step, **{"weight_norms/after_update/blocks.1.channel.up": 3.0})
                    attempt.log(step=step, **{"weight_norms/after_update/blocks.1.channel.down": 4.0})
                attempt.finish("finished")
    return book


def said(book: LabBook, *words: str) -> Any:
    return CliRunner().invoke(main, ["plot", "--correlates", *words, "--runs", str(book.root)])


def test_means_and_bands_of_seeds_by_task_and_layer(book: LabBook) -> None:
    found = json.loads(said(book, "a=a0,a1", "b=b0,b1", "--json").output)
    assert found["axis"] == "tasks"
    resets = found["bands"]["resets since the last look"]["blocks.0"]
    assert resets["a"] == {"x": [1, 2], "mean": [3.5, 3.5], "low": [3, 3], "high": [4, 4]}
    assert resets["b"]["mean"] == [5.5, 5.5]
    assert found["bands"]["age in positions, median"]["blocks.0"]["a"]["mean"] == [10.5, 20.5]
    assert found["bands"]["norm of the weights"]["blocks.1"]["a"]["mean"] == [5, 5]


def test_as_a_figure_and_as_a_table(book: LabBook, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for ending, begins in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        figure = tmp_path / f"correlates{ending}"
        assert said(book, "a=a0,a1", "b=b0,b1", "--out", str(figure)).exit_code == 0
        assert figure.read_bytes().startswith(begins)
    assert "resets since the last look" in said(book, "a=a0,a1", "b=b0,b1").output


def test_a_run_alone(book: LabBook) -> None:
    found = json.loads(said(book, "a0", "--json").output)
    assert found["bands"]["resets since the last look"]["blocks.0"]["a0"]["mean"] == [3, 3]
    assert "each once" in said(book, "a0", "a0").output


def test_runs_that_nobody_looked_at(book: LabBook) -> None:
    for name in ("x", "y"):
        with book.create({"part": "experiment:Experiment"}, name=name, origin={}).attempt() as attempt:
            attempt.log(step=1, **{"train/loss": 1.0})
            attempt.finish("finished")
    result = said(book, "x", "y")
    assert result.exit_code == 1
    assert "no probe saw what is drawn here" in result.output
    assert "some of these runs are streams of tasks" in said(book, "x", "a0").output
