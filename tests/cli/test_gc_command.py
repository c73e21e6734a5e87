"""`seqlab gc`: the table, what goes, what stays, and the quota."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import pytest
from calling import Cli, Place

from seqlab.journal import LabBook
from seqlab.journal.checkpoints import steps_of


@pytest.fixture
def book(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LabBook:
    """A lab book of this test alone: `tiny` with checkpoints 2 and 4, and `away`, archived."""
    runs = tmp_path / "runs"
    for name in ("tiny", ".archive/away"):
        shutil.copytree(place.runs / "tiny", runs / name)
        checkpoints = runs / name / "checkpoints"
        if not (checkpoints / "2").exists():
            shutil.copytree(checkpoints / "4", checkpoints / "2")
    monkeypatch.setenv("SEQLAB_RUNS", str(runs))
    return LabBook(runs)


def test_without_what_it_is_a_table_and_changes_nothing(cli: Cli, book: LabBook) -> None:
    before = sorted(book.root.rglob("*"))
    output = cli("gc").output
    assert f"{book.root}: " in output.splitlines()[0]
    assert "in 2 runs" in output.splitlines()[0]
    for part in ("By kind", "checkpoints", "the record", "By run", "away (archived)", "2, 4", "finished"):
        assert part in output
    assert "seqlab gc --what checkpoints --keep last,best --dry-run" in output
    use = json.loads(cli("gc", "--json").output)
    assert {run["name"]: run["archived"] for run in use["runs"]} == {"tiny": False, "away": True}
    assert use["bytes"] == sum(run["bytes"] for run in use["runs"]) + sum(use["others"].values())
    assert use["bytes"] == sum(use["kinds"].values()) == 2 * use["runs"][0]["bytes"]
    assert sorted(book.root.rglob("*")) == before
    assert "in 1 run\n" in cli("gc", "tiny").output


def test_what_it_suggests_means_the_same_runs(cli: Cli, book: LabBook) -> None:
    chosen = ("tiny", "--where", "val/loss<9", "--older-than", "0h", "--runs", str(book.root))
    (suggested,) = [line for line in cli("gc", *chosen).output.splitlines() if line.startswith("  seqlab gc")]
    command = shlex.split(suggested)
    assert command[2:] == [*chosen, "--what", "checkpoints", "--keep", "last,best", "--dry-run"]
    assert "away" not in cli(*command[1:]).output


def test_a_dry_run_says_it_all_and_yes_does_it(cli: Cli, book: LabBook) -> None:
    would = cli("gc", "tiny", "--what", "checkpoints", "--dry-run").output
    assert would.startswith("tiny  checkpoint 2  ")
    assert "  tiny keeps checkpoint 4: the last\n" in would
    assert "would be freed (a dry run: nothing was removed)" in would
    assert steps_of(book.open("tiny").folder) == [2, 4]
    assert cli("gc", "tiny", "--what", "checkpoints", "--yes").output.endswith(" freed\n")
    assert steps_of(book.open("tiny").folder) == [4]
    assert steps_of(book.open("away").folder) == [2, 4]
    assert cli("gc", "tiny", "--what", "checkpoints", "--dry-run").output.endswith("nothing to remove.\n")
    shown = cli("show", "tiny").output
    assert "removed       checkpoints 2: " in shown
    assert json.loads(cli("show", "tiny", "--json").output)["removed"][0]["steps"] == [2]
    stderr = cli("generate", "tiny@2", "--prompt", "a", code=1).stderr
    assert "has no checkpoint at step 2; it was removed on 20" in stderr
    assert "by gc; there are: 4" in stderr


def test_keep_none_takes_the_last_and_generate_says_so(cli: Cli, book: LabBook) -> None:
    found = json.loads(cli("gc", "--what", "checkpoints", "--keep", "none", "--yes", "--json").output)
    assert {entry["run"]: entry["steps"] for entry in found["removals"]} == {"tiny": [2, 4], "away": [2, 4]}
    assert all(entry["removed"] for entry in found["removals"])
    assert found["freed_bytes"] == sum(entry["bytes"] for entry in found["removals"]) > 0
    stderr = cli("generate", "tiny", "--prompt", "a", code=1).stderr
    assert "has no usable checkpoint (it is finished); 2, 4 were removed on 20" in stderr


def test_only_some_runs(cli: Cli, book: LabBook) -> None:
    def chosen(*arguments: str) -> list[str]:
        found = json.loads(cli("gc", "--what", "checkpoints", "--dry-run", "--json", *arguments).output)
        return [entry["run"] for entry in found["removals"]]

    assert chosen("--where", "name=away") == ["away"]
    assert chosen("--where", "state!=finished") == []
    assert chosen("--older-than", "1h") == []
    assert sorted(chosen("--older-than", "0h")) == ["away", "tiny"]


def test_eval_goes_whole_and_a_running_run_is_named(cli: Cli, book: LabBook) -> None:
    tiny = book.open("tiny")
    (tiny.folder / "eval").mkdir()
    (tiny.folder / "eval/a.json").write_text("{}")
    with book.open("away").attempt():
        output = cli("gc", "--what", "eval", "--what", "checkpoints", "--yes").output
    assert "tiny  eval/  2 B\n" in output
    assert "  away is left alone: it is running\n" in output
    assert not (tiny.folder / "eval").exists()
    assert [removal["what"] for removal in tiny.removals()] == ["eval", "checkpoints"]


def test_it_asks_at_a_terminal_only(cli: Cli, book: LabBook) -> None:
    result = cli("gc", "--what", "checkpoints", code=2)
    assert "no terminal to ask at: add --yes, or --dry-run" in result.stderr
    assert steps_of(book.open("tiny").folder) == [2, 4]


def test_at_a_terminal_no_means_no(cli: Cli, book: LabBook, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    class System:
        stdin = stdout = Terminal()

    monkeypatch.setattr("seqlab.cli.gc.sys", System)
    monkeypatch.setattr("click.confirm", lambda question: False)
    assert "nothing was removed." in cli("gc", "--what", "checkpoints", code=1).stderr
    assert steps_of(book.open("tiny").folder) == [2, 4]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("nothing",), 1, "no run 'nothing'"),
        (("--what", "metrics"), 2, "'metrics' is not one of 'checkpoints'"),
        (("--what", "checkpoints", "--keep", "lasst", "--dry-run"), 1, "keep 'lasst' is no rule"),
        (("--keep", "last"), 2, "--keep says which checkpoints stay: it needs --what checkpoints."),
        (("--what", "eval", "--keep", "last"), 2, "it needs --what checkpoints."),
        (("--dry-run",), 2, "say what is to go: --what checkpoints"),
        (("--what", "eval", "--json"), 2, "--json cannot ask"),
        (("--older-than", "old"), 1, "'old' is no age"),
        (("--where", "no.such=1"), 1, "no run has 'no.such'"),
        (("--quota", "much"), 1, "'much' is no size"),
        (("--quota", "5GB", "tiny"), 2, "give it alone"),
    ],
)
def test_slips_are_one_sentence(arguments: tuple[str, ...], code: int, expected: str, cli: Cli, book: LabBook) -> None:
    before = sorted(book.root.rglob("*"))
    result = cli("gc", *arguments, code=code)
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(book.root.rglob("*")) == before


def test_the_quota_is_shown_and_refuses_what_does_not_fit(cli: Cli, book: LabBook, place: Place) -> None:
    assert "may take 10.0 MB" in cli("gc", "--quota", "10MB").output
    assert "of the quota of 10.0 MB" in cli("gc").output
    assert "quota" in cli("doctor").output
    assert "left of the quota" in cli("run", place.recipe, "--dry-run").output
    cli("gc", "--quota", "1kB")
    before = sorted(book.root.rglob("*"))
    stderr = cli("run", place.recipe, code=1).stderr
    assert "of disk and the quota leaves 0.0 MiB; free some (`seqlab gc --what checkpoints --keep best`)" in stderr
    assert sorted(book.root.rglob("*")) == before
    assert "! quota: `seqlab gc` shows what takes it" in cli("doctor").output
    assert "all there is" in cli("gc", "--quota", "none").output
    assert not (book.root / ".quota.json").exists()
