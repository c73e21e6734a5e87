"""TensorBoard event files: scalars, the settings that `add_hparams` kept, and texts. Needs the extra `tensorboard`."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from seqlab.journal.errors import JournalError
from seqlab.journal.log import Log, Row

_HPARAMS_START = "_hparams_/session_start_info"
_CALLED = {"histo": "histograms", "image": "images", "audio": "sounds", "tensor": "tensors", "": "empty values"}


def reads(path: Path) -> bool:
    """By its name: every TensorBoard writer puts `tfevents` in it."""
    return "tfevents" in path.name


def read(path: Path, step_column: str | None) -> Log:
    """Every whole event, in the file's order. Raises JournalError when it is no event file, or the extra is missing."""
    del step_column  # every event says its step
    try:
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        from seqlab.journal.tfrecords import read_records
    except ImportError as error:
        raise JournalError(
            f"{path} is an event file of TensorBoard: `pip install 'seqlab[tensorboard]'` lets it be read"
        ) from error
    found = _Found()
    records, remarks = read_records(path)
    for record in records:
        try:
            event = Event.FromString(record)
        except DecodeError as error:
            raise JournalError(f"{path} holds records that are no events of TensorBoard; give another file") from error
        if event.session_log.status == SessionLog.START and event.step:
            found.rows.append(Row(event.step, {}, event.wall_time, restarts=True))
        for value in event.summary.value:
            found.take(event.step, event.wall_time, value)
    left_out = ", ".join(f"{count} {kind}" for kind, count in found.left_out.items())
    if left_out:
        remarks.append(f"{path.name}: left out what is neither a number nor a setting: {left_out}")
    return Log(found.numbered(path, remarks), found.config, remarks)


class _Found:
    """What the events of one file have said so far."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.config: dict[str, Any] = {}
        self.left_out: Counter[str] = Counter()
        self._plugins: dict[str, str] = {}  # a writer names the plugin of a tag at its first value only

    def take(self, step: int, time: float, value: Any) -> None:
        """One value of a summary."""
        plugin = self._plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
        kind = value.WhichOneof("value")
        if plugin == "hparams":
            self._take_settings(value)
        elif kind == "simple_value":
            self.rows.append(Row(step, {value.tag: value.simple_value}, time))
        elif kind == "tensor" and plugin == "text":
            self._take_text(value)
        elif kind == "tensor" and (number := _scalar(value.tensor)) is not None:
            self.rows.append(Row(step, {value.tag: number}, time))
        else:
            self.left_out[plugin or _CALLED.get(kind or "", str(kind))] += 1

    def _take_settings(self, value: Any) -> None:
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        if value.tag != _HPARAMS_START:
            return  # what a dashboard needs besides: the kinds of the settings, and that the session ended
        settings = HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info.hparams
        for name, setting in settings.items():
            kind = setting.WhichOneof("kind")
            self.config[name] = None if kind in (None, "null_value") else _as_it_was(getattr(setting, kind))

    def _take_text(self, value: Any) -> None:
        """A text, under its tag; one that is JSON as what it says."""
        text = b"\n".join(value.tensor.string_val).decode(errors="replace")
        try:
            said = json.loads(text)
        except ValueError:
            said = text
        self.config[value.tag.removesuffix("/text_summary")] = said

    def numbered(self, path: Path, remarks: list[str]) -> list[Row]:
        """The rows; where a tag has several values, all at step 0, nobody gave steps, and they are counted instead."""
        values: Counter[str] = Counter()
        steps: dict[str, set[int]] = {}
        for row in self.rows:
            for tag in row.values:
                values[tag] += 1
                steps.setdefault(tag, set()).add(row.step)
        stepless = {tag for tag, count in values.items() if count > 1 and steps[tag] == {0}}
        if not stepless:
            return self.rows
        remarks.append(f"{path.name}: no steps were logged for {', '.join(stepless)}; the values are counted from 1")
        counted: Counter[str] = Counter()
        rows = []
        for row in self.rows:
            tag = next(iter(row.values), "")
            counted[tag] += 1
            rows.append(row._replace(step=counted[tag]) if tag in stepless else row)
        return rows


def _scalar(tensor: Any) -> float | None:
    """The number in a tensor of one element, None for any other tensor."""
    from tensorboard.util.tensor_util import make_ndarray

    try:
        array = make_ndarray(tensor)
    except (TypeError, ValueError):
        return None
    return float(array.item()) if array.size == 1 and array.dtype.kind in "fiu" else None


def _as_it_was(value: Any) -> Any:
    """TensorBoard keeps every number as a float: 128 comes back as 128, not as 128.0."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value
