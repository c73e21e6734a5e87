"""Long work is told of on the standard error, and short work is not."""

from __future__ import annotations

import pytest

from seqlab.cli import progress


def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, seconds: float, live: bool) -> str:
    """What is written while ten tenths of some work are done, each in so many seconds."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("sys.stderr.isatty", lambda: live)
    shown = progress.Shown()
    for tenth in range(1, 11):
        now[0] += seconds
        shown("tokenizing 540 MB", tenth / 10)
    return capsys.readouterr().err


def test_short_work_is_not_told_of(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(capsys, monkeypatch, 0.1, live=False) == ""
    assert told(capsys, monkeypatch, 0.1, live=True) == ""


def test_lines_come_now_and_then(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(capsys, monkeypatch, 20.0, live=False).splitlines()
    assert lines[-1] == "tokenizing 540 MB: 100%"
    assert len(lines) == 5


def test_a_terminal_has_one_live_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    written = told(capsys, monkeypatch, 5.0, live=True)
    assert written.count("\n") == 1
    assert written.endswith("\rtokenizing 540 MB: 100%\n")
