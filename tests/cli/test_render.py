"""Tables on a terminal that is too narrow: words are cut before a number is."""

from __future__ import annotations

import pytest

from seqlab.cli import render

HEAD = ["arm", "its best", "mean"]
ROWS = [["methods.0=methods/cbp_notebook", "methods.0.replacement_rate=0.01", "0.9621"], ["none", "", "0.7751"]]


def _printed(capsys: pytest.CaptureFixture[str], head: list[str], rows: list[list[str]]) -> list[str]:
    render.table(head, rows, left=("arm", "its best"))
    return capsys.readouterr().out.splitlines()


def test_words_are_cut_and_numbers_are_not(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")

    lines = _printed(capsys, HEAD, ROWS)

    assert max(map(len, lines)) == 50
    assert [line.split()[-1] for line in lines] == ["mean", "0.9621", "0.7751"]
    assert "methods.0=methods/…" in lines[1]


def test_words_behind_the_numbers_end_at_the_edge(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")

    lines = _printed(capsys, ["arm", "mean", "its best"], [["none, the baseline", "0.7751", "what is said of it"]])

    assert lines[1] == "  none, the baseline  0.7751  what is s…"


def test_without_words_the_line_ends_at_the_edge(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "10")

    lines = _printed(capsys, ["steps", "tokens"], [["100000", "25600000"]])

    assert lines[1] == "  100000 …"


def test_nothing_is_cut_where_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "79")

    assert _printed(capsys, HEAD, ROWS)[1].split() == ROWS[0]
