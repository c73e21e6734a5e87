"""What is written from a page, and who may write and read."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab_book import FROM_HERE, HOST, browser, trained

from seqlab.journal import LabBook
from seqlab.journal.plan import read_plan


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_note_with_a_verdict_is_one_appended_line(book: LabBook) -> None:
    run = trained(book, "calm-lake-1", 0.01)
    answer = browser(book).post(
        "/runs/calm-lake-1/note", data={"text": "It falls\r\nfast.", "verdict": "works"}, headers=FROM_HERE
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs/calm-lake-1#notes")
    assert len(lines(run.folder / "notes.jsonl")) == 1
    (note,) = run.notes()
    assert (note.text, note.verdict) == ("It falls\nfast.", "works")


def test_tags_and_the_plan(book: LabBook) -> None:
    run, seen = trained(book, "calm-lake-1", 0.01), browser(book)
    seen.post("/runs/calm-lake-1/tags", data={"add": "wide deep", "remove": ""}, headers=FROM_HERE)
    assert run.tags == ["wide", "deep"]
    for form in (
        {"do": "add", "text": "more seeds"},
        {"do": "add", "text": "three of them", "under": "1"},
        {"do": "link", "id": "1", "runs": "calm-lake-1"},
        {"do": "state", "id": "1", "state": "done", "note": "they agree"},
    ):
        assert seen.post("/plan", data=form, headers=FROM_HERE).status_code == 303
    item = read_plan(book).item(1)
    assert (item.state, item.runs, item.notes[0]["text"]) == ("done", ["calm-lake-1"], "they agree")
    assert len(lines(book.root / ".plan.jsonl")) == 4


def test_a_running_run_is_asked_to_stop(book: LabBook) -> None:
    run = book.create({"seed": 0}, name="calm-lake-1", origin={})
    with run.attempt() as attempt:
        attempt.log(step=1, **{"train/loss": 1.0})
        seen = browser(book)
        assert "Stop</button>" in seen.get("/runs/calm-lake-1").text
        assert "calm-lake-1" in seen.get("/live/rows").text
        assert seen.post("/runs/calm-lake-1/stop", headers=FROM_HERE).status_code == 303
        assert attempt.stop_requested()
    refused = seen.post("/runs/calm-lake-1/stop", headers=FROM_HERE)
    assert refused.status_code == 400
    assert "not running" in refused.text


def test_two_browsers_and_a_terminal_at_once_lose_nothing(book: LabBook) -> None:
    run = trained(book, "calm-lake-1", 0.01)
    browsers = browser(book), browser(LabBook(book.root))

    def write(number: int) -> None:
        if number % 3 == 2:
            run.note(f"note {number}")
        else:
            browsers[number % 3].post("/runs/calm-lake-1/note", data={"text": f"note {number}"}, headers=FROM_HERE)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(30)))
    assert sorted(note.text for note in run.notes()) == sorted(f"note {number}" for number in range(30))


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
                {"origin": "http://127.0.0.1:9"}, {"origin": "http://["}]
)  # fmt: skip
def test_a_write_from_elsewhere_writes_nothing(book: LabBook, headers: dict[str, str]) -> None:
    run = trained(book, "calm-lake-1", 0.01)
    answer = browser(book).post("/runs/calm-lake-1/note", data={"text": "forged"}, headers=headers)
    assert answer.status_code == 403
    assert run.notes() == []


def test_another_name_of_this_machine_is_not_answered(book: LabBook) -> None:
    assert browser(book, host="http://rebound.example").get("/").status_code == 421
    assert browser(book, host="http://localhost:8350").get("/").status_code == 200


def test_elsewhere_a_token_is_needed(book: LabBook) -> None:
    seen = browser(book, "s3cret", "http://lab.example:8350")
    assert seen.get("/").status_code == 401
    assert seen.get("/", params={"token": "guess"}).status_code == 401
    assert seen.get("/", headers={"authorization": "Bearer s3cret"}).status_code == 200
    entered = seen.get("/runs", params={"token": "s3cret", "q": "demo"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/runs?q=demo")
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert seen.get("/").status_code == 200  # the cookie
    elsewhere = seen.get("http://lab.example:8350//evil.example?token=s3cret")
    assert elsewhere.headers["location"] == "/evil.example"


def test_two_lab_books_on_one_host_have_a_cookie_each(book: LabBook, tmp_path: Path) -> None:
    """A browser brings the cookies of a host to all of its ports, and those of other programs with them."""
    mine = browser(book, "s3cret", "http://lab.example:8350")
    other = browser(LabBook(tmp_path / "other"), "an0ther", "http://lab.example:8351")
    kept = {}
    for seen, token in ((mine, "s3cret"), (other, "an0ther")):
        (cookie,) = seen.get("/", params={"token": token}).cookies.items()
        kept |= [cookie]
    together = "; ".join(["an odd one", 'of="another program', *(f"{name}={value}" for name, value in kept.items())])
    for seen in (mine, other):
        seen.cookies.clear()
        assert seen.get("/").status_code == 401
        assert seen.get("/", headers={"cookie": together}).status_code == 200


def test_a_page_of_ours_is_returned_to_and_no_other(book: LabBook) -> None:
    trained(book, "calm-lake-1", 0.01)
    assert 'name="back" value="/?page=1&amp;q=calm"' in browser(book).get("/?page=1&q=calm").text
    places = {"/?q=x": "/?q=x", "//evil.example": "#notes", r"/\evil.example": "#notes", HOST: "#notes"}
    for back, place in places.items():
        form = {"text": "a note", "back": back}
        answer = browser(book).post("/runs/calm-lake-1/note", data=form, headers=FROM_HERE)
        assert answer.headers["location"].endswith(place)


@pytest.mark.parametrize("path", ["../../secret.txt", "%2e%2e/%2e%2e/secret.txt", "/etc/passwd", "link", "lock%00"])
def test_nothing_outside_the_run_is_served(book: LabBook, path: str) -> None:
    run = trained(book, "calm-lake-1", 0.01)
    secret = book.root.parent / "secret.txt"
    secret.write_text("s3cret")
    (run.folder / "link").symlink_to(secret)
    answer = browser(book).get(f"/runs/calm-lake-1/files/{path}")
    assert answer.status_code in (400, 404)
    assert "s3cret" not in answer.text


def test_a_run_is_opened_in_the_lab_book_only(book: LabBook, tmp_path: Path) -> None:
    elsewhere = trained(LabBook(tmp_path / "elsewhere"), "calm-lake-9", 0.01)
    book.root.mkdir()
    seen = browser(book)
    for name in (f"{elsewhere.folder}", "..%2felsewhere%2fcalm-lake-9", ".archive"):
        assert seen.get(f"/runs/{name}").status_code == 404


def test_the_index_follows_what_others_write(book: LabBook) -> None:
    run, seen = trained(book, "calm-lake-1", 0.01), browser(book)
    assert seen.get("/api/runs").json()[0]["verdict"] is None
    run.note("", "fails")
    seen.app.state.lab.index.forget_time()  # type: ignore[attr-defined]
    assert seen.get("/api/runs").json()[0]["verdict"] == "fails"
    assert json.loads(browser(book).get("/api/runs").text)[0]["verdict"] == "fails"  # from the cache, by another server
