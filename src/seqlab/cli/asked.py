"""A set of questions, asked of a run's model or of a file of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli.writer import is_folder, writer_of
from seqlab.spec import find, override, to_json
from seqlab.spec.override import field_types

if TYPE_CHECKING:
    from torch import nn

    from seqlab.data.symbols import Symbols
    from seqlab.evaluations import Examination
    from seqlab.journal import Run

__all__ = ["ask"]

Asked = tuple["nn.Module", "Symbols", dict[str, Any], "Run | None"]
"""A model, its alphabet, what it is called in a result, and the run it belongs to."""


def ask(
    source: str, name: str, questions: Path | None, changes: Sequence[str], recipe: str | None, runs: Path | None
) -> tuple[dict[str, Any], Run | None]:
    """The result as JSON, and the run that it belongs to; None where the model is that of a file."""
    from seqlab.evaluations import OfCouplings

    kind = find("evaluations", name)
    if issubclass(kind, OfCouplings):
        from seqlab.cli.judged import judge

        return judge(kind, name, source, questions, changes, runs)
    if questions is None:
        raise click.UsageError(f"`{name}` needs the file of its questions: --file FILE.")
    settings: dict[str, Any] = {"file": str(questions)}
    if is_folder(source):
        _nothing_more(changes, recipe)
        model, symbols, told, run = _of_folder(source)
        settings |= {"begin": told["begin"]} if "begin" in field_types(kind) else {}
    elif Path(source).exists():
        model, symbols, told, run = _of_file(Path(source), changes, recipe)
    else:
        _nothing_more(changes, recipe)
        model, symbols, told, run = _of_run(source, runs)
    evaluation: Examination = kind(**settings)  # type: ignore[assignment]
    answers = evaluation.ask(model, symbols)
    found = {**told, "evaluation": name, "data": dict(answers.fingerprints), **answers.measured}
    return found | {"measured": list(answers.measured), "remarks": list(answers.remarks)}, run


def _nothing_more(changes: Sequence[str], recipe: str | None) -> None:
    if changes or recipe is not None:
        told = changes[0] if changes else "--recipe"
        raise click.UsageError(
            f"{told}: a run and a folder have their settings; they are given only for a file of weights."
        )


def _of_folder(source: str) -> Asked:
    writer = writer_of(source, None, None, {})
    for sentence in writer.remarks:
        click.echo(sentence, err=True)
    if writer.symbols is None:
        raise click.ClickException(f"{source} has no tokenizer.json, which a text needs; put the model's own there.")
    told = {"run": writer.title, "step": None, "checkpoint": None, "settings": None, "begin": writer.begin}
    return writer.model, writer.symbols, told, None


def _of_run(source: str, runs: Path | None) -> Asked:
    from seqlab.data.symbols import from_json
    from seqlab.journal import LabBook
    from seqlab.journal.names import at_step
    from seqlab.train.load import load_model

    name, step = at_step(source)
    run = LabBook(runs).open(name)
    model, checkpoint, skipped = load_model(run, step)
    for sentence in skipped:
        click.echo(sentence, err=True)
    if "symbols" not in run.origin.get("assets", {}):
        raise click.ClickException(f"{run.name} is no language model with an alphabet of its own; ask another run.")
    told = {"run": run.name, "step": checkpoint.step, "checkpoint": checkpoint.digest(), "settings": None}
    return model, from_json(run.origin["assets"]["symbols"]), told, run


def _of_file(path: Path, changes: Sequence[str], recipe: str | None) -> Asked:
    from seqlab.published import format_of
    from seqlab.train.fork import read_weights

    file, weights, digest = read_weights(path)
    published = format_of(weights)
    told: dict[str, Any] = {"run": str(file), "step": None, "checkpoint": digest}
    if published is not None and recipe is None:
        from seqlab.data.tokenizer import Tokenizer

        given = published.with_settings(changes)
        found = given.translated(weights)
        settings = {"format": to_json(given), "model": to_json(found.model), **asdict(found.signature)}
        model = _filled(found.model.build(found.signature), found.weights)
        return model, Tokenizer(given.tokenizer), told | {"settings": settings}, None
    ours = weights if published is None else published.renamed(weights)
    return (*_by_recipe(file, ours, changes, recipe), told, None)


def _by_recipe(file: Path, weights: Any, changes: Sequence[str], recipe: str | None) -> tuple[nn.Module, Symbols]:
    from seqlab.data.symbols import from_json
    from seqlab.recipes import find_recipe

    if recipe is None:
        raise click.UsageError(f"{file} is of no published format: say which experiment its weights are of (--recipe).")
    experiment = override(find_recipe(recipe).build(), list(changes))
    task = experiment.task.prepare()
    assets = task.assets()
    if "symbols" not in assets:
        raise click.ClickException(f"{recipe} trains no language model with an alphabet; take another recipe.")
    return _filled(experiment.model.build(task.signature), weights), from_json(assets["symbols"])


def _filled(model: nn.Module, weights: Any) -> nn.Module:
    from seqlab.train.saving import fill

    fill(model, weights)
    return model.eval()
