"""The commands that read and annotate the lab book."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from pathlib import Path

import pytest
from calling import Cli, Place

from seqlab.journal import LabBook


@pytest.fixture
def book(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabBook:
    """A lab book of this test alone: `tiny`, and `other`, which differs in its learning rate and lacks a number."""
    runs = tmp_path / "runs"
    for name in ("tiny", "other"):
        shutil.copytree(place.runs / "tiny", runs / name)
    experiment = json.loads((runs / "other/experiment.json").read_text())
    experiment["optim"]["lr"] = 0.5
    (runs / "other/experiment.json").write_text(json.dumps(experiment))
    summary = json.loads((runs / "other/summary.json").read_text())
    summary["metrics"]["last"]["val/loss"] = "nan"
    (runs / "other/summary.json").write_text(json.dumps(summary))
    monkeypatch.setenv("SEQLAB_RUNS", str(runs))
    return LabBook(runs)


def test_ls_is_a_line_a_run(cli: Cli, book: LabBook) -> None:
    head, *lines = cli("ls").output.splitlines()
    assert head.split() == ["name", "state", "step", "loss", "of", "best", "age", "took", "tags", "why"]
    assert {line.split()[0] for line in lines} == {"tiny", "other"}
    assert all(line.split()[1:3] == ["finished", "4/4"] and line.endswith("small  to see") for line in lines)


def test_ls_filters_and_speaks_strict_json(cli: Cli, book: LabBook) -> None:
    def names(*arguments: str) -> list[str]:
        found = json.loads(cli("ls", "--json", *arguments).output, parse_constant=pytest.fail)
        return [run["name"] for run in found]

    assert sorted(names()) == ["other", "tiny"]
    assert names("--where", "optim.lr<0.1") == ["tiny"]
    assert sorted(names("--tag", "small")) == ["other", "tiny"]
    assert names("--archived") == []
    book.open("other").note("wrong data", "bug")
    listed = {run["name"]: run for run in json.loads(cli("ls", "--json").output)}
    assert listed["other"]["taint"] == "its verdict is bug"
    assert listed["other"]["metrics"]["last"]["val/loss"] == "nan"
    assert listed["tiny"]["taint"] is None
    (other,) = [line for line in cli("ls").output.splitlines() if line.startswith("  other")]
    assert "tainted alarm bug" in other, "its loss is no number, and nothing passes a floor with that"


def test_a_damaged_run_does_not_hide_the_others(cli: Cli, book: LabBook) -> None:
    (book.open("other").folder / "summary.json").write_text('{"step":')
    for arguments in (("ls",), ("ls", "--json"), ("ls", "--where", "state=finished")):
        result = cli(*arguments)
        assert "tiny" in result.stdout
        assert "other is left out: " in result.stderr
        assert "summary.json is damaged" in result.stderr
    assert "other: until then it cannot be listed" in cli("doctor").output
    assert "no run has 'optim.lrr'" in cli("ls", "--where", "optim.lrr<1", code=1).stderr


def test_an_empty_lab_book_says_how_to_begin(cli: Cli, place: Place, tmp_path: Path) -> None:
    assert "`seqlab run demo:letters` makes one" in cli("ls", "--runs", tmp_path / "none").output
    assert cli("ls", "--where", "name=nobody").output == f"no run like that in {place.runs}.\n"
    assert cli("ls", "--archived", "--runs", tmp_path / "none").output == f"no archived run in {tmp_path / 'none'}.\n"
    assert json.loads(cli("ls", "--json", "--runs", tmp_path / "none").output) == []


def test_show_tells_all(cli: Cli, book: LabBook) -> None:
    book.open("tiny").note("it learns", "works")
    said = cli("show", "tiny").output
    for expected in (
        "this run (val)",
        "attention",
        "tokens/s",
        "sha256",
        "1  20",
        "[works] it learns",
        "checkpoints   4",
    ):
        assert expected in said
    assert max(map(len, said.splitlines())) <= 80 + len(str(book.root))


def test_show_json_has_what_programs_need(cli: Cli, book: LabBook) -> None:
    shown = json.loads(cli("show", "tiny", "--json").output, parse_constant=pytest.fail)
    needed = {
        "name", "state", "evidence", "experiment", "metrics", "floors", "parameters", "wall_seconds",
        "tokens_per_second", "summary", "origin", "notes", "tags", "attempts",
    }  # fmt: skip
    assert needed <= shown.keys()
    assert {"last", "best"} <= shown["metrics"].keys()
    assert shown["checkpoints"] == [4]
    assert shown["attempts"][0]["exit"]["state"] == "finished"


def test_a_run_that_wrote_no_last_summary_is_told_by_its_metrics(cli: Cli, book: LabBook) -> None:
    run = book.open("tiny")
    (run.folder / "attempts/1/exit.json").unlink()
    summary = json.loads((run.folder / "summary.json").read_text())
    summary |= {"step": 0, "tokens": 0, "epoch": 0.0, "wall_seconds": 0.001, "tokens_per_second": 0.0}
    (run.folder / "summary.json").write_text(json.dumps(summary))
    newest = run.metrics.tail(1)[0]
    shown = json.loads(cli("show", "tiny", "--json").output)
    (listed,) = json.loads(cli("ls", "--json", "--where", "name=tiny").output)
    assert shown["state"] == listed["state"] == "crashed"
    assert shown["step"] == listed["step"] == 4
    assert shown["wall_seconds"] == listed["wall_seconds"] == newest["wall_seconds"]
    assert shown["tokens_per_second"] == run.metrics.last["speed/tokens_per_second"]
    assert f"{newest['tokens']} tokens" in cli("show", "tiny").output


def test_show_reads_a_run_of_a_persons_own_loop(cli: Cli, book: LabBook) -> None:
    from seqlab import open_run

    with open_run("by-hand", {"lr": 1}, runs=book.root) as run:
        run.log(step=1, **{"mine/score": 0.25})
    assert "mine/score  0.2500" in cli("show", "by-hand").output
    assert "by-hand  finished" in cli("ls").output


def test_diff_is_field_by_field(cli: Cli, book: LabBook) -> None:
    assert "optim.lr  " in cli("diff", "tiny", "other").output
    found = json.loads(cli("diff", "tiny", "other", "--json").output, parse_constant=pytest.fail)
    assert found["experiment"]["optim.lr"][1] == 0.5
    assert found["environment"] == {}
    assert found["results"]["step"] == [4, 4]
    assert "the experiments are the same" in cli("diff", "tiny", "tiny").output


def test_note_rename_and_archive(cli: Cli, book: LabBook) -> None:
    cli("note", "other", "no better", "--verdict", "no_effect")
    assert book.open("other").verdict == "no_effect"
    cli("rename", "other", "another")
    cli("archive", "another")
    assert "another" not in cli("ls").output
    assert "another" in cli("ls", "--archived").output
    cli("archive", "another", "--undo")
    assert "another" in cli("ls").output


def test_tail_prints_the_newest_lines_and_follows_to_the_end(cli: Cli, book: LabBook) -> None:
    assert cli("tail", "tiny", "-n", "1").output.startswith("step 4/4  val loss")
    assert cli("tail", "tiny", "-n", "0", "-f").output.startswith("tiny finished")


def test_stop_asks_and_waits(cli: Cli, book: LabBook) -> None:
    run = book.create({"part": "x"}, name="live", origin={})
    began = threading.Event()

    def train() -> None:
        with run.attempt() as attempt:
            began.set()
            while not attempt.stop_requested():
                time.sleep(0.01)
            attempt.finish("stopped")

    thread = threading.Thread(target=train)
    thread.start()
    began.wait(5)
    assert "live stopped at step 0" in cli("stop", "live").output
    thread.join()
    assert "nothing to stop" in cli("stop", "live", code=1).stderr


def test_stop_says_when_it_waited_in_vain(cli: Cli, book: LabBook) -> None:
    run = book.create({"part": "x"}, name="deaf", origin={})
    with run.attempt() as attempt:
        assert "was asked" in cli("stop", "deaf", "--no-wait").output
        assert attempt.stop_requested()
        assert "has not ended within 0.1 s" in cli("stop", "deaf", "--timeout", "0.1", code=1).stderr


def test_doctor_names_what_is_broken_and_what_to_do(cli: Cli, book: LabBook) -> None:
    (book.root / "other/checkpoints/4/model.safetensors").write_bytes(b"")
    findings = json.loads(cli("doctor", "--json").output)
    assert {"python", "torch", "C++ kernels", "processor", "GPU", "cache", "disk"} <= {f["what"] for f in findings}
    broken = next(finding for finding in findings if finding["what"] == "other")
    assert "checkpoint 4 is not usable" in broken["found"]
    assert "delete" in broken["advice"]
    assert "! other: delete" in cli("doctor").output


def test_doctor_says_what_compiles_the_kernels(cli: Cli, book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQLAB_COMPILER", "/nonexistent")
    found = {finding["what"]: finding for finding in json.loads(cli("doctor", "--json").output)}["C++ kernels"]
    assert found["found"] == "no compiler"
    assert "install g++" in found["advice"]


def test_doctor_names_what_killed_processes_left(cli: Cli, book: LabBook) -> None:
    for folder in (".making-7-abc", "other/checkpoints/.6-draft"):
        (book.root / folder).mkdir(parents=True)
        os.utime(book.root / folder, (0, 0))
    findings = {finding["found"]: finding for finding in json.loads(cli("doctor", "--json").output)}
    for found in (".making-7-abc: a run that was never made, 0 B", ".6-draft: half a checkpoint, 0 B"):
        assert "`seqlab gc --what leftovers` removes it" in findings[found]["advice"]
    cli("gc", "--what", "leftovers", "--yes")
    assert "leftovers" not in cli("doctor").output


@pytest.mark.parametrize(("command", "member"), [("mixers", "attention"), ("tasks", "text")])
def test_members_are_listed_with_their_fields(command: str, member: str, cli: Cli) -> None:
    assert re.search(rf"^ *{member}\b", cli(command).output, re.MULTILINE)
    listed = {part["name"]: part for part in json.loads(cli(command, "--json").output)}
    assert all({"path", "value", "takes", "help"} == set(field) for field in listed[member]["fields"])
    assert listed[member]["fields"][0]["path"] in cli(command, member).output
    assert "not one of" in cli(command, "nothing", code=1).stderr


def test_recipes_are_listed_with_their_first_line(cli: Cli) -> None:
    assert "  demo:letters " in cli("recipes").output
    assert json.loads(cli("recipes", "--json").output)[0]["name"] == "demo:letters"
