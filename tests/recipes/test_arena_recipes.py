"""The six tasks of the Long Range Arena and their siblings: sizes, and one step of each, narrow, on a few rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqlab.data import contours, reviews
from seqlab.experiment import Experiment
from seqlab.mixers.longconv import LongConvLayer
from seqlab.recipes import find_recipe, shipped
from seqlab.spec import label, override
from seqlab.tasks.retrieval import FILES
from seqlab.train.step import optimiser_step
from tiny_runs import in_memory, workplace

__all__ = ["workplace"]

ARENA = [name for name in shipped() if name.startswith("hyena:lra_")]
PUBLISHED = [name for name in ARENA if not name.endswith("_small")]
KERNELS = {"listops": 4.2, "imdb": 12.6, "aan": 12.3, "pathfinder": 6.3, "pathx": 100.7}
"""Millions: kernels x features x taps x layers, twice that where they look both ways."""


@pytest.mark.parametrize("name", KERNELS)
def test_the_published_kernels(name: str) -> None:
    experiment = find_recipe(f"hyena:lra_{name}").build()
    with torch.device("meta"):
        model = experiment.model.build(experiment.task.foretold())
    layers = [block.mixer for block in model.each_block()]
    assert all(isinstance(layer, LongConvLayer) for layer in layers)
    taps = [p for layer in layers for group in layer.param_groups() for p in group["params"]]
    assert round(sum(p.numel() for p in taps) / 1e6, 1) == KERNELS[name]


def test_each_published_one_names_a_sibling() -> None:
    assert len(PUBLISHED) == 6
    for name in PUBLISHED:
        assert sum(sibling in find_recipe(name).note for sibling in ARENA if sibling.endswith("_small")) == 1, name


def few_rows(experiment: Experiment, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """The experiment on a few rows of the same form, two of them in a batch, with two layers of width 8."""
    monkeypatch.setattr(contours, "BLOCK", {32: 4, 128: 2})
    monkeypatch.setattr(reviews, "OFFICIAL", 5)
    few = {"task.training": 6, "task.validation": 2, "task.test": 2}
    match label(type(experiment.task)).rpartition("/")[2]:
        case "listops":
            changes = few | {"task.shortest": 10, "task.longest": 30, "task.length": 32}
        case "pathfinder":
            changes = few
        case "images":
            changes = {"task.path": "card:fashion-small", "task.grey": False}
        case "reviews":
            _write_reviews(folder)
            changes = {"task.path": str(folder), "task.length": 16}
        case "news_pairs":
            (folder / "news.tsv").write_text("".join(f"{'ab'[k % 2]}\tarticle {k}\n" for k in range(80)))
            few = {"task.training": 6, "task.held_out": 2}
            changes = few | {"task.path": str(folder / "news.tsv"), "task.length": 16}
        case _:
            for split, name in FILES.items():
                (folder / name).write_text("".join(f"{k % 2}\ta\tb\t{split} {k}\tanother\n" for k in range(4)))
            changes = {"task.folder": str(folder), "task.edition": "own", "task.length": 16}
    small = {"model.dim": 8, "batch.size": 2, "batch.accumulate": 1, "budget.steps": 1, "precision": "float32"}
    return override(experiment, changes | small | {"model.layers": experiment.model.layers[:2]})


def _write_reviews(folder: Path) -> None:
    for part in ("train", "test"):
        for side in ("neg", "pos"):
            (folder / part / side).mkdir(parents=True)
            for number in range(5):
                (folder / part / side / f"{number}_1.txt").write_text(f"{part} {side} {number}")


@pytest.mark.parametrize("name", ARENA)
def test_it_trains_a_step(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    t = in_memory(few_rows(find_recipe(name).build(), tmp_path, monkeypatch))
    before = {key: value.clone() for key, value in t.model.named_parameters()}
    step = optimiser_step(t)
    if t.experiment.schedule.warmup_steps:
        step = optimiser_step(t)  # as published, the first update has rate 0
    assert 0 < float(step["train/loss"]) < 10
    unmoved = [key for key, value in t.model.named_parameters() if torch.equal(value, before[key])]
    assert unmoved == []
    rates = {group["initial_lr"] for group in t.optimiser.param_groups}
    assert len(rates) == 2 or name == "hyena:lra_pathx", "kernels have a rate of their own"


def test_the_list_has_them_under_the_notebook() -> None:
    assert {f"hyena:lra_{name}" for name in ("aan", "cifar", "imdb", "listops", "pathfinder", "pathx")} == set(
        PUBLISHED
    )
    assert find_recipe("hyena:lra_pathx").file.name == "lra.py"
