"""A run carried out again, from the record alone, beginning with the very weights that it began with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqlab.journal import LabBook, Run
from seqlab.train.checkpoint import CheckpointError
from seqlab.train.environment import differences, environment, git_state
from seqlab.train.forecast import refuse_beyond_quota
from seqlab.train.fork import read_weights
from seqlab.train.inherit import inherit, inherit_weights
from seqlab.train.load import experiment_of
from seqlab.train.saving import give_weights
from seqlab.train.start import Prepared, assembled, must_be_the_same_data, recorded_start
from seqlab.train.training import Training

__all__ = ["repeated"]


def repeated(run: Run, book: LabBook) -> tuple[Prepared, list[str]]:
    """A run's experiment, built again from its record, and what has changed since in versions, machine and code.

    Raises CheckpointError when the data, or the checkpoint that it began with, is no longer what it was.
    """
    prepared = assembled(experiment_of(run), book)
    refuse_beyond_quota(prepared.forecast)
    must_be_the_same_data(run, prepared)
    return _begun_as(run, prepared), _changes_since(run, prepared.training)


def _begun_as(run: Run, prepared: Prepared) -> Prepared:
    """The same start: from the checkpoint of the same parent, step and parts, from the same file, or from the seed."""
    t, start = prepared.training, {**(run.parent or {}), "rerun_of": run.name}
    match start.get("kind"):
        case "fork":
            inherit(t, recorded_start(run, prepared.book), start["inherited"])
            return replace(prepared, start=start, has_begun=True)
        case "file":
            file, weights, digest = read_weights(Path(start["run"]))
            if digest != start["checkpoint"]:
                raise CheckpointError(f"{file} is no longer the file that {run.name} began with (its SHA-256 differs).")
            inherit_weights(t, weights)
            return replace(prepared, start=start, has_begun=True)
    if prepared.experiment.start_from is not None:
        give_weights(t, recorded_start(run, prepared.book).weights(averaged=True))
        return replace(prepared, start=start)
    return replace(prepared, start={"kind": "rerun", "run": run.name, "run_id": run.id, "step": 0, "inherited": []})


def _changes_since(run: Run, t: Training) -> list[str]:
    origin = run.origin
    changed = differences(origin.get("environment", {}), environment(t.device, t.dtype), every=True)
    git = git_state(Path.cwd())
    commit = git["commit"] if git is not None else None
    if origin.get("git_commit") != commit:
        changed.append(f"git commit of the working folder: {origin.get('git_commit')} -> {commit}")
    return changed
