"""A claimed order of groups of runs, and what is said of it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from made import declared, finished, losses, made_run, ran

from seqlab.cli.main import main
from seqlab.journal import LabBook
from seqlab.sweeps.grouped import grouped
from seqlab.sweeps.ordering import ordered
from seqlab.sweeps.rules import parse


@pytest.fixture
def book(tmp_path: Path) -> LabBook:
    """Sweeps of one cell each, of three seeds."""
    book = LabBook(tmp_path)
    for name, values in {"low": (1.0, 2.0, 3.0), "near": (1.1, 2.0, 2.9), "high": (5.0, 6.1, 7.0)}.items():
        finished(book, name, [({"x": 1}, values)])
    return book


def verdicts(book: LabBook, *texts: str) -> list[str]:
    return [claim.verdict for claim in ordered(grouped(book, texts), parse("last(val/loss)")).claims]


def test_a_claim_holds_fails_or_is_undecided(book: LabBook) -> None:
    assert verdicts(book, "low:", "near:", "high:") == ["undecided", "holds"]
    assert verdicts(book, "high:", "low:") == ["fails"]
    found = ordered(grouped(book, ["best=low:", "high:"]), parse("last(val/loss)"))
    (claim,) = found.claims
    assert claim.contrast.difference == pytest.approx(2 - 18.1 / 3)
    assert [name for name, *_ in found.table] == ["best", "high:"]


def test_single_seeds_decide_nothing(book: LabBook) -> None:
    made_run(book, "one", losses(1.0))
    made_run(book, "other", losses(9.0))
    assert verdicts(book, "one", "other") == ["undecided"]


def test_the_command(book: LabBook) -> None:
    call = ["order", "low:", "high:", "--by", "last(val/loss)", "--runs", str(book.root)]
    said = CliRunner().invoke(main, call).output
    assert "low:" in said
    assert "holds" in said
    assert json.loads(CliRunner().invoke(main, [*call, "--json"]).output)["claims"][0]["verdict"] == "holds"
    refused = CliRunner().invoke(main, ["order", "low:", "high:", "--by", "last(test/loss)", "--runs", str(book.root)])
    assert "selects on a test split" in refused.output


def test_means_of_other_steps_are_warned_of(book: LabBook) -> None:
    """A method that acts now and then logs a line whenever it does, beside every tenth; a fork begins late."""
    places = {"plain": (1, 10, 20), "acting": (1, 5, 10, 15, 20), "fork": (101, 110, 120)}
    for name, steps in places.items():
        made_run(book, name, [{"step": step, "train/loss": 1.0, "val/loss": 1.0} for step in steps])

    def said(rule: str, *names: str) -> str:
        call = ["order", *names, "--runs", str(book.root), "--by", rule]
        return " ".join(CliRunner().invoke(main, call, catch_exceptions=False).output.split())

    for reduction in ("mean", "median"):
        told = said(f"{reduction}(train/loss)", "plain", "acting")
        assert "! train/loss was logged at 15% of the steps of plain and 25% of those of acting" in told
        assert f"each {reduction} is of other steps" in told
    for rule in ("mean(val/loss)", "last(train/loss)", "first(train/loss)"):
        assert "!" not in said(rule, "plain", "acting")
    assert "!" not in said("mean(train/loss)", "plain", "fork")


def test_who_was_left_out_is_told(book: LabBook) -> None:
    sweep = declared(book, "some", [{"x": 1}], range(2))
    ran(sweep, "cell0-0", losses(1.0))
    ran(sweep, "cell0-1", losses(1.0), state="failed")
    said = CliRunner().invoke(main, ["order", "some:", "high:", "--by", "last(val/loss)", "--runs", str(book.root)])
    assert "! some:: left out: " in said.output
