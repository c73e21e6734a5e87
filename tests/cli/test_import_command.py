"""`seqlab import`: from a log on the disk to a run that every reading command understands and no training one takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import Cli

from event_files import scalar, settings, write_events

LOG = "step,time,loss/train,lr\n1,0.5,2.5,0.1\n2,1.5,1.25,0.1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty lab book, and a folder with a log and an event file."""
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    (tmp_path / "log.csv").write_text(LOG)
    write_events(tmp_path / "tb/events.out.tfevents.1", [scalar("loss/train", 3, 0.5), settings(lr=0.5)])
    return tmp_path


def test_a_table_becomes_a_run(cli: Cli, folder: Path) -> None:
    output = cli("import", folder / "log.csv", "--name", "old", "--rename", "loss/train=train/loss").output
    assert output.splitlines()[0] == "old imported, up to step 2: train/loss, imported/lr"
    assert "recorded loss/train as train/loss, lr as imported/lr" in output
    assert "  seqlab show old\n" in output
    shown = cli("show", "old").output
    for part in ("old  imported", "imported from: log.csv", str(folder / "log.csv"), "train/loss   1.250", "1.5 s"):
        assert part in shown
    assert "nats" not in shown, "nobody knows the unit of another program's loss"
    assert "old   imported     2  1.250  train" in cli("ls").output
    assert json.loads(cli("ls", "--where", "state=imported", "--json").output)[0]["name"] == "old"
    assert cli("tail", "old", "-n", "1").output.startswith("step 2  ")
    cli("note", "old", "as good as I remembered", "--verdict", "works")
    cli("rename", "old", "older")
    cli("diff", "older", "older")


def test_events_settings_and_json(cli: Cli, folder: Path) -> None:
    (folder / "config.json").write_text('{"model": {"dim": 128}}')
    arguments = ("--name", "tb", "--prefix", "train", "--config", folder / "config.json", "--why", "2022", "--tag", "a")
    found = json.loads(cli("import", folder / "tb", folder / "log.csv", *arguments, "--json").output)
    assert (found["name"], found["step"], found["metrics"]) == ("tb", 3, ["loss/train", "train/lr"])
    assert [source["format"] for source in found["imported_from"]] == ["tensorboard", "table"]
    shown = json.loads(cli("show", "tb", "--json").output)
    assert shown["experiment"] == {"config": {"lr": 0.5, "model": {"dim": 128}}}
    assert (shown["why"], shown["tags"], shown["state"]) == ("2022", ["a"], "imported")
    assert json.loads(cli("ls", "--where", "config.model.dim=128", "--json").output)[0]["name"] == "tb"


def test_a_cut_event_file_is_one_sentence(cli: Cli, folder: Path) -> None:
    path = write_events(folder / "cut.tfevents", [scalar("train/loss", step, 1.0) for step in (1, 2)])
    path.write_bytes(path.read_bytes()[:-5])
    result = cli("import", path, "--name", "cut")
    assert "cut.tfevents is cut off at byte" in result.output
    assert "imported: cut.tfevents is cut off at byte" in " ".join(cli("show", "cut").output.split())


@pytest.mark.parametrize(
    "arguments",
    [("resume", "old"), ("generate", "old", "--prompt", "a"), ("eval", "old"), ("stop", "old")],
)
def test_an_imported_run_is_not_gone_on_with(arguments: tuple[str, ...], cli: Cli, folder: Path) -> None:
    cli("import", folder / "log.csv", "--name", "old")
    before = sorted((folder / "runs").rglob("*"))
    stderr = cli(*arguments, code=1).stderr
    assert "imported" in stderr
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    assert sorted((folder / "runs").rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        ((), 2, "Missing argument 'FILE...'"),
        (("none.csv",), 1, "there is no file"),
        (("{log}", "--step-column", "i"), 1, "has no column 'i'"),
        (("{log}", "--rename", "loss"), 1, "renames nothing"),
        (("{log}", "--rename", "lr=rate"), 1, "a metric names its phase, such as train/rate"),
        (("{log}", "--config", "none.json"), 1, "there is no file none.json; --config takes a JSON file"),
        (("{log}", "--config", "{log}"), 1, "is damaged"),
        (("{log}", "--name", "a/b"), 1, "cannot name a run"),
        (("{log}", "--tag", "a b"), 1, "a tag is one word"),
    ],
)
def test_slips_are_one_sentence(arguments: tuple[str, ...], code: int, expected: str, cli: Cli, folder: Path) -> None:
    stderr = cli("import", *(argument.format(log=folder / "log.csv") for argument in arguments), code=code).stderr
    assert expected in stderr
    assert "Traceback" not in stderr
    assert not (folder / "runs").exists()
