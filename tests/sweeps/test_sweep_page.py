"""The page of a sweep whose answer is known."""

from __future__ import annotations

import csv

import pytest
from made import declared, finished, ran

from seqlab.journal import LabBook
from seqlab.report.forms.html import html
from seqlab.report.forms.latex import tables
from seqlab.report.forms.markdown import markdown
from seqlab.report.forms.table import csv_of
from seqlab.report.pages.period import period_page
from seqlab.report.pages.sweep import sweep_page
from seqlab.sweeps.errors import SweepError
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.rules import parse
from seqlab.sweeps.select import select
from seqlab.sweeps.selections import keep_selection

CELLS = [({"optim.lr": lr}, [base, base + 0.01]) for lr, base in ((1e-3, 3.0), (1e-2, 1.0), (1e-1, 2.0))]


@pytest.fixture
def sweep(book: LabBook) -> Sweep:
    """Three rates, two seeds each; the middle one is the best."""
    return finished(book, "rates", CELLS)


def test_the_choice_and_what_it_depends_on(book: LabBook, sweep: Sweep) -> None:
    page = sweep_page(book, "rates", ["min(val/loss)"])
    text = markdown(page, "")
    assert "Of 3 cells min(val/loss) (lower is better) chooses optim.lr=0.01." in text
    assert "| 0.01 | 1.0050 (0.0050) | 2 | winner |" in text
    assert "min(val/loss) by optim.lr; strokes are the 95 % intervals of the means over 2 seeds." in text
    assert html(page, "").count("<svg") >= 2
    assert r"\textbf{0.01} & \textbf{1.0050 (0.0050)}" in tables(page, "")
    rows = list(csv.DictReader(csv_of(page.data()).splitlines()))
    assert (rows[0]["optim.lr"], rows[0]["seed 0"], rows[0]["min(val/loss) standard error"][:6]) == (
        "0.01",
        "1.0",
        "0.0050",
    )


def test_the_last_selection_is_what_chooses(book: LabBook, sweep: Sweep) -> None:
    assert "last(val/loss) (lower" in markdown(sweep_page(book, "rates"), "")
    keep_selection(sweep, select(sweep, [parse("max(val/loss; higher is better)")]).kept())
    text = markdown(sweep_page(book, "rates"), "")
    assert "Of 3 cells max(val/loss; higher is better)" in text
    report = markdown(period_page(book, "2000-01-01", None, book.runs(), {}), "")
    assert "| rates | `max(val/loss; higher is better)` | optim.lr=0.001 | 9 (0) | 2 | 3 |" in report
    assert "| rates | `made:up` | 6 of 6 | 0, 1 | `optim.lr` | 0.001, 0.01, 0.1 |" in report


def test_what_is_not_there_yet_is_said(book: LabBook) -> None:
    idle = declared(book, "idle", [{"optim.lr": 1.0}], [0, 1])
    assert "Nothing can be chosen: " in markdown(sweep_page(book, "idle"), "")
    ran(idle, "cell0-0", [{"step": 1, "val/loss": 2.0}])
    text = markdown(sweep_page(book, "idle"), "")
    assert "seed 1: it has not been run" in text
    with pytest.raises(SweepError, match="did you mean idle"):
        sweep_page(book, "idel")
    with pytest.raises(SweepError, match="is no rule"):
        sweep_page(book, "idle", ["best"])
