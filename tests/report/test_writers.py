"""Records of other programs: TensorBoard is read back, the others are taken down by a stand-in of their library."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest
from untrained import made

from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal.readers.tensorboard import read
from seqlab.journal.tfrecords import read_records
from seqlab.journal.writers import write_runs


def test_event_files_say_what_the_record_says(book: LabBook, tmp_path: Path) -> None:
    run = made(book, "kept", 3.0, 2.0, 1.0, why="to see")
    run.note("it learned", "works")
    told = list(write_runs("tensorboard", [run], tmp_path / "logs"))
    assert told[0] == "kept: 5 values"
    (file,) = (tmp_path / "logs" / "kept").glob("*.seqlab")
    log = read(file, None)
    losses = [(row.step, row.values["train/loss"]) for row in log.rows if "train/loss" in row.values]
    assert losses == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert log.config["optim.lr"] == pytest.approx(0.1)
    assert log.config["optim"] == "optim/optimisers/adamw"
    assert "it learned" in log.config["notes"]
    assert log.remarks == []


def test_phases_share_a_chart(book: LabBook, tmp_path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

    list(write_runs("tensorboard", [made(book, "kept", 3.0, 2.0)], tmp_path / "logs"))
    records, _ = read_records(tmp_path / "logs" / "kept" / "events.out.tfevents.0.layout")
    value = Event.FromString(records[1]).summary.value[0]
    assert value.metadata.plugin_data.plugin_name == "custom_scalars"
    chart = Layout.FromString(value.tensor.string_val[0]).category[0].chart[0]
    assert (chart.title, list(chart.multiline.tag)) == ("loss", ["^train/loss$", "^val/loss$"])


def test_event_files_are_not_mixed(book: LabBook, tmp_path: Path) -> None:
    run = made(book, "kept", 3.0)
    list(write_runs("tensorboard", [run], tmp_path))
    with pytest.raises(JournalError, match="holds event files already"):
        list(write_runs("tensorboard", [run], tmp_path))


@pytest.mark.parametrize("program", ["wandb", "mlflow"])
def test_a_missing_extra_is_one_sentence(
    book: LabBook, runs: list[Run], tmp_path: Path, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, program, None)
    monkeypatch.delitem(sys.modules, f"seqlab.journal.writers.{program}", raising=False)
    with pytest.raises(JournalError, match=rf"pip install 'seqlab\[{program}\]'"):
        list(write_runs(program, runs, tmp_path / "there"))


def test_wandb_is_told_steps_settings_and_notes(book: LabBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {"logged": []}

    def init(**given: Any) -> Any:
        told.update(given)
        log = lambda values, step: told["logged"].append((step, values))  # noqa: E731
        return types.SimpleNamespace(log=log, finish=lambda: told.update(finished=True))

    stand_in = types.ModuleType("wandb")
    stand_in.init, stand_in.Settings = init, dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    monkeypatch.delitem(sys.modules, "seqlab.journal.writers.wandb", raising=False)
    run = made(book, "kept", 3.0, 2.0, why="to see", tags=["small"])
    list(write_runs("wandb", [run], tmp_path / "there"))
    monkeypatch.delitem(sys.modules, "seqlab.journal.writers.wandb", raising=False)
    assert told["settings"]["mode"] == "offline"
    assert (told["name"], told["tags"], told["config"]["optim.lr"]) == ("kept", ["small"], 0.1)
    assert "why: to see" in told["notes"]
    assert [(step, values.get("train/loss")) for step, values in told["logged"]] == [(1, 3.0), (2, 2.0), (2, None)]
    assert told["finished"]


def test_mlflow_keeps_every_value(book: LabBook, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    run = made(book, "kept", 3.0, 2.0, why="to see")
    told, _ = write_runs("mlflow", [run], tmp_path / "there")
    assert told == "kept: 4 values"
    client = MlflowClient(tracking_uri=(tmp_path / "there").as_uri())
    experiment = client.get_experiment_by_name("seqlab")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.data.params["optim.lr"] == "0.1"
    history = client.get_metric_history(kept.info.run_id, "train/loss")
    assert [(one.step, one.value) for one in history] == [(1, 3.0), (2, 2.0)]
