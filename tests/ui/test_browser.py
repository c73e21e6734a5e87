"""What a researcher does all day, in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from seqlab.journal import LabBook
from seqlab.journal.plan import read_plan

pytestmark = pytest.mark.ui

LICENCE = Path(__file__).parents[2] / "LICENSE"
POINTS = "Number(document.querySelector('figure.chart').dataset.points)"
SOON = 5000
"""Milliseconds within which a page must show what it is told to."""


def test_open_search_and_move_by_keys(page: Any) -> None:
    page.goto("/")
    assert page.title().startswith("Journal")
    page.keyboard.press("/")
    page.keyboard.type("optim.lr=0.02")
    page.keyboard.press("Enter")
    page.wait_for_selector("article[data-run=quiet-hill-3]")
    assert page.locator("article.entry").count() == 1
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/quiet-hill-3")


def test_choose_two_and_compare(page: Any) -> None:
    page.goto("/runs?sort=name")
    for name in ("calm-lake-1", "quiet-hill-3"):
        page.get_by_label(f"choose {name} for").check()
    page.keyboard.press("c")
    page.wait_for_url("**/compare?*")
    page.wait_for_selector("figure.chart canvas")
    page.get_by_text("not established: a single seed each").first.wait_for(timeout=SOON)
    assert page.locator("th", has_text="optim.lr").count() == 1
    assert page.locator(".legend button").count() == 2


def test_a_chart_is_zoomed_smoothed_and_drawn_on_logarithmic_axes(page: Any) -> None:
    page.goto("/runs/calm-lake-1")
    chart = page.locator("figure.chart").first
    chart.locator("canvas").wait_for()
    whole = int(chart.get_attribute("data-points"))
    box = chart.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 60, steps=4)
    page.mouse.up()
    chart.get_by_role("button", name="whole range").wait_for()
    page.wait_for_function(f"whole => {POINTS} < whole", arg=whole)
    chart.get_by_role("button", name="whole range").click()
    page.wait_for_function(f"whole => {POINTS} === whole", arg=whole)
    chart.get_by_label("log y").check()
    with page.expect_response(lambda answer: "smooth=5" in answer.url):
        chart.get_by_label("smooth").fill("2")


def test_a_note_a_verdict_and_a_plan_are_written(page: Any, lab: LabBook) -> None:
    page.goto("/runs/calm-lake-2")
    page.get_by_label("A note", exact=True).fill("<b>As its sister.</b>")
    page.get_by_label("Verdict").select_option("works")
    page.locator("section#notes").get_by_role("button", name="Add").click()
    page.get_by_text("<b>As its sister.</b>").wait_for()
    (note,) = lab.open("calm-lake-2").notes()
    assert (note.text, note.verdict) == ("<b>As its sister.</b>", "works")
    page.goto("/plan")
    page.get_by_label("What is to be done").fill("a third seed")
    page.get_by_role("button", name="Add").first.click()
    page.get_by_text("a third seed").wait_for()
    assert [item.text for item in read_plan(lab).items.values()][-1] == "a third seed"


def test_a_rule_is_judged_while_it_is_typed(page: Any) -> None:
    page.goto("/sweeps/rates")
    field = page.get_by_label("Rule")
    field.fill("last(train/loss)")
    page.get_by_role("heading", name="Cells by last(train/loss)").wait_for(timeout=SOON)
    field.fill("last(train/los)")
    page.locator("#selection [role=alert]").wait_for(timeout=SOON)


def test_a_curve_grows_while_a_run_trains_and_the_run_is_stopped(page: Any, lab: LabBook, tmp_path: Path) -> None:
    settings = ["model.dim=16", "task.length=32", "batch.size=2", "budget.steps=100000", "evaluation.log_every_steps=1"]
    command = [sys.executable, "-m", "seqlab.cli.main", "run", "demo:letters", f"task.path={LICENCE}", *settings]
    command += ["--name", "live-wire-1", "--plain", "--runs", str(lab.root)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as training:
        try:
            _wait_for(lambda: (lab.root / "live-wire-1" / "metrics.jsonl").stat().st_size > 1000)
            page.goto("/live")
            page.get_by_role("link", name="live-wire-1").wait_for(timeout=SOON)
            page.goto("/runs/live-wire-1")
            page.wait_for_selector("figure.chart canvas")
            before = int(page.locator("figure.chart").first.get_attribute("data-points"))
            page.wait_for_function(f"before => {POINTS} > before + 3", arg=before, timeout=30_000)
            page.get_by_role("button", name="Stop").click()
            _wait_for(lambda: lab.open("live-wire-1").state().name == "stopped")
            page.reload()
            page.get_by_text("stopped", exact=True).first.wait_for()
        finally:
            training.kill()


def _wait_for(is_so: Any, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("it did not happen in time")


def test_an_export_is_opened_from_the_disk(page: Any, lab: LabBook, tmp_path: Path) -> None:
    out = tmp_path / "calm.html"
    command = [
        sys.executable,
        "-m",
        "seqlab.cli.main",
        "export",
        "calm-lake-1",
        "--out",
        str(out),
        "--runs",
        str(lab.root),
    ]
    subprocess.run(command, check=True, capture_output=True)
    page.goto(out.as_uri())
    assert "calm-lake-1" in page.inner_text("body")
    assert page.locator("svg").count() > 0


def test_light_and_dark_and_help(page: Any) -> None:
    page.goto("/")
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Light or dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before
    page.keyboard.press("?")
    assert page.get_by_role("heading", name="Keys").is_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_window_and_everything_is_named(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    for path in ("/", "/runs", "/runs/calm-lake-1", "/compare?run=calm-lake-1&run=quiet-hill-3", "/sweeps/rates",
                 "/runs/calm-lake-1/inside", "/generations?id=1&id=2", "/live", "/plan", "/benchmarks"):  # fmt: skip
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        unnamed = page.evaluate(
            """[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
               .filter(one => !(one.labels?.length || one.ariaLabel || one.textContent.trim()))
               .map(one => one.outerHTML)"""
        )
        assert unnamed == [], path
        assert page.locator("h1").count() == 1, path
