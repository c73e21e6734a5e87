"""Checkpoints: written completely or not at all, verified before they are used, kept by a stated rule.

checkpoints/<step>/ holds model.safetensors (master weights), averaged.safetensors (when there is an average),
state.pt (optimiser, schedule, progress; loadable with weights_only=True) and, written last, MANIFEST.json with the size
and SHA-256 of each file. Where processes share out one model, the optimiser's moments lie beside it as they wrote them:
`__RANK_0.distcp` and `.metadata` of torch.distributed.checkpoint. A folder without a valid manifest is no checkpoint.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from seqlab.journal import DiskFull
from seqlab.journal.checkpoints import fault, sha256, steps_of
from seqlab.journal.files import disk_is_full, sync_folder

__all__ = ["Checkpoint", "CheckpointError", "checkpoints", "latest", "prune", "write"]

Place = Callable[[str, torch.Size, torch.dtype], Tensor]
"""A tensor, by its name, size and dtype, for what is read to be put into."""

FORMAT = 1
_HEADERS = 1 << 20  # bytes; names, shapes and what a file system rounds up take less than this


class CheckpointError(Exception):
    """A checkpoint that is not there or cannot be used: one sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder of a run's checkpoints/ and the step it was taken at."""

    folder: Path
    step: int

    def fault(self) -> str | None:
        """Why this checkpoint cannot be used, or None when every file is as the manifest says."""
        return fault(self.folder)

    def digest(self) -> str:
        """SHA-256 of the manifest, which names the content of every file."""
        return hashlib.sha256((self.folder / "MANIFEST.json").read_bytes()).hexdigest()

    def weights(self, *, averaged: bool = False) -> dict[str, Tensor]:
        """The model's state dict; with `averaged`, its parameters from the running average where there is one."""
        average = self.folder / "averaged.safetensors"
        weights = load_file(self.folder / "model.safetensors")
        return weights | load_file(average) if averaged and average.exists() else weights

    def state(self, place: Place | None = None) -> dict[str, Any]:
        """Everything else, on the CPU; moments that processes wrote in shares are put into what `place` gives, by
        default whole tensors. Several processes must ask together."""
        state: dict[str, Any] = torch.load(self.folder / "state.pt", map_location="cpu", weights_only=True)
        if (self.folder / ".metadata").exists():
            from seqlab.train.sharding import read_shares

            for name, tensor in read_shares(self.folder, place).items():
                index, _, key = name.partition(".")
                state["optimiser"]["state"][int(index)][key] = tensor
        return state


def checkpoints(run_folder: Path) -> list[Checkpoint]:
    """Every checkpoint folder of a run by step, valid or not."""
    return [Checkpoint(run_folder / "checkpoints" / str(step), step) for step in steps_of(run_folder)]


def latest(run_folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint that can be used, and a sentence for each newer one that cannot."""
    skipped: list[str] = []
    for checkpoint in reversed(checkpoints(run_folder)):
        fault = checkpoint.fault()
        if fault is None:
            return checkpoint, skipped
        if not checkpoint.folder.is_dir():
            return latest(run_folder)  # the training has removed it meanwhile, and so there is a newer one
        skipped.append(f"checkpoint {checkpoint.step} is not usable: {fault}; an earlier one is used.")
    return None, skipped


def write(
    run_folder: Path,
    step: int,
    weights: dict[str, Tensor],
    state: dict[str, Any],
    averaged: dict[str, Tensor] | None,
    must_be_ours: Callable[[], None] = lambda: None,
    add: Callable[[Path], object] = lambda draft: None,
) -> tuple[Checkpoint, int]:
    """Write a checkpoint; returns it and its bytes. An older folder of the same step is replaced whole.

    add: writes more files into the folder, before the manifest.

    Raises DiskFull when there is no room for it, and what `must_be_ours` raises; a failed attempt leaves nothing.
    """
    final = run_folder / "checkpoints" / str(step)
    draft = final.with_name(f".{step}.{os.getpid()}")
    must_be_ours()
    _remove_drafts(final.parent)
    try:
        draft.mkdir(parents=True)
        add(draft)
        size = _fill(draft, step, weights, state, averaged)
        must_be_ours()
        if final.exists():
            _remove(final)
        draft.rename(final)
    except Exception as error:
        full = disk_is_full(error, run_folder, sum(tensor.nbytes for tensor in weights.values()) + _HEADERS)
        shutil.rmtree(draft, ignore_errors=True)
        must_be_ours()  # a newer attempt clears drafts away, and then this is why
        if full:
            raise DiskFull(f"no room for checkpoint {step} in {final.parent}: free some space, then resume.") from error
        raise
    sync_folder(final.parent)
    return Checkpoint(final, step), size


def _fill(
    draft: Path, step: int, weights: dict[str, Tensor], state: dict[str, Any], averaged: dict[str, Tensor] | None
) -> int:
    save_file(_plain(weights), draft / "model.safetensors")
    if averaged is not None:
        save_file(_plain(averaged), draft / "averaged.safetensors")
    torch.save(state, draft / "state.pt")
    paths = sorted(draft.iterdir())
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in paths}
    for path in paths:
        _sync(path)
    manifest = draft / "MANIFEST.json"
    manifest.write_text(json.dumps({"format": FORMAT, "step": step, "files": files}, indent=1))
    _sync(manifest)
    _sync(draft)
    return sum(path.stat().st_size for path in paths)


def _remove_drafts(folder: Path) -> None:
    """Remove what a killed or failed writer left; there is one writer at a time, the holder of the lease."""
    for draft in folder.glob(".*"):
        shutil.rmtree(draft, ignore_errors=True)


def _remove(checkpoint: Path) -> None:
    """Remove a checkpoint at once: a kill meanwhile leaves a hidden draft, never half a checkpoint."""
    hidden = checkpoint.with_name(f".{checkpoint.name}.{os.getpid()}.gone")
    checkpoint.rename(hidden)
    shutil.rmtree(hidden)


def prune(run_folder: Path, newest: int, keep_last: int, keep: Iterable[int], every: int | None) -> None:
    """Remove checkpoints but for the last `keep_last` up to `newest`, the steps in `keep`, and multiples of `every`.

    Those beyond `newest` go too: the run went back behind them because they could not be used.
    """
    steps = [checkpoint.step for checkpoint in checkpoints(run_folder) if checkpoint.step <= newest]
    kept = {*steps[-keep_last:], *keep, *(step for step in steps if every and step % every == 0)}
    for checkpoint in checkpoints(run_folder):
        if checkpoint.step not in kept:
            _remove(checkpoint.folder)


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    # safetensors refuses two names for one memory: a tied tensor is saved once, under each of its names, as a copy.
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
