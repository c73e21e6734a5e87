"""The recipes of the DLN journal: every entry is named, and every change that a note names can be made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from seqlab.data.signature import Signature
from seqlab.mixers.dln import DLN
from seqlab.nn.memory import Memory
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.recipes import find_recipe, shipped
from seqlab.spec import override, set_back

RECIPES = [name for name in shipped() if name.startswith("dln:")]
ENTRIES = """
0808-235948 0809-000554 0810-184035 0810-184342 0810-184606 0810-191908 0810-202925 0810-203338 0810-203632 0810-205047
0810-213808 0810-221135 0810-221217 0810-221444 0810-223703 0810-224054 0810-225233 0810-225938 0810-223440
0812-180730 -182344 -182610 -182751 0812-190728 -191614 -191938 0812-195434 -195711 0812-200358 -200455 -200805 -201435
0812-201546 -201704 -201728 0814-221319 0814-223153
0817-231757 0817-233350 -235231 0818-002901 0818-003707 1029-160546 1030-215927
0530 0601-131606 0601-145309 0601-152117 0605-183134 -183626 -212013 -215750 -204752 0610 06-01 16 May 2024
"""
"""The logs of the journal, as its own file names have them."""


def test_every_entry_of_the_journal_is_named() -> None:
    told = " ".join(find_recipe(name).note for name in RECIPES).replace("2023081", "081").replace("20231030", "1030")
    told = told.replace("20240601", "0601")
    assert [entry for entry in ENTRIES.split() if entry not in told] == []


@pytest.mark.parametrize("name", [name for name in RECIPES if not name.endswith("_small")])
def test_a_note_says_what_was_printed_and_what_was_wrong(name: str) -> None:
    note = find_recipe(name).note
    assert "Source: " in note
    assert "What was wrong: " in note or "no number of it was kept" in note


CHANGE = r"[a-z][\w.]*=(?:\(\)|[^\s();`]*[^\s();`.,:])"


def changes_in(told: str) -> list[list[str]]:
    """What is typed together in a text, in parentheses or not."""
    return [
        found.split() for found in re.findall(rf"(?<![\w.])({CHANGE}(?:\s+{CHANGE})*)", told) if "FILE" not in found
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_the_changes_that_a_note_names_do_what_they_say(name: str) -> None:
    """Each changes something, and takes nothing with it that it does not name."""
    recipe = find_recipe(name)
    for given in changes_in(recipe.note):
        before = recipe.build()
        after = override(before, given)
        assert after != before, given
        assert set_back(before, after, given) == []


def test_the_kin_of_the_first_tdln_keeps_its_memory() -> None:
    recipe = find_recipe("dln:image_tdln_first")
    (given,) = changes_in(recipe.note)
    first, kin = (spec.model.mixers for spec in (recipe.build(), override(recipe.build(), given)))
    assert [type(mixer) for mixer in kin] == [DLN, DLN]
    assert [mixer.memory for mixer in kin] == [mixer.memory for mixer in first]
    assert kin[0].memory == Memory(trained=False, shortest_horizon=1000.0, longest_horizon=10_000.0)


PAGE = Path(__file__).parents[2] / "docs" / "dln.md"


def knobs() -> list[str]:
    """The cells of the page's table of fields."""
    table = PAGE.read_text().partition("| knob | field |\n|---|---|\n")[2].partition("\n\n")[0]
    return [row.split(" | ")[1] for row in table.splitlines()]


@pytest.mark.parametrize("cell", knobs())
def test_the_knobs_of_the_page_are_fields(cell: str) -> None:
    gpt = find_recipe("dln:gpt").build()
    for told in re.findall("`([^`]+)`", cell):
        if given := re.findall(CHANGE, told):
            override(gpt, given)
        elif told.startswith("model."):
            at: object = gpt
            for key in told.split("."):
                at = at[0] if key == "all" and isinstance(at, tuple) else getattr(at, key)


def test_the_whole_command_of_the_norm_without_weight() -> None:
    gpt = find_recipe("dln:gpt").build()
    (cell,) = (cell for cell in knobs() if "qk_norm=" in cell)
    (given,) = (changes for changes in changes_in(cell) if len(changes) > 1)
    bare = override(gpt, "model.layers.all.mixer.qk_norm=rmsnorm")
    assert override(bare, given).model.layers[0].mixer.qk_norm == LayerNorm(weight=False, bias=False)


def first_loss(scale: float, residual: str) -> float:
    """Of the character GPT at full size, of V = 65: ln 65 = 4.17. The text hardly counts."""
    tokens = torch.randint(39, (2, 257))
    changes = {"model.embedding_init.scale": scale, "model.layers.all.residual": residual}
    spec = override(find_recipe("dln:gpt").build(), changes, "model.layers.all.mixer.laws.v.scale=0.01")
    model = spec.model.build(Signature(vocabulary=65, length=256)).eval()
    with torch.no_grad():
        return float(F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()))


@pytest.mark.slow
@pytest.mark.parametrize(("scale", "doubled", "single"), [(0.03, 4.4, 4.18), (0.3, 14.0, 4.31), (1.0, 61.0, 5.2)])
def test_the_first_loss_is_that_of_the_journal(scale: float, doubled: float, single: float) -> None:
    for residual, wanted in (("doubled", doubled), ("single", single)):
        assert first_loss(scale, residual) == pytest.approx(wanted, rel=0.12)


@pytest.mark.slow
def test_the_page_tells_the_first_losses() -> None:
    """All of its table: what differs is the draw."""
    scales, *rows = re.findall(
        r"^\| (scale of the embedding|doubled|single) \| (.*) \|$", PAGE.read_text(), re.MULTILINE
    )
    assert [kind for kind, _ in rows] == ["doubled", "single"]
    for residual, cells in rows:
        for scale, told in zip(scales[1].split(" | "), cells.split(" | "), strict=True):
            assert first_loss(float(scale), residual) == pytest.approx(float(told), rel=0.12), (residual, scale)
