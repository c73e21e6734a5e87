"""`seqlab mixers`: what each can do and costs, at any width, and one sentence where a width does not fit."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from calling import Cli

from seqlab.spec import find, names

FIELDS = {
    "name", "summary", "file", "fields", "dim", "length", "source", "complexity", "parameters", "state_bytes", "flops",
    "causal", "resets", "reach", "max_length", "error",
}  # fmt: skip
NO_STEPS = """
from seqlab.mixers import Mixer, SequenceMixer

class Half(SequenceMixer):
    causal, max_length = True, None

class Halved(Mixer):
    def build(self, *, dim: int, length: int) -> Half:
        return Half()
"""


def told(cli: Cli, *arguments: object) -> dict[str, Any]:
    return {mixer["name"]: mixer for mixer in json.loads(cli("mixers", *arguments, "--json").output)}


def test_every_mixer_tells_everything(cli: Cli) -> None:
    found = told(cli, "--dim", 16, "--length", 64)
    assert list(found) == names("mixers")
    for mixer in found.values():
        assert mixer.keys() == FIELDS
        assert mixer["error"] is None, mixer["name"]
        assert mixer["parameters"] > 0
        assert mixer["state_bytes"] > 0
        assert math.isfinite(mixer["flops"])
        assert mixer["source"]
        assert mixer["complexity"]
        assert mixer["max_length"] in (None, 64)


def test_the_numbers_are_the_modules(cli: Cli) -> None:
    hyena = find("mixers", "hyena")().build(dim=16, length=64)  # type: ignore[attr-defined]
    (mixer,) = told(cli, "hyena", "--dim", 16, "--length", 64).values()
    assert mixer["parameters"] == sum(parameter.numel() for parameter in hyena.parameters())
    assert (mixer["state_bytes"], mixer["flops"]) == (hyena.state_bytes(1, 64), hyena.flops(64))
    assert (mixer["causal"], mixer["resets"], mixer["reach"]) == (True, hyena.resets, None)


def test_the_table_has_a_row_for_each(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # a table is cut at the edge of a terminal
    head, *rows = cli("mixers").output.splitlines()
    assert head.split()[:4] == ["mixer", "parameters", "state", "FLOPs"]
    assert [row.split()[0] for row in rows] == names("mixers")
    assert "arXiv 2302.10866" in next(row for row in rows if row.split()[0] == "hyena")


def test_a_width_that_does_not_fit_is_a_sentence(cli: Cli) -> None:
    table = cli("mixers", "--dim", 30).output
    assert "! attention: 4 heads do not divide 30 features; choose a divisor of 30." in table
    assert "\n  hyena " in table
    assert "4 heads do not divide 30" in cli("mixers", "attention", "--dim", 30).output
    assert "4 heads do not divide 30" in told(cli, "attention", "--dim", 30)["attention"]["error"]


def test_a_mixer_of_a_users_file_that_lacks_a_method_says_so(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(NO_STEPS)
    assert "Half has no `state_bytes`" in cli("mixers", f"{tmp_path}/mine.py:Halved").output
