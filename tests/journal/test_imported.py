"""Runs made of other programs' logs: what is read, what is said to be left out, and that a cut file is no surprise."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from event_files import histogram, new_scalar, restart, scalar, settings, text, write_events
from seqlab.journal import JournalError, LabBook, Run, open_run
from seqlab.journal.imported import Imported, import_run
from seqlab.journal.naming import Naming, parse_renames


def table(folder: Path, content: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def curves(run: Run) -> dict[str, dict[int, float]]:
    return {name: dict(zip(*run.metrics.curve(name), strict=True)) for name in run.metrics.last}


def said(imported: Imported) -> str:
    assert [event["remark"] for event in imported.run.events()] == imported.remarks
    assert all(event["kind"] == "imported" for event in imported.run.events())
    return "\n".join(imported.remarks)


def test_a_table_is_a_run_marked_as_imported(book: LabBook, tmp_path: Path) -> None:
    path = table(tmp_path, "step,epoch,tokens,time,train/loss,acc\n1,0.5,64,10,2.5,\n2,1,128,12.5,nan,0.25\n")
    run, remarks = import_run(book, [path], name="old", config={"lr": 0.1}, why="kept by hand", tags=["paper"])
    assert (run.name, run.why, run.tags, run.experiment) == ("old", "kept by hand", ["paper"], {"config": {"lr": 0.1}})
    assert run.state() == ("imported", run.state().evidence)
    assert "imported from: log.csv" in run.state().evidence
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = {"path": str(path), "sha256": digest, "bytes": path.stat().st_size, "format": "table"}
    assert (run.origin["by"], run.origin["imported_from"]) == ("import", [source])
    assert run.metrics.curve("imported/acc") == ([2], [0.25])
    assert run.metrics.best["train/loss"] == {"value": 2.5, "step": 1}
    first = next(run.metrics.lines())
    assert {key: first[key] for key in ("step", "epoch", "tokens", "wall_seconds")} == {
        "step": 1, "epoch": 0.5, "tokens": 64, "wall_seconds": 10,
    }  # fmt: skip
    summary = run.summary
    assert (summary["step"], summary["epoch"], summary["tokens"], summary["wall_seconds"]) == (2, 1, 128, 12.5)
    assert remarks == ["recorded acc as imported/acc"]
    assert run.damage() is None


def test_the_times_of_a_log_date_the_run(book: LabBook, tmp_path: Path) -> None:
    path = table(tmp_path, "Wall time,Step,Value\n1650000000.5,10,3.0\n1650000100.5,20,2.0\n", "run-tag-loss.csv")
    run = import_run(book, [path], naming=Naming(renames={"Value": "train/loss"})).run
    assert run.created.startswith("2022-04-15T05:20:00.5")
    assert [line["wall_seconds"] for line in run.metrics.lines()] == [0, 100]
    dated = table(tmp_path, "step,timestamp,loss\n1,2022-04-15 05:20:00,1\n2,2022-04-15T05:21:00Z,2\n")
    run = import_run(book, [dated]).run
    assert run.created.startswith("2022-04-15T05:20:00")
    assert run.summary["wall_seconds"] == 60


def test_a_log_without_times_has_none(book: LabBook, tmp_path: Path) -> None:
    run = import_run(book, [table(tmp_path, "step,loss\n1,2\n")]).run
    assert "wall_seconds" not in next(run.metrics.lines())
    assert run.summary["wall_seconds"] is None
    assert run.attempts()[0]["exit"]["wall_seconds"] is None


def test_fields_that_cannot_be_read_are_left_out_and_said(book: LabBook, tmp_path: Path) -> None:
    path = table(tmp_path, "step,tokens,epoch,time,loss\n1,nan,inf,half past nine,2\n2,64,1,,1\n")
    imported = import_run(book, [path])
    fields = [[line["tokens"], line["epoch"]] for line in imported.run.metrics.lines()]
    assert fields == [[None, None], [64, 1]]
    assert "log.csv: time cannot be read in 1 line (first in 2), left out there" in said(imported)
    assert imported.run.summary["wall_seconds"] is None


def test_a_file_that_cannot_be_read_is_one_sentence(
    book: LabBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **options: Any) -> str:
        raise PermissionError(13, "Permission denied")

    path = table(tmp_path, "step,loss\n1,2\n")
    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(JournalError, match=r"cannot read .*log.csv: Permission denied; mend its permissions"):
        import_run(book, [path])


def test_tables_say_what_does_not_fit(book: LabBook, tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeffstep;loss;host\n1;2.0;ant\n2;oops;ant\n;1.5;ant\n3;1.0;ant\n3;0.9;ant\n4;0.")
    imported = import_run(book, [path])
    assert curves(imported.run) == {"imported/loss": {1: 2.0, 3: 0.9}}
    for sentence in (
        "log.csv: host cannot be read in 4 lines (first in 2), left out there",
        "log.csv: loss cannot be read in 1 line (first in 3), left out there",
        "log.csv: 1 line without a step left out",
        "than the head: first 7 (the last line: the file is cut off)",
        "log.csv does not end with a line break; if it was cut off, its last number may be short",
        "1 value replaced by a later one of the same name and step",
    ):
        assert sentence in said(imported)


def test_jsonl_phases_may_be_objects_and_a_torn_line_is_said(book: LabBook, tmp_path: Path) -> None:
    lines = [{"step": 1, "train": {"loss": 2.0}, "val": {"loss": "nan"}}, {"host": "ant"}, {"step": 2, "lr": 0.1}]
    content = "".join(json.dumps(line) + "\n" for line in lines) + 'not json\n{"step": 3, "train": {"lo'
    imported = import_run(book, [table(tmp_path, content, "log.jsonl")])
    assert {name: list(curve) for name, curve in curves(imported.run).items()} == {
        "train/loss": [1], "val/loss": [1], "imported/lr": [2],
    }  # fmt: skip
    assert "log.jsonl: 1 line that cannot be read left out" in said(imported)
    assert "log.jsonl is cut off in its last line; the lines before it were read" in said(imported)
    assert "log.jsonl: 1 line without a step left out" in said(imported)
    by_content = table(tmp_path, json.dumps(lines[0]) + "\n", "train.log")
    assert import_run(book, [by_content]).run.origin["imported_from"][0]["format"] == "jsonl"


def test_event_files_of_one_folder_are_one_run(book: LabBook, tmp_path: Path) -> None:
    folder = tmp_path / "tb"
    first = [scalar("loss/train", step, 4.0 / step) for step in (1, 2, 3, 4)]
    write_events(folder / "events.out.tfevents.1.a", [*first, histogram("weights", 4), settings(lr=0.1, size=128)])
    write_events(folder / "events.out.tfevents.2.a", [restart(3), new_scalar("loss/train", 3, 1.5), text("note", "hi")])
    write_events(folder / "later/events.out.tfevents.3.a", [scalar("hparam/acc", 0, 0.5)])
    imported = import_run(book, [folder], naming=Naming(renames={"loss/train": "train/loss"}))
    run = imported.run
    assert curves(run) == {"train/loss": {1: 4.0, 2: 2.0, 3: 1.5}}
    assert run.experiment == {"config": {"lr": 0.1, "size": 128, "note": "hi"}}
    assert type(run.experiment["config"]["size"]) is int
    assert run.created.startswith("2022-04-15")
    assert [line["wall_seconds"] for line in run.metrics.lines()] == [0, 1, 2]
    assert [source["format"] for source in run.origin["imported_from"]] == ["tensorboard"] * 2
    assert "left out what is neither a number nor a setting: 1 histograms" in said(imported)
    assert "the run was restarted: what 2 steps from step 3 on said before is void" in said(imported)
    assert f"the event files in {folder / 'later'} were not imported with it" in said(imported)
    both = import_run(book, [folder, folder / "later"])
    assert "not imported" not in said(both)
    assert "hparam/acc" in both.run.metrics.last


def test_events_without_steps_are_counted(book: LabBook, tmp_path: Path) -> None:
    events = [scalar("loss", 0, value) for value in (3.0, 2.0, 1.0)]
    imported = import_run(book, [write_events(tmp_path / "events.tfevents", [*events, scalar("once", 0, 7.0)])])
    assert curves(imported.run) == {"imported/loss": {1: 3.0, 2: 2.0, 3: 1.0}, "imported/once": {0: 7.0}}
    assert "no steps were logged for loss; the values are counted from 1" in said(imported)


@pytest.mark.parametrize("missing", [1, 3, 5, 20])
def test_a_cut_event_file_is_read_as_far_as_it_is_whole(book: LabBook, tmp_path: Path, missing: int) -> None:
    path = write_events(tmp_path / "events.out.tfevents.1", [scalar("train/loss", step, step) for step in (1, 2, 3)])
    path.write_bytes(path.read_bytes()[:-missing])
    imported = import_run(book, [path])
    assert curves(imported.run) == {"train/loss": {1: 1.0, 2: 2.0}}
    assert len(imported.remarks) == 1
    assert "events.out.tfevents.1 is cut off at byte " in said(imported)
    assert "the 3 events before were read" in said(imported)


def test_a_hurt_event_is_left_out_and_a_hurt_length_ends_the_file(book: LabBook, tmp_path: Path) -> None:
    path = write_events(tmp_path / "events.out.tfevents.1", [scalar("train/loss", step, step) for step in (1, 2, 3)])
    whole = path.read_bytes()
    size = (len(whole) - 40) // 3  # of an event of one scalar, the 40 bytes of the version before them
    assert len(whole) == 40 + 3 * size
    path.write_bytes(whole[: 40 + size + 15] + b"\xff" + whole[40 + size + 16 :])
    imported = import_run(book, [path])
    assert curves(imported.run) == {"train/loss": {1: 1.0, 3: 3.0}}
    assert "1 damaged event left out" in said(imported)
    path.write_bytes(whole[: 40 + size] + b"\xff" + whole[40 + size + 1 :])
    imported = import_run(book, [path])
    assert curves(imported.run) == {"train/loss": {1: 1.0}}
    assert f"is damaged at byte {40 + size}; the 2 events before were read" in said(imported)


def test_several_logs_of_different_kinds_are_one_run(book: LabBook, tmp_path: Path) -> None:
    events = write_events(tmp_path / "events.tfevents", [scalar("train/loss", 1, 2.0), settings(lr=0.1)])
    run = import_run(book, [events, table(tmp_path, "step,val/loss\n1,2.25\n")], config={"seed": 3}).run
    assert curves(run) == {"train/loss": {1: 2.0}, "val/loss": {1: 2.25}}
    assert run.experiment == {"config": {"lr": 0.1, "seed": 3}}


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "no file": ({"files": ["none.csv"]}, "there is no file"),
    "another format": ({"files": ["notes.md"]}, "is no log that can be read"),
    "no step column": ({"files": ["steps.csv"]}, "no column 'step'; name the one .* --step-column: i, loss"),
    "a step column that is not there": ({"files": ["steps.csv"], "step_column": "n"}, "has no column 'n'"),
    "a step that is none": ({"files": ["steps.csv"], "step_column": "loss"}, "line 2: loss is 0.5, which is no step"),
    "columns twice": ({"files": ["twice.csv"]}, "has two columns 'loss'"),
    "nothing but a head": ({"files": ["head.csv"]}, "holds no lines of numbers; there is nothing to import"),
    "an empty table": ({"files": ["empty.csv"]}, "holds no lines of numbers; there is nothing to import"),
    "no numbers": ({"files": ["words.csv"]}, "there are no numbers in words.csv"),
    "not UTF-8": ({"files": ["latin.csv"]}, "is not UTF-8"),
    "no event file": ({"files": ["fake.tfevents"]}, "is no event file of TensorBoard, whatever its name says"),
    "an empty event file": ({"files": ["empty.tfevents"]}, "there are no numbers in empty.tfevents"),
    "a stub of an event file": ({"files": ["stub.tfevents"]}, "is cut off at byte 0; the 0 events before"),
    "steps of event files": ({"files": ["good.tfevents"], "step_column": "n"}, "say their steps themselves"),
    "settings that do not agree": ({"files": ["good.tfevents"], "config": {"lr": 2}}, "the setting 'lr' is 0.1 in one"),
    "a rename of nothing": ({"files": ["good.tfevents"], "renames": {"losss": "a/b"}}, "did you mean loss"),
    "two that would be one": ({"files": ["good.tfevents"], "renames": {"loss": "b/c"}}, "loss and b/c would both be"),
    "a taken name": ({"files": ["good.tfevents"], "name": "calm-lake-1"}, "already a run calm-lake-1"),
}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    for name, content in {
        "notes.md": "# Notes\n", "steps.csv": "i,loss\n1,0.5\n", "twice.csv": "step,loss,loss\n1,2,3\n",
        "head.csv": "step,loss\n", "empty.csv": "", "words.csv": "step,host\n1,ant\n", "fake.tfevents": "x" * 99,
        "empty.tfevents": "", "stub.tfevents": "x" * 5,
    }.items():  # fmt: skip
        table(folder, content, name)
    (folder / "latin.csv").write_bytes("step,müll\n".encode("latin-1"))
    write_events(folder / "good.tfevents", [scalar("loss", 1, 1.0), scalar("b/c", 1, 1.0), settings(lr=0.1)])
    return folder


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_imported_is_one_sentence_and_makes_nothing(
    case: str, book: LabBook, run: Run, files: Path
) -> None:
    options, expected = dict(CASES[case][0]), CASES[case][1]
    paths = [files / name for name in options.pop("files")]
    renames = options.pop("renames", {})
    with pytest.raises(JournalError, match=expected) as raised:
        import_run(book, paths, naming=Naming(renames=renames), **options)
    assert "\n" not in str(raised.value)
    assert [path.name for path in book.root.iterdir()] == [run.name]


def test_a_folder_of_other_runs_names_them(book: LabBook, tmp_path: Path) -> None:
    write_events(tmp_path / "tb/one/events.tfevents", [scalar("loss", 1, 1.0)])
    with pytest.raises(JournalError, match=f"in {tmp_path}/tb; import its folders, each a run: {tmp_path}/tb/one$"):
        import_run(book, [tmp_path / "tb"])
    (tmp_path / "none").mkdir()
    with pytest.raises(JournalError, match=f"there is no event file of TensorBoard in {tmp_path}/none$"):
        import_run(book, [tmp_path / "none"])


def test_renames_and_prefixes_name_a_phase() -> None:
    named = Naming("train").of(["loss", "val/loss", "/odd"])
    assert named == {"loss": "train/loss", "val/loss": "val/loss", "/odd": "train/odd"}
    assert parse_renames(["a=b/c", "d=e/f=g"]) == {"a": "b/c", "d": "e/f=g"}
    for wrong in ("a", "a=", "=b"):
        with pytest.raises(JournalError, match="renames nothing; write OLD=NEW"):
            parse_renames([wrong])
    with pytest.raises(JournalError, match="a is renamed twice"):
        parse_renames(["a=b/c", "a=d/e"])
    with pytest.raises(JournalError, match="a cannot be called 'loss': a metric names its phase"):
        Naming(renames={"a": "loss"})
    with pytest.raises(JournalError, match="the prefix is empty"):
        Naming("/")


def test_without_the_extra_the_sentence_names_it(
    book: LabBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_events(tmp_path / "events.tfevents", [scalar("loss", 1, 1.0)])
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(JournalError, match=r"`pip install 'seqlab\[tensorboard\]'` lets it be read"):
        import_run(book, [path])


def test_an_own_loop_does_not_go_on_with_an_imported_run(book: LabBook, tmp_path: Path) -> None:
    import_run(book, [table(tmp_path, "step,loss\n1,2\n")], name="old")
    with (
        pytest.raises(JournalError, match="the run old was imported from another program's log; choose another name"),
        open_run("old", {}, runs=book.root),
    ):
        pass
