"""`seqlab eval`: score a run's model on its task or on another text, or ask any model a set of questions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.journal import Run
    from seqlab.tasks import PreparedTask


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FOLDER|FILE", type=options.RunName())
@click.argument("words", nargs=-1, metavar="[EVALUATION] [FIELD=VALUE]...")
@click.option(
    "--file",
    "questions",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The questions of an evaluation, or its text.",
)
@click.option("--recipe", metavar="RECIPE", help="The experiment, where the source is a file of weights of ours.")
@click.option("--split", default="val", show_default=True, help="The held-out split: val, or test where there is one.")
@click.option("--task", "number", metavar="N", type=click.IntRange(min=1), help="Of a stream [default: the last task].")
@options.as_json
@options.book_option
def command(
    source: str, words: tuple[str, ...], questions: Path | None, recipe: str | None, split: str, number: int | None,
    as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Score a model on held-out data, in float32.

    Without EVALUATION it is a run's task; `task.path=FILE` scores the run on another text, and so on for every field of
    the task. `text --file F` reads a whole text, with the model of a run or of a folder of another program, and tells
    bits per byte. `lambada --file lambada_test.jsonl` asks LAMBADA's questions, of those or of a file of weights: a
    published checkpoint, whose settings that no shape tells are given as FIELD=VALUE, or one of ours with --recipe. The
    result of a run is kept in its folder, in eval/.
    """
    from seqlab.cli.asked import ask

    if words and "=" not in words[0]:
        found, run = ask(source, words[0], questions, words[1:], recipe, runs)
        _show(run, found, as_json, _print_answers)
        return
    if questions is not None or recipe is not None:
        raise click.UsageError("--file and --recipe go with an evaluation: `seqlab eval RUN lambada --file F`.")
    found, run = _on_its_task(source, words, split, number, runs)
    _show(run, found, as_json, lambda shown, place: _print(shown, split, place))


def _on_its_task(
    source: str, changes: tuple[str, ...], split: str, number: int | None, runs: Path | None
) -> tuple[dict[str, Any], Run]:
    from seqlab.journal import LabBook
    from seqlab.train.load import experiment_of, load_model

    name, step = options.RunAtStep().convert(source, None, click.get_current_context())
    run = LabBook(runs).open(name)
    _only_the_task(changes)
    experiment = experiment_of(run)
    model, checkpoint, skipped = load_model(run, step)
    for sentence in skipped:
        click.echo(sentence, err=True)
    task = _task(experiment, changes)
    _same_alphabet(run, task)
    if split not in task.splits():
        raise click.ClickException(f"the task has no split `{split}`; it has {', '.join(task.splits())}.")
    if number is not None and number > task.stages:
        raise click.UsageError(f"--task {number}: {run.name} has {task.stages} task{'s' if task.stages > 1 else ''}.")
    scored = task.evaluate(model, split, **_of_stream(task, number))
    measured = {f"{split}/{name}": float(value) for name, value in scored.items()}
    return {
        "run": run.name,
        "step": checkpoint.step,
        "checkpoint": checkpoint.digest(),
        "changes": list(changes),
        "task": (number or task.stages) if task.stages > 1 else None,
        "data": task.fingerprints,
        "metrics": measured,
        "floors": _floors(run, task, bool(changes), split),
    }, run


def _of_stream(task: PreparedTask, number: int | None) -> dict[str, Any]:
    """Which task of a stream is scored, as `evaluate` takes it; nothing where there is no stream."""
    return {"stage": (number or task.stages) - 1} if task.stages > 1 else {}


def _show(
    run: Run | None, found: dict[str, Any], as_json: bool, printed: Callable[[dict[str, Any], str], None]
) -> None:
    """Keep the result in the run's folder, where there is a run, and show it."""
    from seqlab.journal import ReadOnly

    place = ""
    try:
        place = str(_keep(run, found)) if run is not None else ""
    except ReadOnly as error:  # the lab book may be another's: the result is shown all the same
        click.echo(f"not kept: {error}.", err=True)
    if as_json:
        render.json_out(found)
    else:
        printed(found, place)


def _only_the_task(changes: tuple[str, ...]) -> None:
    for change in changes:
        if not change.startswith("task"):
            raise click.UsageError(f"`{change}`: only the task can be another one here, such as task.path=FILE.")


def _task(experiment: Any, changes: tuple[str, ...]) -> PreparedTask:
    from seqlab.spec import override

    prepared: PreparedTask = override(experiment, changes).task.prepare()
    return prepared


def _same_alphabet(run: Run, task: PreparedTask) -> None:
    """A model's symbols are numbers: with another alphabet they would mean other characters."""
    trained, given = (assets.get("symbols") or {} for assets in (run.origin.get("assets", {}), task.assets()))
    if trained == given:
        return
    if trained.get("kind") != given.get("kind"):
        raise click.ClickException(f"{run.name} reads {trained.get('kind')} and this task gives {given.get('kind')}.")
    unknown = sorted(set(given.get("alphabet", "")) - set(trained.get("alphabet", "")))
    which = f"it has {', '.join(map(repr, unknown[:5]))}, which the model never saw" if unknown else "it lacks some"
    raise click.ClickException(
        f"the alphabet of this text is not the one that {run.name} was trained with ({which}); "
        "a run with task.symbols=bytes can be scored on any text."
    )


def _floors(run: Run, task: PreparedTask, changed: bool, split: str) -> dict[str, Any]:
    """The floors, which are of the validation split; those that take seconds only where the run has measured them."""
    if split != "val":
        return {}
    return {**task.floors(), **({} if changed else run.summary.get("floors", {}))}


def _keep(run: Run, found: dict[str, Any]) -> Path:
    from seqlab.journal.clock import now
    from seqlab.journal.files import clearly, replace_json

    time = now()
    place = run.folder / "eval" / f"{time[:19].replace(':', '')}-{time[20:26]}.json"
    with clearly(place.parent):
        place.parent.mkdir(exist_ok=True)
    replace_json(place, {"time": time, **found})
    return place


def _print(found: dict[str, Any], split: str, place: str) -> None:
    from seqlab.cli.results import print_floors

    data = f" on {', '.join(found['data'])}" if found["data"] else ""
    click.echo(f"{click.style(found['run'], bold=True)} at step {found['step']:,}{data} ({split})\n")
    print_floors(found["floors"], {name.partition("/")[2]: value for name, value in found["metrics"].items()}, split)
    if place:
        click.echo(f"\n  {place}")


def _print_answers(found: dict[str, Any], place: str) -> None:
    data = f" ({', '.join(found['data'])})" if found["data"] else ""
    which = click.style(found["run"], bold=True) + (f" at step {found['step']:,}" if found["step"] is not None else "")
    click.echo(f"{which}: {found['evaluation']}{data}\n")
    render.pairs((name, render.figure(found[name])) for name in found["measured"])
    if found["settings"] is not None:
        given = {name: value for name, value in found["settings"]["format"].items() if name not in ("part", "schema")}
        click.echo(f"\n  as given: {', '.join(f'{name}={value}' for name, value in given.items())}")
        click.echo(f"  from the shapes: {_shapes(found['settings'])}")
    for remark in found["remarks"]:
        click.echo(f"  ! {remark}")
    if place:
        click.echo(f"\n  {place}")


def _shapes(settings: dict[str, Any]) -> str:
    model = settings["model"]
    told = {"layers": len(model["layers"]), "dim": model["dim"]}
    told |= {name: settings[name] for name in ("vocabulary", "length")}
    return ", ".join(f"{name}={value}" for name, value in told.items())
