"""What is printed when a training has ended, and what is asked then: the record, a sample, what to do next."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import click

from seqlab.api import TrainedRun
from seqlab.cli import errors, options, render
from seqlab.cli.results import best_known, print_floors
from seqlab.data.symbols import StreamDecoder
from seqlab.generation.sampling import Sampling
from seqlab.journal import Run
from seqlab.journal.notes import VERDICTS
from seqlab.train.training import Training

__all__ = ["conclude"]

PROMPT_SYMBOLS = 32
SAMPLE_SYMBOLS = 160
SAMPLE_TEMPERATURE = 0.8

RESUMABLE = ("stopped", "preempted", "timed_out")


def conclude(run: Run, training: Training, state: str, runs: Path | None) -> None:
    """Print the short record of a training that ended in `state`, and end the process with its exit code."""
    print_record(run, state)
    if state == "finished":
        print_sample(run, training)
    render.heading("Next")
    for suggestion in _suggestions(run.name, state, options.flag_of_runs(runs)):
        click.echo(f"  {suggestion}")
    if state == "stopped" and sys.stdin.isatty() and sys.stdout.isatty():
        ask_for_note(run)
    click.get_current_context().exit(errors.exit_code(state))


def print_record(run: Run, state: str) -> None:
    """Print how it ended, where it lies, and its result among the floors."""
    summary = run.summary
    colour = {"finished": "green", "diverged": "red", "failed": "red"}.get(state, "yellow")
    speed = f", {render.per_second(summary['tokens_per_second'])}" if summary["tokens_per_second"] else ""
    click.echo(
        f"\n{click.style(run.name, bold=True)} {click.style(state, fg=colour)} at step "
        f"{render.step_of(summary['step'], summary['steps'])} after {render.duration(summary['wall_seconds'])}{speed}"
    )
    click.echo(f"  {run.folder}\n")
    phase, result = best_known(run.metrics.last)
    print_floors(summary["floors"], result, phase)


def print_sample(run: Run, training: Training) -> None:
    """Print what a language model writes after some held-out text; other models write nothing."""
    if "symbols" not in run.origin.get("assets", {}) or not hasattr(training.model, "prefill"):
        return
    trained = TrainedRun(run.folder)
    held_out = training.task.held_out_inputs(1)[0][0, :PROMPT_SYMBOLS].cpu().numpy()
    prompt = StreamDecoder(trained.symbols).feed(held_out).strip("\N{REPLACEMENT CHARACTER}")
    written = trained.stream(prompt, symbols=SAMPLE_SYMBOLS, sampling=Sampling(temperature=SAMPLE_TEMPERATURE))
    text = "".join(islice(written, SAMPLE_SYMBOLS))
    render.heading(f"Sample (held-out text, then the model at temperature {SAMPLE_TEMPERATURE})")
    shown = "".join(character if character.isprintable() or character == "\n" else "·" for character in text)
    click.echo(render.indented(f"{prompt}|{shown}"))


def ask_for_note(run: Run) -> None:
    """Ask what the person who stopped the run makes of it; Enter skips."""
    click.echo()
    verdict = click.prompt(
        "Verdict (Enter skips)", default="", show_default=False, type=click.Choice([*VERDICTS, ""]), show_choices=True
    )
    text = click.prompt("Note (Enter skips)", default="", show_default=False)
    if verdict or text.strip():
        run.note(text, verdict or None)


def _suggestions(name: str, state: str, flag: str) -> list[str]:
    show, note = f"seqlab show {name}{flag}", f'seqlab note {name} "..." --verdict works{flag}'
    if state == "finished":
        return [show, f'seqlab generate {name} --prompt "The "{flag}', note]
    if state in RESUMABLE:
        return [f"seqlab resume {name}{flag}", show, note.replace("works", "inconclusive")]
    return [show, f"seqlab tail {name}{flag}", note.replace("works", "fails")]
