"""What the pages show of a lab book."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lab_book import PNG, STEPS, browser, trained
from starlette.testclient import TestClient

from seqlab.journal import LabBook
from seqlab.journal.taint import taints
from seqlab.web.app import PAGES
from seqlab.web.lab import STATIC

ADDRESSES = [
    "/", "/runs", "/runs/calm-lake-1", "/runs/calm-lake-1/inside",
    "/runs/calm-lake-1/inside/map?probe=attention&key=entropy",
    "/runs/calm-lake-1/notes/0", "/runs/calm-lake-1/files/summary.json", "/compare",
    "/compare?run=calm-lake-1&run=quiet-hill-3", "/compare/judged?run=calm-lake-1&run=quiet-hill-3", "/sweeps",
    "/sweeps/rates", "/sweeps/rates/judged?by=min(train/loss)", "/generations", "/generations?id=1&id=2", "/benchmarks",
    "/live", "/live/rows", "/plan", "/api/runs", "/api/runs/calm-lake-1", "/api/runs/calm-lake-1/lines",
    "/api/runs/quiet-hill-3/lineage", "/api/curves?run=calm-lake-1",
]  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_answers(reader: TestClient, address: str) -> None:
    answer = reader.get(address)
    assert answer.status_code == 200, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_every_page_is_among_those(reader: TestClient) -> None:
    def shape(path: str) -> str:
        return re.sub(r"\{file.*?\}", "summary.json", path).replace("{name}", "X").replace("{number}", "0")

    asked = {re.sub(r"/(calm-lake-1|quiet-hill-3|rates)(?=/|$)", "/X", one.partition("?")[0]) for one in ADDRESSES}
    assert {shape(path) for path in PAGES} <= asked


def test_the_journal_tells_of_runs_as_a_notebook_would(reader: TestClient) -> None:
    page = reader.get("/").text
    entry = page[page.index('data-run="quiet-hill-3"') :]
    assert "fork of" in entry
    assert "<code>optim.lr</code> 0.01 → 0.02" in entry
    assert "bigram" in entry
    assert "too good" in page
    assert "It falls to a third." in page
    assert "a wider window" in page


def test_the_journal_is_searched_by_words_and_by_filters(reader: TestClient) -> None:
    assert 'data-run="quiet-hill-3"' not in reader.get("/", params={"q": "third"}).text
    by_filter = reader.get("/", params={"q": "optim.lr=0.02"}).text
    assert 'data-run="quiet-hill-3"' in by_filter
    assert 'data-run="calm-lake-1"' not in by_filter
    assert "did you mean" in reader.get("/", params={"q": "optim.lrr<1"}).text


def test_a_filter_is_known_whatever_the_words_find(reader: TestClient) -> None:
    assert "No run like that" in reader.get("/runs", params={"q": "nobodywrotethis optim.lr<9"}).text


def test_the_table_sorts_and_shows_any_field_and_metric(reader: TestClient) -> None:
    asked = {"column": ["optim.lr", "train/loss", "model.layers.0.mixer"], "sort": "-optim.lr", "q": "tags~demo"}
    page = reader.get("/runs", params={"column": asked["column"], "sort": "-optim.lr"}).text
    order = re.findall(r'<tr class="item[^"]*" data-run="([^"]+)"', page)
    assert order[0] == "quiet-hill-3"
    assert "tdln" in page
    assert "<polyline" in page


def test_seeds_together_have_a_mean_with_its_error(reader: TestClient, shared: LabBook) -> None:
    page = reader.get("/runs", params={"group": "seeds", "column": "seed"}).text
    row = next(part for part in page.split("<tr")[1:] if "calm-lake-2" in part and "calm-lake-1" in part)
    losses = [shared.open(name).metrics.last["val_subset/loss"] for name in ("calm-lake-1", "calm-lake-2")]
    assert f"{sum(losses) / 2:#.4g} ± 0.005" in row


def test_a_run_page_has_everything(reader: TestClient) -> None:
    page = reader.get("/runs/calm-lake-1").text
    for told in ("tdln", "causality", "loss is low", "bigram", "quiet-hill-3", "summary.json", "attempt 1"):
        assert told in page, told
    assert "cannot be read" not in page


def test_a_comparison_shows_what_differs_and_judges_seeds_as_one(reader: TestClient) -> None:
    runs = {"run": ["calm-lake-1", "calm-lake-2", "quiet-hill-3"]}
    page = reader.get("/compare", params=runs).text
    assert ">optim.lr</th>" in page
    assert ">model.dim</th>" not in page
    judged = reader.get("/compare/judged", params=runs).text
    assert "not established" in judged
    assert "±" in judged


def test_a_sweep_is_judged_by_the_rule_that_is_typed(reader: TestClient) -> None:
    page = reader.get("/sweeps/rates", params={"by": "min(train/loss)"}).text
    assert "winner" in page
    assert "optim.lr" in page
    assert "On the edge of the grid" in page
    assert page.count('class="response"') == 2
    assert page.count('class="heat"') == 1
    wrong = reader.get("/sweeps/rates/judged", params={"by": "min(train/los)"}).text
    assert "train/loss" in wrong
    assert 'role="alert"' in wrong


def test_a_lineage_is_one_curve_with_its_marks(reader: TestClient) -> None:
    told = reader.get("/api/runs/quiet-hill-3/lineage", params={"metric": "train/loss"}).json()
    assert [(mark["x"], mark["name"]) for mark in told["marks"]] == [(6, "quiet-hill-3")]
    assert told["curves"][0]["x"] == [*range(1, 7), *range(1, STEPS + 1)]


def test_listings_answer_as_the_commands_do(reader: TestClient, shared: LabBook) -> None:
    listed = reader.get("/api/runs").json()
    assert {run["name"] for run in listed} == {run.name for run in shared.runs()}
    assert {"state", "evidence", "metrics", "tags", "verdict", "taint"} <= set(listed[0])
    one = reader.get("/api/runs/calm-lake-1").json()
    assert one["experiment"]["optim"]["lr"] == 0.01
    assert one["notes"][0]["verdict"] == "works"
    assert [run["name"] for run in reader.get("/api/runs", params={"q": "verdict=works"}).json()] == ["calm-lake-1"]


def test_pictures_are_served_and_inert(reader: TestClient) -> None:
    answer = reader.get("/runs/calm-lake-1/files/samples/reconstructions.png")
    assert answer.content == PNG
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_bug_taints_its_descendants_on_every_page(book: LabBook) -> None:
    parent = trained(book, "old-oak-1", 0.01)
    made_from = {"run": parent.name, "run_id": parent.id, "step": 2}
    trained(book, "old-oak-2", 0.01, parent=made_from)
    parent.note("the targets were the inputs", "bug")
    assert set(taints(book.runs())) == {"old-oak-1", "old-oak-2"}
    seen = browser(book)
    for address in ("/", "/runs", "/runs/old-oak-2", "/compare?run=old-oak-1&run=old-oak-2"):
        assert "descends from old-oak-1" in seen.get(address).text, address


def test_the_first_page_is_small(reader: TestClient) -> None:
    page = reader.get("/").text
    parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)
    assert parts
    whole = len(page.encode()) + sum((STATIC / Path(part).relative_to("/static")).stat().st_size for part in parts)
    assert whole < 150_000


def test_nothing_is_asked_of_another_machine() -> None:
    for file in STATIC.parent.rglob("*"):
        if file.suffix in (".html", ".js", ".css") and file.parent.name != "uplot":
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", file.read_text()), file


def test_no_page_has_a_script_or_a_style_in_it(reader: TestClient) -> None:
    for address in ADDRESSES:
        page = reader.get(address).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|<style|\sstyle=", page), address
