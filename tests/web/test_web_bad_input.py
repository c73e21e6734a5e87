"""What is torn, missing, unknown, large or hostile is shown as what it is."""

from __future__ import annotations

import json
import shutil
from html import unescape
from urllib.parse import quote_plus

import pytest
from lab_book import FROM_HERE, browser, trained

from seqlab.journal import LabBook

PAGES = (
    "/", "/runs", "/runs/calm-lake-1", "/runs/calm-lake-1/inside", "/live", "/plan", "/sweeps", "/benchmarks",
    "/generations",
    "/compare?run=calm-lake-1&run=calm-lake-2", "/compare/judged?run=calm-lake-1&run=calm-lake-2", "/api/runs",
    "/api/runs/calm-lake-1", "/api/runs/calm-lake-1/lines", "/api/curves?run=calm-lake-1", "/runs?group=seeds",
    "/runs?column=optim.lr&sort=optim.lr", "/?q=loss", "/runs?q=train/loss<9",
)  # fmt: skip
FILES = ("experiment.json", "origin.json", "parent.json", "summary.json", "audits.json", "attempts/1/exit.json")
CONTENTS = ("{torn", "[]", '{"unknown": [1, {"deep": null}]}', "\udcff")


@pytest.fixture
def damaged(book: LabBook) -> LabBook:
    trained(book, "calm-lake-1", 0.01)
    trained(book, "calm-lake-2", 0.02)
    return book


def answers(book: LabBook) -> dict[str, str]:
    """Every page, none of which may fail."""
    seen = browser(book)
    found = {page: seen.get(page) for page in PAGES}
    assert {answer.status_code for answer in found.values()} <= {200, 400, 404, 422}
    return {page: unescape(answer.text) for page, answer in found.items()}


@pytest.mark.parametrize("content", CONTENTS, ids=("torn", "list", "unknown", "bytes"))
def test_damaged_files_hide_nothing_else(damaged: LabBook, content: str) -> None:
    for file in FILES:
        place = damaged.root / "calm-lake-1" / file
        before = place.read_bytes() if place.exists() else None
        place.write_bytes(content.encode(errors="surrogateescape"))
        told = answers(damaged)
        for page in ("/", "/runs", "/runs?group=seeds"):
            assert "calm-lake-1" in told[page], (file, page)
            assert "calm-lake-2" in told[page], (file, page)
        place.write_bytes(before) if before is not None else place.unlink()
    assert json.loads(answers(damaged)["/api/runs"])[0]["damage"] is None


@pytest.mark.parametrize(
    ("file", "content"),
    [("origin.json", {"created": "2026-11-25T10:00:00"}), ("origin.json", {"recipe": {"odd": 1}}),
     ("summary.json", {"steps": "many"}), ("summary.json", {"floors": {"bigram": 2.5}}),
     ("attempts/1/exit.json", {"state": {"odd": 1}})],
    ids=lambda value: str(value)[:24],
)  # fmt: skip
def test_a_value_of_another_form_hides_no_other_run(damaged: LabBook, file: str, content: dict[str, object]) -> None:
    (damaged.root / "calm-lake-1" / file).write_text(json.dumps(content))
    seen = browser(damaged)
    assert seen.get("/live").status_code == 200
    for page in ("/", "/runs", "/runs?group=seeds"):
        answer = seen.get(page)
        assert answer.status_code == 200
        assert "calm-lake-1" in answer.text
        assert "calm-lake-2" in answer.text


@pytest.mark.parametrize("file", [*FILES, "metrics.jsonl", "notes.jsonl", "lock", "attempts"])
def test_missing_files(damaged: LabBook, file: str) -> None:
    place = damaged.root / "calm-lake-1" / file
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    answers(damaged)


def test_torn_lines_are_counted_and_left_out(damaged: LabBook) -> None:
    run = damaged.open("calm-lake-1")
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99, "train/lo\n{"step": 100, "train/loss": 1')
    (run.folder / "summary.json").unlink()
    (run.folder / "notes.jsonl").write_text('{"time": "2026-01-01T00:00:00+00:00", "text": "whole"}\n{"time": "20')
    told = answers(damaged)
    assert "1 lines cannot be read" in told["/"]
    assert "whole" in told["/runs/calm-lake-1"]
    answer = browser(damaged).post("/runs/calm-lake-1/note", data={"text": "after it"}, headers=FROM_HERE)
    assert answer.status_code == 303
    assert [note.text for note in run.notes()] == ["whole", "after it"]


def test_a_run_that_is_deleted_while_it_is_open(damaged: LabBook) -> None:
    seen = browser(damaged)
    assert seen.get("/runs/calm-lake-1").status_code == 200
    shutil.rmtree(damaged.root / "calm-lake-1")
    for address in ("/runs/calm-lake-1", "/api/runs/calm-lake-1/lines?from=10", "/api/curves?run=calm-lake-1"):
        gone = seen.get(address)
        assert gone.status_code == 404
        assert "no run" in gone.text
    assert seen.post("/runs/calm-lake-1/note", data={"text": "x"}, headers=FROM_HERE).status_code == 404
    assert not (damaged.root / "calm-lake-1").exists()
    seen.app.state.lab.index.forget_time()  # type: ignore[attr-defined]
    assert "calm-lake-1" not in seen.get("/runs").text
    assert "there is no run calm-lake-1" in unescape(seen.get("/compare?run=calm-lake-1&run=calm-lake-2").text)


def test_a_renamed_run_is_pointed_to(damaged: LabBook) -> None:
    damaged.rename("calm-lake-1", "loud-lake-1")
    assert "it was renamed to loud-lake-1" in browser(damaged).get("/runs/calm-lake-1").text


def test_an_unknown_schema_is_said(book: LabBook) -> None:
    unheard = {"schema": 7, "part": "experiment:Unheard", "knob": {"part": "new/thing", "x": 1}}
    book.create(unheard, name="far-off-1", origin={})
    page = browser(book).get("/runs/far-off-1").text
    assert "schema 7" in page
    assert "thing" in page


@pytest.mark.parametrize("text", ["long_and_wide" * 800_000, "語" * 3_500_000], ids=("ascii", "escaped"))
def test_a_note_of_ten_megabytes(damaged: LabBook, text: str) -> None:
    """However long the form is that it comes in: an escape is three bytes for one."""
    seen = browser(damaged)
    sent = f"text={quote_plus(text)}"
    assert seen.post("/runs/calm-lake-1/note", content=sent, headers=FROM_HERE).status_code == 303
    assert damaged.open("calm-lake-1").notes()[0].text == text
    for page in ("/", "/runs/calm-lake-1"):
        assert len(seen.get(page).content) < 200_000
    assert seen.get("/runs/calm-lake-1/notes/0").text == text


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"text=" + b"x" * 2**24, 413), (b"text=" + b"%0D%0A" * (2**24 + 1), 413), (b"text=" + b"%FF", 400),
     (b"text=x" + b"&a=b" * 100, 400)],
    ids=("long", "long when received", "not UTF-8", "fields"),
)  # fmt: skip
def test_what_is_no_form_or_too_long_writes_nothing(damaged: LabBook, sent: bytes, status: int) -> None:
    answer = browser(damaged).post("/runs/calm-lake-1/note", content=sent, headers=FROM_HERE)
    assert answer.status_code == status
    assert "nothing was written" in answer.text
    assert damaged.open("calm-lake-1").notes() == []


def test_markup_stays_text(book: LabBook) -> None:
    evil = '<img src=x onerror="alert(1)">\'"&'
    run = trained(book, "calm-lake-1", 0.01, why=evil, tags=["<em>"], origin={"recipe": evil, "overrides": [evil]})
    run.note(evil, "works")
    odd = run.folder.with_name('<svg onload=alert(1)>"')
    shutil.copytree(run.folder, odd)
    (run.folder / "samples").mkdir()
    (run.folder / "samples" / '<i>".png').write_bytes(b"")
    seen = browser(book)
    pages = ["/", "/runs", "/runs/calm-lake-1", "/runs/calm-lake-1/inside", "/runs?column=%3Cem%3E"]
    pages += [f"/runs/{odd.name}", f"/compare?run=calm-lake-1&run={odd.name}", "/?q=<svg>", "/live", "/nothing<svg>"]
    for page in pages:
        answer = seen.get(page)
        assert answer.status_code in (200, 404), page
        assert not any(tag in answer.text for tag in ("<img src=x", "<svg onload", "<em>", "<i>", "<svg>")), page
    assert odd.name in unescape(seen.get("/runs").text)


@pytest.mark.parametrize(
    "address", ["/api/curves", "/api/curves?run=calm-lake-1&x=sideways", "/api/curves?run=calm-lake-1&points=-1",
                "/api/curves?run=calm-lake-1&from=here", "/api/runs/calm-lake-1/lines?from=1e3", "/api/runs?q=a<>b",
                "/compare?run=calm-lake-1&run=calm-lake-2&x=sideways", "/runs/calm-lake-1/notes/99",
                f"/runs/calm-lake-1/notes/{'9' * 5000}"]
)  # fmt: skip
def test_a_wrong_question_is_answered_in_a_sentence(damaged: LabBook, address: str) -> None:
    answer = browser(damaged).get(address)
    assert answer.status_code in (400, 404)
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "address", ["/runs/none", f"/runs/{'n' * 400}", "/sweeps/none", "/runs/calm-lake-1/files/none.txt", "/none"]
)
def test_what_is_not_there_is_not_found(damaged: LabBook, address: str) -> None:
    assert browser(damaged).get(address).status_code == 404


def test_values_that_are_no_numbers_leave_gaps(book: LabBook) -> None:
    run = book.create({"seed": 0}, name="calm-lake-1", origin={})
    with run.attempt() as attempt:
        for step, value in enumerate((1.0, float("nan"), float("inf"), 0.5), 1):
            attempt.log(step=step, **{"train/loss": value})
    told = browser(book).get("/api/curves?run=calm-lake-1").json()
    assert told["curves"][0]["y"] == [1.0, None, None, 0.5]
    assert told["curves"][0]["left_out"] == 2
    assert answers(book)


def test_broken_sweeps_and_benchmarks(damaged: LabBook) -> None:
    broken = {
        ".sweeps/odd/manifest.jsonl": '{"time": 1}\n',
        ".bench/a.json": "{torn",
        ".bench/b.json": '{"benchmarks": {"gemm": [{"value": 1}]}}',
        ".plan.jsonl": "{torn\n",
    }
    for place, content in broken.items():
        file = damaged.root / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    told = answers(damaged)
    assert "odd" in told["/sweeps"]
    assert "a.json cannot be read" in told["/benchmarks"]
    assert "b.json cannot be read" in told["/benchmarks"]
    assert "1 lines of" in told["/plan"]
