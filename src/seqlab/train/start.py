"""Start and resume runs: everything that can be wrong is found before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from seqlab.experiment import Experiment
from seqlab.journal import DiskFull, LabBook, Run
from seqlab.journal.files import replace_json
from seqlab.journal.lineage import Family
from seqlab.journal.names import at_step
from seqlab.spec import SpecError, id, to_json
from seqlab.spec.find import user_files_in
from seqlab.tasks import PreparedTask
from seqlab.train.auditor import Auditor
from seqlab.train.checkpoint import Checkpoint, CheckpointError, latest
from seqlab.train.checks import check_distribution, check_names
from seqlab.train.distributed import World
from seqlab.train.environment import command_line, environment, git_state
from seqlab.train.forecast import Forecast, forecast, refuse_beyond_quota, refuse_if_too_large
from seqlab.train.load import experiment_of, pick_checkpoint, read_weights
from seqlab.train.loop import train
from seqlab.train.precision import choose_device, choose_dtype
from seqlab.train.saving import give_weights, save
from seqlab.train.training import Training, assemble
from seqlab.train.watch import Watch

__all__ = [
    "Prepared",
    "assembled",
    "built",
    "must_be_the_same_data",
    "prepare",
    "read",
    "record",
    "recorded_start",
    "resume",
    "taken_up",
    "trained",
]


@dataclass(frozen=True)
class Prepared:
    """An experiment that was built and found to fit, and has written nothing yet."""

    experiment: Experiment
    training: Training
    forecast: Forecast
    card: dict[str, Any]
    """The model card."""
    start: dict[str, Any] | None
    """Where the weights come from, when they come from another run."""
    book: LabBook = field(repr=False)
    has_begun: bool = False
    """Whether the training holds more than its spec tells: what it inherited is kept as its first checkpoint."""


def prepare(experiment: Experiment, runs: str | Path | None = None) -> Prepared:
    """Build an experiment without writing anything; raises in one sentence what is wrong with it or does not fit."""
    prepared = assembled(experiment, LabBook(runs))
    refuse_beyond_quota(prepared.forecast)
    if experiment.start_from is None:
        return prepared
    name, step = at_step(experiment.start_from)
    parent = prepared.book.open(name)
    checkpoint, weights, _ = read_weights(parent, step)
    give_weights(prepared.training, weights)
    start = {
        "run": parent.name,
        "run_id": parent.id,
        "step": checkpoint.step,
        "checkpoint": checkpoint.digest(),
        "inherited": ["weights"],
    }
    return replace(prepared, start=start)


def assembled(experiment: Experiment, book: LabBook, world: World | None = None) -> Prepared:
    """The experiment in memory, with new weights; raises what is wrong with it or does not fit.

    world: the processes that train it together; None: this one alone."""
    task = read(experiment)
    try:
        expected = forecast(experiment, task, book.root)
    except RuntimeError as error:
        raise SpecError(
            f"the model cannot compute its loss on a batch ({type(error).__name__}: {error}); "
            "`seqlab audit` looks closer."
        ) from error
    refuse_if_too_large(expected)
    training = built(experiment, task, world)
    return Prepared(experiment, training, expected, experiment.model.card(training.model), None, book)


def read(experiment: Experiment) -> PreparedTask:
    """The task's data, found to fill a batch."""
    task = experiment.task.prepare()
    task.check_batch(experiment.batch.size)
    return task


def built(experiment: Experiment, task: PreparedTask, world: World | None = None) -> Training:
    """The model with its optimiser, every name that the experiment calls found; no forecast, which needs a loss."""
    device = choose_device(experiment.device)
    training = assemble(experiment, task, device, choose_dtype(experiment.precision, device), world)
    check_names(experiment, task, training.model)
    check_distribution(training)
    return training


def record(
    prepared: Prepared,
    *,
    name: str | None = None,
    why: str | None = None,
    tags: Sequence[str] = (),
    recipe: str | None = None,
    overrides: Sequence[str] = (),
    sources: dict[str, bytes] | None = None,
    audits: dict[str, Any] | None = None,
    sweep: dict[str, Any] | None = None,
) -> Run:
    """Make the run folder of a prepared experiment; the run is queued until `resume` or a worker takes it.

    audits: what `Auditor.before` returned; without it the run is audited when it is taken.
    sweep: the sweep that asks for the run, with cell and trial."""
    t = prepared.training
    experiment = replace(prepared.experiment, task=prepared.experiment.task.anchored())
    git = git_state(Path.cwd())
    kept = {file.kept_name: file.text for file in user_files_in(experiment)} | (sources or {})
    if git is not None and git["diff"]:
        kept["uncommitted.diff"] = git["diff"].encode()
    origin = {
        "argv": command_line(),
        "recipe": recipe,
        "overrides": list(overrides),
        "id": id(experiment),
        "environment": environment(t.device, t.dtype),
        "git_commit": git["commit"] if git is not None else None,
        "data": t.task.fingerprints,
        "notes": list(t.task.notes),
        "signature": asdict(t.task.signature),
        "assets": t.task.assets(),
        "card": prepared.card,
        "forecast": prepared.forecast.to_json(),
        "sweep": sweep,
    }
    return prepared.book.create(
        to_json(experiment),
        name=name,
        origin=origin,
        sources=kept,
        tags=tags,
        why=why,
        parent=prepared.start,
        audits=audits,
        begin=partial(_write_beginning, t) if prepared.has_begun else None,
    )


def _write_beginning(t: Training, folder: Path) -> None:
    """Write what was inherited as the first checkpoint, so that the run never needs its parent again."""
    try:
        save(t, folder)
    except DiskFull as error:
        raise DiskFull(
            "no room for the checkpoint that the run begins with: free some space, then try again"
        ) from error


def resume(
    run: Run,
    watch: Watch | None = None,
    deadline: float | None = None,
    auditor: Auditor | None = None,
    world: World | None = None,
) -> tuple[Training | None, str]:
    """Go on with a run where its last checkpoint was taken; nothing happens when it is finished.

    A run that was queued without audits is audited first. world: the processes that go on with it together, all of
    which call this; None: this one alone. Raises RunBusy when another process is at it,
    CheckpointError when the data is no longer what it was.
    """
    t = taken_up(run, auditor, world)
    return (None, "finished") if t is None else (t, train(t, run, watch, deadline, auditor))


def taken_up(run: Run, auditor: Auditor | None = None, world: World | None = None) -> Training | None:
    """A run in memory, to be trained from where it stands; None when it is finished. Raises as `resume` does."""
    if run.state().name == "finished":
        return None
    if world is None or world.size == 1:
        t = _ready(run)
        _audit(run, auditor, lambda: t)
        return t
    world.first_does(lambda: _audit(run, auditor, lambda: _ready(run)))
    return _ready(run, world)


def _ready(run: Run, world: World | None = None) -> Training:
    """What the run trains, as its record says, before it is put to where the run stands."""
    prepared = assembled(experiment_of(run), LabBook(run.folder.parent), world)
    must_be_the_same_data(run, prepared)
    if latest(run.folder)[0] is None:
        _must_begin_with_its_spec(run)
        if prepared.experiment.start_from is not None:
            give_weights(prepared.training, recorded_start(run, prepared.book).weights(averaged=True))
    return prepared.training


def _audit(run: Run, auditor: Auditor | None, ready: Callable[[], Training]) -> None:
    """Audit a run that was queued without."""
    if auditor is not None and not (run.folder / "audits.json").exists():
        replace_json(run.folder / "audits.json", auditor.before(ready()))


def must_be_the_same_data(run: Run, prepared: Prepared) -> None:
    now = prepared.training.task.fingerprints
    changed = [name for name, digest in run.origin.get("data", {}).items() if now.get(name) != digest]
    if changed:
        raise CheckpointError(
            f"{changed[0]} is no longer the file that {run.name} was trained on (its SHA-256 differs); "
            "put the old one back, or start a new run."
        )


def _must_begin_with_its_spec(run: Run) -> None:
    """Raise CheckpointError for a fork without a checkpoint: its beginning is not in its spec."""
    if run.parent is None or run.parent.get("kind") not in ("fork", "file"):
        return
    try:
        pick_checkpoint(run)
    except CheckpointError as error:
        told = str(error).removesuffix(".")
        raise CheckpointError(f"{told}; it would begin with random weights. Fork {run.parent['run']} again.") from None


def trained(run: Run, step: int | None = None) -> tuple[Training, list[str]]:
    """What a run trained, in memory with its data: the weights of the checkpoint of a step, or of the newest usable
    one, the averaged ones where there are any; and sentences about newer ones that were skipped."""
    checkpoint, weights, skipped = read_weights(run, step)
    training = assembled(experiment_of(run), LabBook(run.folder.parent)).training
    give_weights(training, weights)
    training.step = checkpoint.step
    return training, skipped


def recorded_start(run: Run, book: LabBook) -> Checkpoint:
    """The very checkpoint that a run was made to start from, though its parent may have newer ones by now."""
    recorded = run.parent or {}
    parent = Family([*book.runs(), *book.runs(archived=True)]).parent(run)
    if parent is None:
        raise CheckpointError(f"{recorded['run']}, from which {run.name} starts, is no longer in {book.root}.")
    checkpoint, _ = pick_checkpoint(parent, recorded["step"])
    if checkpoint.digest() != recorded["checkpoint"]:
        raise CheckpointError(
            f"checkpoint {checkpoint.step} of {parent.name} is no longer the one that {run.name} starts from; "
            "start a new run."
        )
    return checkpoint
