"""Event files as TensorBoard's own writer makes them, for the tests of the import."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util.tensor_util import make_tensor_proto

BEGAN = 1_650_000_000.0  # in April 2022


def write_events(path: Path, events: Iterable[Event]) -> Path:
    """A file that begins, as all do, with the version of its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for event in (Event(wall_time=BEGAN, file_version="brain.Event:2"), *events):
            writer.write(event.SerializeToString())
    return path


def scalar(tag: str, step: int, value: float) -> Event:
    """A scalar as `add_scalar` writes it, logged `step` seconds after the beginning."""
    return _event(step, Summary.Value(tag=tag, simple_value=value))


def new_scalar(tag: str, step: int, value: float) -> Event:
    """A scalar as TensorFlow 2 writes it: a tensor of one element."""
    return _event(step, Summary.Value(tag=tag, tensor=make_tensor_proto(value), metadata=_metadata("scalars")))


def histogram(tag: str, step: int) -> Event:
    return _event(step, Summary.Value(tag=tag, histo=HistogramProto(num=1)))


def text(tag: str, said: str) -> Event:
    tensor = TensorProto(dtype=DT_STRING, string_val=[said.encode()])
    return _event(0, Summary.Value(tag=f"{tag}/text_summary", tensor=tensor, metadata=_metadata("text")))


def settings(**values: Any) -> Event:
    """What `add_hparams` keeps."""
    start = SessionStartInfo()
    for name, value in values.items():
        field = (
            "string_value" if isinstance(value, str) else "bool_value" if isinstance(value, bool) else "number_value"
        )
        setattr(start.hparams[name], field, value)
    content = HParamsPluginData(session_start_info=start).SerializeToString()
    return _event(0, Summary.Value(tag="_hparams_/session_start_info", metadata=_metadata("hparams", content)))


def restart(step: int) -> Event:
    """What `SummaryWriter(purge_step=step)` writes first."""
    return Event(wall_time=BEGAN + step, step=step, session_log=SessionLog(status=SessionLog.START))


def _event(step: int, value: Summary.Value) -> Event:
    return Event(wall_time=BEGAN + step, step=step, summary=Summary(value=[value]))


def _metadata(plugin: str, content: bytes = b"") -> SummaryMetadata:
    return SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name=plugin, content=content))
