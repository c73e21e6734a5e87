"""A search proposes cells by what the record says of those before; nothing of it outlives the process."""

from __future__ import annotations

import math

import pytest
from made import losses, ran

from seqlab.journal import LabBook
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.grid import parse_knobs, setting
from seqlab.sweeps.record import Sweep, Trial
from seqlab.sweeps.rules import parse
from seqlab.sweeps.search import Search, search_named

KNOBS = parse_knobs(["lr=1e-4..1:log", "width=8..64", "kind=a,b"])


def carried_out(sweep: Sweep, search: Search, cells: int) -> None:
    """Cells as the search proposes them, each with two seeds: best at lr 0.01 of kind b; kind a diverges above 0.1."""
    while (count := len({trial.cell for trial in sweep.trials().values()})) < cells:
        (texts,) = search.propose(sweep, 1)
        settings = {path: setting(text) for path, text in texts.items()}
        trials = [Trial(f"{count}-{seed}", f"{count}", seed, settings) for seed in (0, 1)]
        sweep.extend(trials, {f"{count}": {}}, {})
        loss = abs(math.log10(settings["lr"]) + 2) + (settings["kind"] == "a")
        is_lost = settings["kind"] == "a" and settings["lr"] > 0.1
        for trial in trials:
            ran(sweep, trial.id, losses(loss + 0.01 * trial.seed), state="diverged" if is_lost else "finished")


def test_a_search_finds_the_better_region(book: LabBook) -> None:
    pytest.importorskip("optuna")
    sweep = Sweep(book, "lrs")
    carried_out(sweep, search_named("optuna", KNOBS, parse("min(val/loss)")), 40)
    tried = [trial.settings for trial in sweep.trials().values() if trial.seed == 0]
    assert all(1e-4 <= one["lr"] <= 1 and 8 <= one["width"] <= 64 and one["kind"] in ("a", "b") for one in tried)
    assert all(isinstance(one["width"], int) for one in tried)
    late = [abs(math.log10(one["lr"]) + 2) for one in tried[20:]]
    early = [abs(math.log10(one["lr"]) + 2) for one in tried[:10]]
    assert sorted(late)[10] < sorted(early)[5] / 2


def test_what_it_proposes_follows_from_the_record_alone(book: LabBook) -> None:
    pytest.importorskip("optuna")
    search = Search(KNOBS, parse("min(val/loss)"))
    sweep = Sweep(book, "lrs")
    carried_out(sweep, search, 3)
    again = Search(KNOBS, parse("min(val/loss)")).propose(Sweep.open(book, "lrs"), 4)
    assert search.propose(sweep, 4) == again
    assert len({tuple(texts.items()) for texts in again}) == 4


def test_a_search_ends_where_every_cell_is_known(book: LabBook) -> None:
    pytest.importorskip("optuna")
    search, sweep = Search(parse_knobs(["kind=a,b"]), parse("min(val/loss)")), Sweep(book, "kinds")
    assert sorted(texts["kind"] for texts in search.propose(sweep, 5)) == ["a", "b"]


def test_a_search_that_cannot_be_is_a_sentence(book: LabBook) -> None:
    rule = parse("min(val/loss)")
    with pytest.raises(SweepError, match="there is no search `hyperband`"):
        search_named("hyperband", KNOBS, rule)
    with pytest.raises(SweepError, match="needs a knob at least"):
        search_named("optuna", [], rule)


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(SweepError, match=r"pip install seqlab\[search\]"):
        search_named("optuna", KNOBS, parse("min(val/loss)"))
