"""What stands on the pages, in every form."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser

import pytest
from untrained import made

from seqlab.journal import JournalError, LabBook, Run
from seqlab.report.drawing import drawn
from seqlab.report.forms.html import html
from seqlab.report.forms.latex import document, escaped, tables
from seqlab.report.forms.markdown import markdown
from seqlab.report.forms.table import csv_of
from seqlab.report.page import Chart, Line, Measured, Page
from seqlab.report.pages.period import period_page
from seqlab.report.pages.run import run_page
from seqlab.report.pages.runs import runs_page
from seqlab.report.subject import subject

MARKUP = '<script>alert("x")</script><img src=x onerror=alert(1)> & </pre>'
WRITTEN = "Written by a test"


class Tags(HTMLParser):
    """The names of all tags, and what attributes would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.loads, self.handlers = set[str](), list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "srcset", "data", "action")]
        self.loads += [str(value) for name, value in attrs if name == "href" and not str(value).startswith("#")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


def test_a_run_as_html_is_one_file_that_loads_nothing(book: LabBook, fork: Run) -> None:
    page = html(run_page(book, fork), WRITTEN)
    found = Tags(page)
    assert not found.tags & {"script", "link", "img", "iframe", "object"}
    assert (found.loads, found.handlers) == ([], [])
    assert not re.search(r"url\(|@import|https?://", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert {"svg", "table", "details"} <= found.tags


def test_a_run_tells_its_whole_story(book: LabBook, fork: Run) -> None:
    fork.note("looks fine", "works")
    page = html(run_page(book, fork), WRITTEN)
    for told in (
        "demo:letters", "optim.lr", "low-0 at step 2", "weights, progress", "below &lt;the&gt; floor", "bigram",
        "hyena", "looks fine", "here", "sha256 000000000000", "1,200", "fork-0",
    ):  # fmt: skip
        assert told in page, told
    assert '<span class="badge verdict works">works</span>' in page


def test_what_came_from_a_run_is_escaped(book: LabBook) -> None:
    run = made(book, "odd", 2.0, 1.0, why=MARKUP, tags=["a<b"])
    run.note(MARKUP, "bug")
    for page in (run_page(book, run), runs_page(book, [run], MARKUP), period_page(book, "2000-01-01", None, [run], {})):
        found = Tags(html(page, WRITTEN))
        assert not found.tags & {"script", "img"}
        assert found.handlers == []
    text = markdown(run_page(book, run), WRITTEN)
    assert "<script" not in text.replace("\\<script", "")


def test_a_note_of_megabytes_is_cut_and_says_so(book: LabBook) -> None:
    run = made(book, "long", 2.0, 1.0)
    run.note("x" * 10_000_000)
    page = html(run_page(book, run), WRITTEN)
    assert len(page) < 200_000
    assert "… and 9,980,000 more characters, in notes.jsonl of the run" in page


def test_a_long_curve_makes_no_long_page(book: LabBook) -> None:
    run = made(book, "steps", *[1.0 + 1 / step for step in range(1, 4001)])
    page = html(run_page(book, run), WRITTEN)
    assert len(page) < 150_000
    assert len(list(csv.reader(csv_of(run_page(book, run).data()).splitlines()))) == 4002


def test_runs_are_grouped_over_their_seeds(book: LabBook, runs: list[Run]) -> None:
    page = runs_page(book, runs, "all")
    text = markdown(page, WRITTEN)
    assert "| optim.lr=0.1 | 2 | 1.10 (0.10) |" in text
    assert "| optim.lr=0.3 | 2 | 0.550 (0.050) |" in text
    assert "train/loss, means with their 95 % intervals, seeds 0, 1, steps 1 to 3." in text
    first = next(csv.DictReader(csv_of(page.data()).splitlines()))
    assert (first["run"], first["optim.lr"], first["val/loss"]) == ("low-0", "0.1", "1.0")


def test_a_tainted_run_is_in_no_mean(book: LabBook, runs: list[Run]) -> None:
    runs[0].note("the split leaked", "bug")
    text = markdown(runs_page(book, runs, "all"), WRITTEN)
    assert "low-0 is tainted and in no mean: its verdict is bug." in text
    assert "| low-1 | 1 | 1.2 |" in text


def test_tasks_are_not_mixed(book: LabBook, runs: list[Run]) -> None:
    other = book.create({"part": "e", "seed": 0, "task": {"part": "tasks/images"}}, name="seen", origin={})
    with other.attempt() as attempt:
        attempt.log(step=1, **{"val/loss": 0.1})
        attempt.finish("finished")
    titles = [section.title for section in runs_page(book, [*runs, other], "all").sections]
    assert titles[:2] == ["Results on text", "Results on images"]


def test_latex_is_tables_with_standard_errors(book: LabBook, runs: list[Run]) -> None:
    text = tables(runs_page(book, runs, "100 % & more"), WRITTEN)
    assert r"\toprule" in text
    assert r"optim.lr=0.1 & 2 & 1.10 (0.10) & " in text
    assert text.count(r"\begin{table}") == 1


def test_latex_escapes_everything() -> None:
    assert escaped(r"50 % of a_b & {c} #1 $x$ ~ ^ \ <") == (
        r"50 \% of a\_b \& \{c\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \textbackslash{} \textless{}"
    )
    assert escaped("lr → 0 漢") == r"lr $\rightarrow$ 0 {[}U+6F22{]}"
    assert escaped("[1, 2]*") == "{[}1, 2{]}{*}"  # a row that began with a bracket would be a length to \\


def test_the_report_says_what_was_done(book: LabBook, runs: list[Run]) -> None:
    crashed = book.create({"part": "e", "seed": 0}, name="idle", origin={"recipe": "demo:letters"})
    page = period_page(book, "2000-01-01", None, [*runs, crashed], {"torn": "cannot be read"})
    assert [section.title for section in page.sections] == [
        "Set-up", "Grids", "Chosen values", "Architecture", "Cost", "Results",
    ]  # fmt: skip
    text = markdown(page, WRITTEN)
    assert "here, x, 1 thread, torch 2 (4 runs)" in text
    assert "| demo:letters | 5 | 4 finished, 1 queued |" in text
    assert "| optim.lr=0.3 | 2 | 0.550 (0.050) |" in text
    assert "not counted: idle, queued: no attempt yet" in text
    assert "not counted: torn, cannot be read" in text
    assert document(page, WRITTEN).rstrip().endswith(r"\end{document}")


@pytest.mark.parametrize(
    ("mean", "error", "told"),
    [(0.78719, 0.01022, "0.787 (0.010)"), (1234.5, 20.0, "1234 (20)"), (0.5, None, "0.5"), (2.0, 0.0, "2 (0)")],
)
def test_a_mean_has_the_digits_that_its_error_allows(mean: float, error: float | None, told: str) -> None:
    assert str(Measured(mean, error)) == told


def test_subjects(book: LabBook, runs: list[Run]) -> None:
    assert subject(book, ["low-0"]).page(book, None, ()).what == "run"
    found = subject(book, ["optim.lr<0.2"])
    assert [run.name for run in found.runs] == ["low-0", "low-1"]
    assert found.page(book, None, ()).title == "optim.lr<0.2"
    assert [run.name for run in subject(book, ["low-0", "high-0"], ["seed=0"]).runs] == ["low-0", "high-0"]
    with pytest.raises(JournalError, match=r"no run and no sweep 'low-9' in .*; did you mean low-1 or low-0"):
        subject(book, ["low-9"])
    with pytest.raises(JournalError, match="no run like that"):
        subject(book, ["optim.lr>7"])


def test_torn_files_leave_a_run_out_of_a_query_and_are_named(book: LabBook, runs: list[Run]) -> None:
    (runs[0].folder / "summary.json").write_text('{"step"')
    found = subject(book, ["seed=0"])
    assert [run.name for run in found.runs] == ["high-0"]
    page: Page = found.page(book, None, ())
    assert "low-0 is left out: " in markdown(page, WRITTEN)
    with pytest.raises(JournalError, match="low-0"):
        subject(book, ["low-0"]).page(book, None, ())


def test_a_run_that_has_only_begun(book: LabBook) -> None:
    run = book.create({"part": "e"}, name="idle", origin={})
    for form in (html, markdown, document, tables):
        assert form(run_page(book, run), WRITTEN)
    assert "It has recorded no metric yet." in markdown(run_page(book, run), WRITTEN)
    assert csv_of(run_page(book, run).data()) == "\n"


def test_floors_of_one_height_share_a_line_and_stand_before_the_curve() -> None:
    floors = [("chance", 2.0), ("majority", 2.0), ("far", 900.0)]
    svg = drawn(Chart([Line("a", [(0.0, 1.0), (1.0, 3.0)])], "steps", "loss", floors=floors, marks=[(0.5, "<fork>")]))
    assert svg.count('class="floor"') == 1
    assert ">chance 2, majority 2<" in svg
    assert svg.index('class="line') < svg.index("chance 2")
    assert "far" not in svg
    assert ">&lt;fork&gt;<" in svg


def test_a_curve_breaks_where_it_is_no_number() -> None:
    points = [(0.0, 1.0), (1.0, 2.0), (2.0, float("nan")), (3.0, 2.0), (4.0, float("inf")), (5.0, 1.0), (6.0, 2.0)]
    svg = drawn(Chart([Line("a", points)], "steps", "loss"))
    (path,) = re.findall(r'class="line c0 d0" d="([^"]*)"', svg)
    assert path.count("M") == 2
    assert svg.count("<circle") == 1  # the point that stands alone
