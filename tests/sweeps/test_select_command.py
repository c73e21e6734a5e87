"""`seqlab select`, as a shell calls it, on sweeps whose answer is known."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from made import declared, finished

from seqlab.cli.main import main
from seqlab.journal import LabBook
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.selections import selections

BY_LOSS = ("--by", "min(val/loss)")


@pytest.fixture
def sweep(book: LabBook) -> Sweep:
    """Two widths at three rates, two seeds each; the best is the widest at the highest rate, a tie of none."""
    cells = [
        ({"optim.lr": lr, "model.dim": width}, [base - 0.2 * (width == 128), base - 0.2 * (width == 128) + 0.01])
        for lr, base in ((1e-3, 3.0), (1e-2, 2.0), (1e-1, 1.0))
        for width in (64, 128)
    ]
    return finished(book, "rates", cells)


def called(book: LabBook, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["select", *arguments, "--runs", str(book.root)])
    assert result.exit_code == code, result.output
    return result


def told(book: LabBook, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(called(book, *arguments, "--json").stdout)
    return found


def test_json_has_groups_winner_ties_and_boundary(book: LabBook, sweep: Sweep) -> None:
    found = told(book, "rates", *BY_LOSS)
    assert len(found["groups"]) == 6
    best = found["groups"][0]
    assert (best["mean"], best["standard_error"], best["seeds"]) == pytest.approx((0.805, 0.005, 2))
    assert found["winner"] == best
    assert best["settings"] == {"optim.lr": 0.1, "model.dim": 128}
    assert [group["cell"] for group in found["ties"]] == [best["cell"]]
    edges = {(alarm["knob"], alarm["edge"]): alarm["extension"] for alarm in found["boundary"]}
    assert edges == {("optim.lr", "highest"): [1.0, 10.0], ("model.dim", "highest"): [256, 512]}
    assert found["rule"]["text"] == "min(val/loss)"


def test_the_page_says_it_in_words(book: LabBook, sweep: Sweep) -> None:
    page = " ".join(called(book, "rates", *BY_LOSS, "--by", "first(val/loss)").output.split())
    assert "the winner is optim.lr=0.1 model.dim=128: 0.805 (s.e. 0.005, 2 seeds)." in page
    assert "the highest optim.lr that was tried, 0.1; run optim.lr=1,10" in page
    assert "Chosen by min(val/loss), judged by first(val/loss)" in page


def test_the_earlier_selection_is_judged_by_the_new_rule(book: LabBook, sweep: Sweep) -> None:
    called(book, "rates", "--by", "max(val/loss; higher is better)", "--by", "last(val/loss)")
    page = " ".join(called(book, "rates", *BY_LOSS).output.split())
    assert "Chosen by max(val/loss; higher is better) on 20" in page
    assert len(selections(sweep)) == 2
    called(book, "rates", *BY_LOSS)
    assert len(selections(sweep)) == 2


def test_tables_for_papers_and_spreadsheets(book: LabBook, sweep: Sweep) -> None:
    rows = list(csv.DictReader(called(book, "rates", *BY_LOSS, "--csv").output.splitlines()))
    assert len(rows) == 6
    assert (rows[0]["optim.lr"], rows[0]["seed 1"], rows[0]["standing"]) == ("0.1", "0.81", "winner")
    assert "| 0.1 | 128 | 0.8050 (0.0050) | 2 | winner |" in called(book, "rates", *BY_LOSS, "--markdown").output
    latex = called(book, "rates", *BY_LOSS, "--latex").output
    assert r"\textbf{128} & \textbf{0.8050 (0.0050)} & \textbf{2} & \textbf{winner} \\" in latex


def test_how_the_result_depends_on_the_knobs(book: LabBook, sweep: Sweep) -> None:
    found = told(book, "rates", *BY_LOSS, "--response", "optim.lr", "--heat", "optim.lr", "model.dim")
    assert [point["value"] for point in found["response"]["at_winner"]] == [1e-3, 1e-2, 1e-1]
    assert [round(point["mean"], 3) for point in found["response"]["at_winner"]] == [2.805, 1.805, 0.805]
    assert found["response"]["at_winner"][2]["high"] == pytest.approx(0.805 + 12.7062 * 0.005, rel=1e-4)
    assert found["heat"]["means"][2] == pytest.approx([1.005, 0.805])
    assert found["heat"]["ties"][2] == [False, True]
    page = called(book, "rates", *BY_LOSS, "--response", "optim.lr", "--heat", "optim.lr", "model.dim").output
    assert "with the winner's other settings" in page
    assert "0.805*" in page


def test_drawings_are_files(book: LabBook, sweep: Sweep) -> None:
    for name, asked in (("one.svg", ("--response", "model.dim")), ("two.svg", ("--heat", "model.dim", "optim.lr"))):
        called(book, "rates", *BY_LOSS, *asked, "--out", str(book.root / name))
        assert (book.root / name).read_text().startswith("<?xml")
    assert "--out draws" in called(book, "rates", *BY_LOSS, "--out", str(book.root / "x.svg"), code=2).output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rate", *BY_LOSS), "did you mean rates?"),
        (("rates", "--by", "min()"), "'min()' names no metric"),
        (("rates", "--by", "min(val/los)"), "has no metric 'val/los'; did you mean val/loss?"),
        (("rates", "--by", "last(test/loss)"), "say --allow-test"),
        (("rates", "--by", "max(val/loss)"), "mixes directions"),
        (("rates", "--by", "mean(val/loss; last 3 tasks)"), "did not record tasks with each val/loss"),
        (("rates", *BY_LOSS, "--response", "optim.rl"), "does not vary 'optim.rl'; did you mean optim.lr?"),
        (("idle", *BY_LOSS), "no run of the sweep idle counts yet"),
    ],
)
def test_a_mistake_is_one_sentence(book: LabBook, sweep: Sweep, arguments: tuple[str, ...], sentence: str) -> None:
    declared(book, "idle", [{}], [0])
    output = called(book, *arguments, code=1).output
    assert sentence in output
    assert output.startswith("Error: ")
    assert output.count("\n") == 1
