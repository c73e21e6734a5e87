"""`seqlab diff`: what two runs have not in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.journal import LabBook, Run

Pair = tuple[Any, Any]


@click.command()
@click.argument("a", metavar="A", type=options.RunName())
@click.argument("b", metavar="B", type=options.RunName())
@options.as_json
@options.book_option
def command(a: str, b: str, as_json: bool, runs: Path | None) -> None:
    """Compare two runs: fields, data, environment, results.

    Works on the records alone, so also for parts that no longer exist.
    """
    from seqlab.spec import diff

    book = LabBook(runs)
    left, right = book.open(a), book.open(b)
    fields = diff(left.experiment, right.experiment)
    origins = left.origin, right.origin
    data = _differing(*(origin.get("data", {}) for origin in origins))
    environment = _differing(*(_environment(origin) for origin in origins))
    results = _results(left, right)
    if as_json:
        sections = {"experiment": fields, "data": data, "environment": environment, "results": results}
        render.json_out({"a": left.name, "b": right.name, **sections})
        return
    names = (left.name, right.name)
    _print("Experiment", fields, names, "the experiments are the same")
    _print("Data", {name: (_short(x), _short(y)) for name, (x, y) in data.items()}, names)
    _print("Environment", environment, names)
    _print_results(results, names)


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Pair]:
    return {key: (a.get(key), b.get(key)) for key in {**a, **b} if a.get(key) != b.get(key)}


def _environment(origin: Mapping[str, Any]) -> dict[str, Any]:
    return {**origin.get("environment", {}), "recipe": origin.get("recipe"), "git_commit": origin.get("git_commit")}


def _results(a: Run, b: Run) -> dict[str, Pair]:
    """The numbers that either has, side by side, in the order of the first."""
    left, right = (_numbers(run) for run in (a, b))
    return {name: (left.get(name), right.get(name)) for name in {**left, **right}}


def _numbers(run: Run) -> dict[str, Any]:
    summary = run.summary
    ours = ("step", "parameters", "wall_seconds", "tokens_per_second", "peak_memory_bytes")
    own = {name: summary[name] for name in ours if name in summary}
    measured = {k: v for k, v in run.metrics.last.items() if k.partition("/")[0] not in ("speed", "memory")}
    return measured | own


def _print(title: str, pairs: Mapping[str, Pair], names: tuple[str, str], if_same: str = "") -> None:
    if not pairs and not if_same:
        return
    render.heading(title)
    if pairs:
        rows = [[name, shown(a), shown(b)] for name, (a, b) in pairs.items()]
        render.table(["", *names], rows, left=["", *names])
    else:
        click.echo(f"  {if_same}")


def _print_results(results: Mapping[str, Pair], names: tuple[str, str]) -> None:
    render.heading("Results")
    rows = []
    for name, (a, b) in results.items():
        rows.append([name, *render.apart(a, b), _change(a, b)])
    render.table(["", *names, "change"], rows, left=[""])


def _change(a: float | None, b: float | None) -> str:
    if a is None or b is None or a == b:
        return ""
    return f"{'+' if b > a else '-'}{render.figure(abs(b - a))}"


def shown(value: Any) -> str:
    return value["part"] if isinstance(value, dict) and "part" in value else render.plain(value)


def _short(digest: str | None) -> str:
    return f"sha256 {digest[:12]}" if digest else "(absent)"
