"""Checkpoints are whole or are none, are verified before use, and are kept by the stated rule."""

import errno
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from seqlab.experiment import Experiment, Snapshots
from seqlab.journal import DiskFull
from seqlab.train import checkpoint as module
from seqlab.train.checkpoint import Checkpoint, checkpoints, latest, prune, write
from seqlab.train.start import resume
from tiny_runs import At, carried_out, lines, queued, stopped


def saved(folder: Path, *steps: int) -> list[Checkpoint]:
    weights = {"w": torch.arange(4.0), "tied": torch.arange(4.0)}
    return [write(folder, step, weights, {"step": step}, None)[0] for step in steps]


def kept(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in checkpoints(folder)]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    one = torch.randn(3)
    checkpoint, size = write(tmp_path, 7, {"a": one, "b": one, "c": one.half()}, {"x": [1.5]}, {"a": one + 1})
    assert checkpoint.fault() is None
    assert checkpoint.state() == {"x": [1.5]}
    assert checkpoint.weights()["b"].equal(one)
    averaged = checkpoint.weights(averaged=True)
    assert averaged["a"].equal(one + 1)
    assert averaged["c"].equal(one.half())
    assert size == sum(path.stat().st_size for path in checkpoint.folder.iterdir() if path.name != "MANIFEST.json")


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def spoil(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize(
    ("file", "harm", "reason"),
    [
        ("model.safetensors", truncate, "model.safetensors has [0-9,]+ bytes and should have"),
        ("state.pt", flip_a_bit, "state.pt does not have the content that was written"),
        ("state.pt", Path.unlink, "state.pt is missing"),
        ("MANIFEST.json", Path.unlink, "MANIFEST.json is missing"),
        ("MANIFEST.json", spoil, "its manifest cannot be read"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_with_a_sentence(
    tiny: Experiment, file: str, harm: Callable[[Path], object], reason: str
) -> None:
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny)
    stopped(run, at=5)
    harm(run.folder / "checkpoints" / "5" / file)
    watch = At(0, lambda: None)
    assert resume(run, watch)[1] == "finished"
    assert re.match(f"checkpoint 5 is not usable: {reason}.*; an earlier one is used", watch.messages[0])
    assert watch.messages[1] == "resumed at step 4"
    assert [event["message"] for event in run.events() if event["kind"] == "checkpoint_skipped"] == watch.messages[:1]
    assert lines(run) == lines(whole)
    assert kept(run.folder) == [6, 8]


def test_what_cannot_be_used_does_not_push_out_what_can(tiny: Experiment) -> None:
    run = queued(replace(tiny, snapshots=Snapshots(every_steps=2, keep_last=1)))
    stopped(run, at=7)
    spoil(run.folder / "checkpoints" / "7" / "MANIFEST.json")
    assert latest(run.folder)[0] is None
    stopped(run, at=2)  # from the start, since nothing is usable
    assert kept(run.folder) == [2]
    assert latest(run.folder)[0] == Checkpoint(run.folder / "checkpoints" / "2", 2)


def test_a_half_written_checkpoint_is_none_and_is_cleared_away(tmp_path: Path) -> None:
    draft = tmp_path / "checkpoints" / ".4.999"
    draft.mkdir(parents=True)
    (draft / "model.safetensors").write_bytes(b"half")
    assert checkpoints(tmp_path) == []
    saved(tmp_path, 6)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["6"]


def test_the_manifest_is_written_last_and_the_folder_appears_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    written = Path.write_text

    def look(path: Path, text: str) -> int:
        if path.name == "MANIFEST.json":
            seen.append(sorted(each.name for each in path.parent.iterdir()))
            assert checkpoints(tmp_path) == []
        return written(path, text)

    monkeypatch.setattr(Path, "write_text", look)
    saved(tmp_path, 1)
    assert seen == [["model.safetensors", "state.pt"]]
    manifest = json.loads((tmp_path / "checkpoints" / "1" / "MANIFEST.json").read_text())
    assert manifest["step"] == 1


@pytest.mark.parametrize(
    ("keep_last", "keep", "every", "expected"),
    [(1, [], None, [8]), (2, [], None, [7, 8]), (1, [3], None, [3, 8]), (1, [2], 3, [2, 3, 6, 8]), (9, [], None, None)],
)
def test_retention(tmp_path: Path, keep_last: int, keep: list[int], every: int | None, expected: list[int]) -> None:
    saved(tmp_path, *range(1, 9))
    prune(tmp_path, 8, keep_last, keep, every)
    assert kept(tmp_path) == (expected or list(range(1, 9)))


def test_a_step_beyond_the_present_one_was_superseded(tmp_path: Path) -> None:
    saved(tmp_path, 2, 4, 9)
    prune(tmp_path, 4, 1, [], None)
    assert kept(tmp_path) == [4]


def test_the_best_evaluation_keeps_its_checkpoint(tiny: Experiment) -> None:
    snapshots = Snapshots(keep_last=1, keep_best=("val_subset/loss", "val_subset/accuracy"), keep_every_steps=3)
    run, training, _ = carried_out(replace(tiny, optim=replace(tiny.optim, lr=0.5), snapshots=snapshots))
    steps, losses = run.metrics.curve("val_subset/loss")
    _, accuracies = run.metrics.curve("val_subset/accuracy")
    best = {steps[losses.index(min(losses))], steps[accuracies.index(max(accuracies))]}
    assert {step for _, step in training.best.values()} == best
    assert set(run.summary["best_checkpoints"].values()) == best
    assert kept(run.folder) == sorted(best | {3, 6, 8})


def test_a_full_disk_is_recorded_and_nothing_is_lost(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _, _ = carried_out(tiny, "whole")
    run = queued(tiny)
    save_file = module.save_file

    def full(tensors: object, path: Path) -> None:
        if ".6." in str(path):
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path)

    with monkeypatch.context() as patch:
        patch.setattr(module, "save_file", full)
        with pytest.raises(DiskFull, match="no room for checkpoint 6"):
            resume(run)
    assert run.state().name == "disk_full"
    assert sorted(path.name for path in (run.folder / "checkpoints").iterdir()) == ["2", "4"]
    assert resume(run)[1] == "finished"
    assert lines(run) == lines(whole)


def test_any_other_failure_to_save_travels_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no disk problem")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(RuntimeError, match="no disk problem"):
        saved(tmp_path, 1)
    assert list((tmp_path / "checkpoints").iterdir()) == []
