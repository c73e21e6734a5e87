"""Writing plain files: the order that makes a replacement durable, and errors that leave the old file."""

import errno
import os
from pathlib import Path

import pytest

from seqlab.journal import DiskFull, JournalError
from seqlab.journal.files import read_object, replace_json


def test_a_file_is_replaced_by_write_fsync_rename_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    true_rename = Path.replace

    def fsync(descriptor: int) -> None:
        done.append(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")

    def rename(source: Path, target: Path) -> Path:
        done.append(f"rename to {target.name}")
        return true_rename(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", rename)
    replace_json(tmp_path / "summary.json", {"a": 1})
    temporary = f".summary.json.{os.getpid()}.tmp"
    assert done == [f"fsync {temporary}", "rename to summary.json", f"fsync {tmp_path.name}"]
    assert read_object(tmp_path / "summary.json") == {"a": 1}


def test_a_failed_replacement_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_json(tmp_path / "summary.json", {"a": 1})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull, match=r"cannot write .*/summary\.json: the disk is full"):
        replace_json(tmp_path / "summary.json", {"a": 2})
    assert read_object(tmp_path / "summary.json") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_what_is_no_object_is_named(tmp_path: Path) -> None:
    assert read_object(tmp_path / "none.json") is None
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(JournalError, match=r"list\.json holds a list, not an object"):
        read_object(tmp_path / "list.json")
