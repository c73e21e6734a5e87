"""`seqlab show`: everything the record says of one run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqlab.cli import options, render
from seqlab.cli.audited import counted, warnings
from seqlab.cli.card import print_card
from seqlab.cli.computed import Computed, cell_options
from seqlab.cli.folder import show_folder
from seqlab.cli.results import best_known, print_floors
from seqlab.cli.writer import is_folder
from seqlab.journal import LabBook, Run
from seqlab.journal.facts import run_facts
from seqlab.journal.taint import taints

ROUTINE = ("checkpoint", "alarm")
"""Events that say nothing but that all went well, or what another section says."""


@click.command()
@click.argument("name", metavar="RUN|FOLDER", type=options.RunName())
@cell_options
@options.as_json
@options.book_option
def command(name: str, computed: Computed, as_json: bool, runs: Path | None) -> None:
    """Show one run: result and floors, model, data, time, notes.

    Of a folder of another program it shows the architecture, how it would be computed (with --kernel, --chunk and
    --state-dtype), what memory its weights need in every dtype, and with which symbols its texts begin and end; no
    weights are read.
    """
    if is_folder(name):
        show_folder(Path(name), computed, as_json)
        return
    if computed:
        raise click.UsageError(
            "--kernel, --chunk and --state-dtype go with a folder; a run has them in its experiment."
        )
    book = LabBook(runs)
    run = book.open(name)
    facts = run_facts(run, taints([*book.everything(), run]).get(run.name))
    if as_json:
        render.json_out(facts)
        return
    _print_head(run, facts)
    _print_result(facts)
    if facts["origin"].get("by") == "fit":
        _print_fit(facts["experiment"]["config"], facts["summary"].get("fit", {}))
    _print_audits(facts["audits"])
    _print_model(facts)
    _print_cost(facts)
    _print_history(facts)
    _print_notes(facts)


def _print_head(run: Run, facts: dict[str, Any]) -> None:
    click.echo(f"{click.style(run.name, bold=True)}  {facts['state']}")
    origin, parent = facts["origin"], facts["parent"]
    changed = " ".join(origin.get("overrides", []))
    render.pairs(
        [
            ("evidence", facts["evidence"]),
            ("TAINTED", facts["taint"] or ""),
            ("why", facts["why"] or ""),
            ("tags", " ".join(facts["tags"])),
            ("verdict", facts["verdict"] or ""),
            ("recipe", f"{origin.get('recipe') or ''} {changed}".strip()),
            ("parent", _descent(parent) if parent else ""),
            ("inherits", ", ".join(parent.get("inherited", [])) if parent else ""),
            ("changed", "; ".join(parent.get("took_effect", [])) if parent else ""),
            ("imported from", "\n".join(source["path"] for source in origin.get("imported_from", ()))),
            ("folder", facts["folder"]),
        ]
    )


def _descent(parent: dict[str, Any]) -> str:
    if parent.get("kind") == "rerun":
        return f"{parent['run']}, carried out again"
    return str(parent["run"]) if parent.get("kind") == "file" else f"{parent['run']} at step {parent['step']}"


def _print_result(facts: dict[str, Any]) -> None:
    phase, result = best_known(facts["metrics"]["last"])
    if facts["origin"].get("by") or not (facts["floors"] or result):  # a loss of another program has a unit of its own
        last = facts["metrics"]["last"]
        if last:
            render.heading("Last values")
            render.pairs((name, render.figure(value)) for name, value in last.items())
        return
    render.heading(f"Result at step {render.step_of(facts['step'], facts['summary'].get('steps'))}")
    print_floors(facts["floors"], result, phase)
    best = facts["metrics"]["best"].get("val_subset/loss")
    if best:
        click.echo(
            f"  best on the subset: {render.figure(best['value'])} at step {best['step']:,}{_best_accuracy(facts)}"
        )
    if facts["metrics"]["damaged"]:
        click.echo(f"  {facts['metrics']['damaged']} lines of metrics.jsonl cannot be read and were left out")


def _best_accuracy(facts: dict[str, Any]) -> str:
    """Where the accuracy was best, if that is another step than that of the best loss."""
    loss, accuracy = (facts["metrics"]["best"].get(f"val_subset/{name}") for name in ("loss", "accuracy"))
    if not accuracy or accuracy["step"] == loss["step"]:
        return ""
    return f"; by accuracy {render.figure(accuracy['value'])} at step {accuracy['step']:,}"


def _print_fit(config: dict[str, Any], found: dict[str, Any]) -> None:
    """What `seqlab fit` was told, but for what was left as nothing, and what it found."""
    given = {**{key: value for key, value in config.items() if key != "fit"}, **config["fit"]}
    render.heading("Settings")
    render.pairs((key, render.plain(value)) for key, value in given.items() if value is not None and key != "schema")
    if found:
        render.heading("Found")
    render.pairs(
        (key, render.plain(value) if isinstance(value, bool) else render.figure(value)) for key, value in found.items()
    )


def _print_audits(audits: dict[str, Any]) -> None:
    """How many passed before the first step and of what was trained, and what every other one found."""
    stages = {"before training": audits.get("before", []), "of what was trained": audits.get("trained", [])}
    if not any(stages.values()):
        return
    render.heading("Audits")
    render.pairs((stage, counted(findings)) for stage, findings in stages.items())
    for findings in stages.values():
        for warning in warnings(findings):
            click.secho(render.indented(f"! {warning.removeprefix('audit ')}"), fg="yellow")
    if audits.get("accepted"):
        click.echo(f"  accepted: {', '.join(audits['accepted'])}")


def _print_model(facts: dict[str, Any]) -> None:
    if "card" in facts["origin"]:
        render.heading("Model")
        print_card(facts["origin"]["card"], facts["parameters"])
    if facts["origin"].get("data"):
        render.heading("Data")
        render.pairs((name, f"sha256 {digest[:12]}") for name, digest in facts["origin"]["data"].items())


def _print_cost(facts: dict[str, Any]) -> None:
    summary = facts["summary"]
    shares = sorted(summary.get("shares", {}).items(), key=lambda item: -item[1])
    environment = facts["origin"].get("environment", {})
    sizes = [f"{name} {render.size(size)}" for name, size in facts["bytes"].items()][:3]
    render.heading("Cost")
    render.pairs(
        [
            ("time", render.duration(facts["wall_seconds"])),
            ("speed", render.per_second(facts["tokens_per_second"])),
            ("read", f"{summary['tokens']:,} tokens, {summary['epoch']:.2f} epochs" if "epoch" in summary else ""),
            ("memory", render.size(summary.get("peak_memory_bytes"))),
            ("time goes to", ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.005)),
            ("where", ", ".join(_places(environment))),
            ("kernels", "; ".join(f"{name} {', '.join(ways)}" for name, ways in summary.get("kernels", {}).items())),
            ("disk", f"{render.size(sum(facts['bytes'].values()))} ({', '.join(sizes)})"),
            ("checkpoints", ", ".join(f"{step:,}" for step in facts["checkpoints"])),
            ("removed", "\n".join(_removed(removal) for removal in facts["removed"])),
        ]
    )


def _removed(removal: dict[str, Any]) -> str:
    steps = " " + ", ".join(f"{step:,}" for step in removal["steps"]) if removal["steps"] else ""
    return f"{removal['what']}{steps}: {render.size(removal['bytes'])} on {removal['time'][:10]}"


def _places(environment: dict[str, Any]) -> list[str]:
    if not environment:
        return []
    machine = environment["processor"] if environment["device"] == "cpu" else environment["device"]
    threads = f"{environment['threads']} threads" if environment["threads"] != 1 else "1 thread"
    return [machine, threads, environment["compute_dtype"], f"torch {environment['torch']}", environment["host"]]


def _print_history(facts: dict[str, Any]) -> None:
    if facts["attempts"]:
        render.heading("Attempts")
    for attempt in facts["attempts"]:
        lease, ending = attempt["lease"] or {}, attempt["exit"] or {}
        error = ending.get("evidence", {}).get("error")
        seconds = ending.get("wall_seconds")  # unknown of an imported run whose log had no times
        took = render.duration(seconds - lease.get("seconds_before", 0.0)) if seconds is not None else ""
        told = f"{lease.get('since', '')[:16].replace('T', ' ')}  {ending.get('state', 'no exit.json')}  {took}".strip()
        click.echo(render.indented(f"{attempt['number']}  {told}{f'  {error}' if error else ''}"))
    events = [event for event in facts["events"] if event["kind"] not in ROUTINE]
    if events:
        render.heading("Events")
    for event in events:
        details = [str(value) for key, value in event.items() if key not in ("time", "attempt", "kind")]
        click.echo(
            render.indented(f"attempt {event['attempt']}  {event['kind'].replace('_', ' ')}: {' '.join(details)}")
        )


def _print_notes(facts: dict[str, Any]) -> None:
    if facts["notes"]:
        render.heading("Notes")
    for note in facts["notes"]:
        verdict = f"[{note['verdict']}] " if note["verdict"] else ""
        click.echo(render.indented(f"{note['time'][:10]}  {verdict}{note['text']}"))
