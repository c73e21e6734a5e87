"""`seqlab export`: which form goes where, and what is said of a mistake. The pages are tested beside their package."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from calling import Cli


def test_the_ending_says_the_form(cli: Cli, tmp_path: Path) -> None:
    for ending, beginning in (
        (".html", "<!doctype html>"),
        (".md", "# tiny (finished)"),
        (".tex", "% tiny. Written by"),
    ):
        out = tmp_path / f"tiny{ending}"
        assert cli("export", "tiny", "--out", out).output.startswith(f"wrote {out} (")
        assert out.read_text().startswith(beginning)


def test_a_text_without_a_place_is_printed(cli: Cli) -> None:
    rows = list(csv.DictReader(cli("export", "tiny", "--as", "csv").output.splitlines()))
    assert rows[0]["step"] == "1"
    assert float(rows[0]["train/loss"]) > 0


def test_filters_are_those_of_ls(cli: Cli, tmp_path: Path) -> None:
    for asked in (("seed=1",), ("--where", "seed=1"), ("--tag", "small")):
        assert cli("export", *asked, "--as", "csv").output.splitlines()[1].startswith("tiny,")


def test_a_figure_has_its_caption(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "one.svg"
    cli("export", "tiny", "--out", out, "--metric", "train/loss")
    assert out.read_text().startswith("<?xml")
    assert (tmp_path / "one.svg").stat().st_size > 5_000


def test_a_report_is_a_document(cli: Cli, tmp_path: Path) -> None:
    cli("export", "--report", "--since", "today", "--out", tmp_path / "report.tex")
    text = (tmp_path / "report.tex").read_text()
    assert r"\begin{document}" in text
    assert r"\section*{Report since 20" in text
    assert "1 finished" in text


def test_event_files_are_written_beside_each_other(cli: Cli, tmp_path: Path) -> None:
    told = cli("export", "tiny", "--as", "tensorboard", "--out", tmp_path / "logs").output
    assert "tensorboard --logdir" in told
    assert (
        "holds event files already"
        in cli("export", "tiny", "--as", "tensorboard", "--out", tmp_path / "logs", code=1).output
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("tiyn", "--out", "x.html"), 1, "did you mean tiny?"),
        (("tiny",), 2, "say where to"),
        (("tiny", "tiny"), 2, "tiny is a run; for a page of both"),
        (("tiny", "--as", "tex"), 2, "there is no form 'tex' here"),
        (("tiny", "--out", "tiny.doc"), 2, "--as says the form"),
        (("tiny", "--as", "pdf"), 2, "pdf needs a place"),
        (("tiny", "--out", "nowhere/tiny.html"), 1, "there is no folder nowhere"),
        (("tiny", "--out", "nowhere/tiny.svg"), 1, "there is no folder nowhere"),
        (("tiny", "--by", "min(val/loss)", "--as", "html"), 2, "--by chooses among the cells of a sweep"),
        (("tiny", "--as", "svg", "--out", "tiny.svg", "--metric", "val/los"), 1, "has no metric 'val/los'"),
        (("seed=1", "--as", "html", "--metric", "val/los"), 1, "has no metric 'val/los'"),
        (("tiny", "--as", "html", "--metric", "val/loss"), 2, "--metric is for figures and for several runs"),
        (("optim.rl=1", "--as", "csv"), 1, "did you mean optim.lr"),
        (("seed=99", "--as", "csv"), 1, "no run like that"),
        (("--report", "--out", "x.html"), 2, "a report is `seqlab export --report --since DAY"),
        (("--report", "--since", "someday", "--out", "x.html"), 1, "'someday' is no day"),
        (("tiny", "--since", "today", "--out", "x.html"), 2, "--since and --until are for --report"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_sentence(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sentence in cli("export", *arguments, code=code).output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    assert "is a folder; give a file" in cli("export", "tiny", "--as", "html", "--out", tmp_path, code=1).output
