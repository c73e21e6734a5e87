"""Groups as one types them, and `seqlab compare` of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from made import finished, losses, made_run

from seqlab.cli.main import main
from seqlab.journal import JournalError, LabBook
from seqlab.sweeps.grouped import grouped
from seqlab.sweeps.record import Sweep

CELLS = [
    ({"optim.lr": 0.01, "model.dim": 32}, (2.0, 2.6)),
    ({"optim.lr": 0.1, "model.dim": 32}, (1.0, 1.2)),
    ({"optim.lr": 0.1, "model.dim": 64}, (1.5, 1.4)),
]


@pytest.fixture
def sweep(book: LabBook) -> Sweep:
    return finished(book, "rates", CELLS)


def names(book: LabBook, *texts: str) -> dict[str, list[str]]:
    return {group.name: [run.name for run in group.runs] for group in grouped(book, texts)}


def test_every_way_to_say_a_group(sweep: Sweep) -> None:
    first, second = ["rates-cell0-0", "rates-cell0-1"], ["rates-cell1-0", "rates-cell1-1"]
    for run in (sweep.book.open(name) for name in second):
        run.tag("good")
    book = sweep.book
    assert names(book, "rates:cell0", "tag:good") == {"rates:cell0": first, "tag:good": second}
    assert names(book, "low=rates:lr=0.01", "high=rates:optim.lr=1e-1,dim=32") == {"low": first, "high": second}
    assert names(book, f"low={','.join(first)}", second[0]) == {"low": first, second[0]: second[:1]}
    assert names(book, ",".join(first), "tag:good") == {",".join(first): first, "tag:good": second}


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["rates:lr=0.1", "rates:cell0"], "means 2 cells"),
        (["rates:lr=7", "rates:cell0"], "has no cell 'lr=7'; there are optim.lr=0.01,model.dim=32; "),
        (["rates:rate=7", "rates:cell0"], "'rate' is no knob of the sweep rates; it varies optim.lr and model.dim"),
        (["tag:god", "rates:cell0"], "no run has the tag 'god'"),
        (["a=rates-cell0-0,rates-cell1-0", "rates:cell0"], "rates-cell0-0 is in a and in rates:cell0"),
        (["a=", "rates:cell0"], "names no run"),
        (["rates:cell0"], "each once"),
        (["a=rates:cell0", "a=rates:cell1"], "a name of its own"),
    ],
)
def test_a_group_that_cannot_be_is_one_sentence(sweep: Sweep, texts: list[str], told: str) -> None:
    with pytest.raises(JournalError) as error:
        grouped(sweep.book, texts)
    assert told in str(error.value)


def test_who_does_not_count_is_named(sweep: Sweep) -> None:
    sweep.book.open("rates-cell0-1").note("the mask", "bug")
    made_run(sweep.book, "gone", losses(1.0), state="failed").tag("mine")
    made_run(sweep.book, "here", losses(1.0)).tag("mine")
    by_cell, by_tag = grouped(sweep.book, ["rates:cell0", "tag:mine"])
    assert [run.name for run in (*by_cell.runs, *by_tag.runs)] == ["rates-cell0-0", "here"]
    assert "rates-cell0-1 is tainted" in by_cell.left_out[0]
    assert "gone is failed" in by_tag.left_out[0]


def test_compare_as_typed(sweep: Sweep, tmp_path: Path) -> None:
    def said(*words: str) -> str:
        asked = ["compare", "low=rates:cell0", "high=rates:cell1", *words, "--runs", str(sweep.book.root)]
        result = CliRunner().invoke(main, asked)
        assert result.exit_code == 0, result.output
        return result.output

    shown = said("--at", "step")
    assert "2.300 (0.3)" in shown
    assert "all 2 of high beat all 2 of low, which without a difference happens by chance once in 6" in " ".join(
        shown.split()
    )
    assert "low and high: not established at equal steps" in shown
    assert "| steps | low | high | leads |" in said("--markdown")
    told = json.loads(said("--json"))
    assert told["groups"]["low"]["runs"] == ["rates-cell0-0", "rates-cell0-1"]
    assert "no count of floating-point operations" in told["left_out"]["flops"]
    drawing = tmp_path / "bands.svg"
    assert "wrote" in said("--out", str(drawing))
    assert drawing.stat().st_size > 1000
