"""TensorBoard event files, a folder a run: scalars, settings, notes, and charts of several curves in one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG, PLUGIN_NAME
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from seqlab.journal.errors import JournalError
from seqlab.journal.run import Run
from seqlab.journal.writers.shared.facts import leaves, told

__all__ = ["SHOWN_BY", "finish", "write"]

SHOWN_BY = "tensorboard --logdir {folder}"
VERSION = "brain.Event:2"


def write(run: Run, folder: Path) -> int:
    """Write a run into a folder of its name; returns how many scalars."""
    place = folder / run.name
    if any(place.glob("*tfevents*")):
        raise JournalError(f"{place} holds event files already, which TensorBoard would mix in; give another --out")
    place.mkdir(exist_ok=True)
    began = datetime.fromisoformat(run.created).timestamp() if run.created else 0.0
    count = 0
    with (place / f"events.out.tfevents.{int(began)}.seqlab").open("wb") as file:
        writer = RecordWriter(file)
        for event in _events(run, began):
            count += len(event.summary.value) if event.step else 0
            writer.write(event.SerializeToString())
    return count


def finish(runs: Sequence[Run], folder: Path) -> None:
    """Write the layout of the custom scalars: for each metric one chart with all of its phases."""
    phases: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for run in runs for name in run.metrics.last):
        phases.setdefault(name.partition("/")[2], []).append(name)
    charts = [
        layout_pb2.Chart(title=what, multiline=layout_pb2.MultilineChartContent(tag=[f"^{name}$" for name in tags]))
        for what, tags in phases.items()
        if len(tags) > 1
    ]
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title="Phases in one chart", chart=charts)])
    config = Summary.Value(
        tag=CONFIG_SUMMARY_TAG, tensor=_string(layout.SerializeToString()), metadata=_metadata(PLUGIN_NAME)
    )
    with (folder / runs[0].name / "events.out.tfevents.0.layout").open("wb") as file:
        writer = RecordWriter(file)
        for event in (Event(file_version=VERSION), Event(summary=Summary(value=[config]))):
            writer.write(event.SerializeToString())


def _events(run: Run, began: float) -> Iterator[Event]:
    yield Event(wall_time=began, file_version=VERSION)
    yield Event(wall_time=began, summary=Summary(value=[_settings(leaves(run.experiment))]))
    for title, text in told(run).items():
        yield Event(wall_time=began, summary=Summary(value=[_text(title, text)]))
    for line in run.metrics.lines():
        values = [Summary.Value(tag=name, simple_value=value) for name, value in line.items() if "/" in name]
        yield Event(
            wall_time=began + (line.get("wall_seconds") or 0.0), step=line["step"], summary=Summary(value=values)
        )


def _settings(settings: Mapping[str, Any]) -> Summary.Value:
    """What the tab HParams shows."""
    start = SessionStartInfo()
    for name, value in settings.items():
        kind = "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else "string"
        setattr(start.hparams[name], f"{kind}_value", value if kind != "string" else str(value))
    content = HParamsPluginData(session_start_info=start).SerializeToString()
    return Summary.Value(tag="_hparams_/session_start_info", metadata=_metadata("hparams", content))


def _text(title: str, text: str) -> Summary.Value:
    tensor = _string(text.encode(errors="replace"))
    return Summary.Value(tag=f"{title}/text_summary", tensor=tensor, metadata=_metadata("text"))


def _string(content: bytes) -> TensorProto:
    return TensorProto(dtype=DT_STRING, string_val=[content])


def _metadata(plugin: str, content: bytes = b"") -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))
