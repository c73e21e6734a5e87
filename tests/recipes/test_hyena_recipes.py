"""The published language models: their sizes, and one step of each, narrow, on small files of the same form."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from recipes_by_cost import without_data

from seqlab.cli.main import main
from seqlab.data import DataError
from seqlab.experiment import Experiment
from seqlab.journal import LabBook
from seqlab.mixers.attention import Attention
from seqlab.models.lm import LM
from seqlab.recipes import find_recipe
from seqlab.spec import override
from seqlab.train.fork import fork
from seqlab.train.start import record, resume
from seqlab.train.step import optimiser_step
from tiny_runs import carried_out, in_memory, workplace
from wikitext_folder import settings, write_tokenizer, write_wikitext

__all__ = ["workplace"]

LARGE = [name for name in without_data() if name.startswith("hyena:")]


def test_the_published_parameter_counts() -> None:
    """Millions, with a tied head and trained positions; GPT-2's as arXiv 2302.10866 counts it, without positions."""
    wanted = {
        "hyena:wt103_base": 123.7,
        "hyena:wt103_hyena": 133.0,
        "hyena:wt103_hyena_slim": 137.7,
        "hyena:wt103_hyena_reproduce": 133.0,
        "hyena:pile_153m": 153.7,
        "hyena:pile_355m": 359.5,
    }
    found = {name: round(find_recipe(name).parameters / 1e6, 1) for name in wanted}
    assert found == wanted


@pytest.fixture
def files(tmp_path: Path) -> dict[str, object]:
    write_tokenizer(tmp_path)
    write_wikitext(tmp_path / "wiki")
    return settings(tmp_path)


def narrow(experiment: Experiment, files: dict[str, object]) -> Experiment:
    """Width 24, windows of 16 tokens, a batch of 2 rows, of the small files."""
    fields = {f"task.{name}": value for name, value in files.items()} | {"task.longest": None}
    small = {"model.dim": 24, "batch.size": 2, "batch.accumulate": 1, "budget.steps": 1, "precision": "float32"}
    return override(experiment, fields | small | {"model.layers": experiment.model.layers[:10]})


@pytest.mark.parametrize("name", LARGE)
def test_it_trains_a_step(name: str, files: dict[str, object]) -> None:
    t = in_memory(narrow(find_recipe(name).build(), files))
    assert t.model.causal
    before = {key: value.clone() for key, value in t.model.state_dict().items()}
    step = optimiser_step(t)
    assert 0.5 < float(step["train/loss"]) / math.log(264) < 1.5
    unmoved = [key for key, value in t.model.state_dict().items() if torch.equal(value, before[key])]
    assert unmoved == []


@pytest.mark.parametrize(
    "changes",
    [
        ("model.position=sinusoidal",),
        ("model.position=none",),
        ("model.position=none", "model.layers.all.mixer.position=rotary"),
        ("model.position=none", "model.layers.all.mixer.position=alibi"),
    ],
)
def test_positions_are_one_change_away(changes: tuple[str, ...], files: dict[str, object]) -> None:
    experiment = override(find_recipe("hyena:wt103_transformer").build(), changes)
    t = in_memory(narrow(experiment, files))
    optimiser_step(t)
    assert (t.model.positions is None) == ("learned" not in changes[0])


def test_attention_stands_where_the_name_says() -> None:
    for name, places in (("0_1", [0, 1]), ("1_8", [1, 8])):
        model = find_recipe(f"hyena:wt103_transformer_{name}").build().model
        assert isinstance(model, LM)
        assert [i for i, block in enumerate(model.layers) if isinstance(block.mixer, Attention)] == places
        assert len(model.layers) == 12


@pytest.mark.parametrize("name", LARGE)
def test_without_its_files_it_says_what_is_missing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"there is no .*wiki.train.raw: `task.folder` is the folder"):
        find_recipe(name).build().task.prepare()


def test_every_large_recipe_names_a_sibling_that_runs_here() -> None:
    for name in LARGE:
        siblings = re.findall(r"hyena:wt103_\w+_small", find_recipe(name).note)
        assert siblings, name
        assert all(find_recipe(sibling).build() for sibling in siblings)


def test_the_list_has_the_parameters() -> None:
    result = CliRunner().invoke(main, ["recipes", "--json"])
    counts = {entry["name"]: entry["parameters"] for entry in json.loads(result.output)}
    assert counts["hyena:pile_153m"] == 153_700_416
    assert counts["demo:letters"] == 640_128


def test_a_fork_shows_that_rate_decay_and_betas_took_effect(files: dict[str, object]) -> None:
    """A restored optimiser brings its settings along: in the notebook "smaller learning rate (0.0001), no effects"."""
    experiment = narrow(find_recipe("hyena:wt103_hyena_reproduce").build(), files)
    parent, _, state = carried_out(override(experiment, "budget.steps=2"), "parent")
    assert state == "finished"
    changes = ["optim.lr=1e-4", "optim.weight_decay=0.2", "optim.betas=0.9,0.95", "budget.steps=4"]
    made = fork(parent, None, changes, None, LabBook())
    told = [str(effect) for effect in made.effects]
    for field, old, new in (("lr", "0.0006", "0.0001"), ("weight_decay", "0.1", "0.2"), ("betas", "0.98", "0.95")):
        assert any(f"optim.{field}" in line and old in line and new in line for line in told), (field, told)
    live = made.prepared.training.optimiser
    assert {group["betas"] for group in live.param_groups} == {(0.9, 0.95)}
    assert {0.0, 0.2} == {group["weight_decay"] for group in live.param_groups}
    assert {group["initial_lr"] for group in live.param_groups} == {1e-4, 6e-4}  # the filter's rate is its own
    assert all(moments["step"] == 2 for moments in live.state.values())
    child = record(made.prepared, name="child")
    assert resume(child)[1] == "finished"
    assert child.metrics.step == 4
