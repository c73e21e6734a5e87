"""What is printed when a training has ended, and what is asked then: the record, a sample, what to do next."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from pathlib import Path

import click

from seqlab.api import TrainedRun
from seqlab.cli import errors, options, render
from seqlab.cli.results import best_known, print_floors
from seqlab.data.symbols import StreamDecoder, from_json
from seqlab.generation.sampling import Sampling
from seqlab.journal import Run
from seqlab.journal.notes import VERDICTS
from seqlab.journal.removal import drop
from seqlab.journal.state import exit_code
from seqlab.train.training import Training

__all__ = ["conclude", "drop_if_short"]

PROMPT_SYMBOLS = 32
SAMPLE_SYMBOLS = 160
SUGGESTED_CHARACTERS = 10
SAMPLE_TEMPERATURE = 0.8

RESUMABLE = ("stopped", "preempted", "timed_out")


def conclude(run: Run, training: Training, state: str, runs: Path | None) -> None:
    """Print the short record of a training that ended in `state`, and end the process with its exit code."""
    print_record(run, state)
    prompt = _held_out_text(run, training)
    if state == "finished" and prompt:
        print_sample(run, prompt)
    render.heading("Next")
    for suggestion in _suggestions(run.name, state, prompt):
        click.echo(f"  seqlab {suggestion}{options.flag_of_runs(runs)}")
    if state == "stopped" and sys.stdin.isatty() and sys.stdout.isatty():
        with suppress(click.Abort):  # Ctrl-C again: nothing to say
            ask_for_note(run)
    click.get_current_context().exit(exit_code(state))


def drop_if_short(run: Run, least: float, state: str) -> None:
    """Remove a run that took fewer seconds than `least`, say so, and end the process with its exit code."""
    seconds = run.summary["wall_seconds"]
    if seconds >= least:
        return
    drop(run)
    click.echo(f"\n{run.name} {state} after {render.duration(seconds)}, less than {least:g} s: dropped, as asked.")
    click.get_current_context().exit(exit_code(state))


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


def _held_out_text(run: Run, training: Training) -> str:
    """The beginning of the validation text, for a language model to go on from; "" for any other model."""
    if "symbols" not in run.origin.get("assets", {}) or not hasattr(training.model, "prefill"):
        return ""
    decoder = StreamDecoder(from_json(run.origin["assets"]["symbols"]))
    symbols = training.task.held_out_inputs(1)[0][0, :PROMPT_SYMBOLS]
    return decoder.feed(symbols.cpu().numpy()).strip("\N{REPLACEMENT CHARACTER}")


def print_sample(run: Run, prompt: str) -> None:
    """Print what the newest checkpoint writes after some held-out text.

    A model that cannot write, such as one with a mixer of one's own that has no steps yet, was trained all the same.
    """
    try:
        text = TrainedRun(run.folder).generate(prompt, symbols=SAMPLE_SYMBOLS, sampling=Sampling(SAMPLE_TEMPERATURE))
    except Exception as error:
        click.echo(f"\nNo sample: {errors.sentence(error) or f'{type(error).__name__}: {error}'}")
        return
    render.heading(f"Sample (held-out text | the model at temperature {SAMPLE_TEMPERATURE})")
    shown = "".join(character if character.isprintable() or character == "\n" else "·" for character in text)
    click.echo(render.indented(f"{prompt}|{shown}"))


def ask_for_note(run: Run) -> None:
    """Ask what the person who stopped the run makes of it; Enter skips."""
    click.echo()
    verdict = click.prompt(
        f"Verdict: {', '.join(VERDICTS)} (Enter skips)",
        type=click.Choice([*VERDICTS, ""]), default="", show_default=False, show_choices=False,
    )  # fmt: skip
    text = click.prompt("Note (Enter skips)", default="", show_default=False)
    if verdict or text.strip():
        run.note(text, verdict or None)


def _suggestions(name: str, state: str, prompt: str) -> list[str]:
    show, note = f"show {name}", f'note {name} "..." --verdict'
    if state == "finished":
        write = [f"generate {name} --prompt {shlex.quote(prompt[:SUGGESTED_CHARACTERS])}"] if prompt else []
        return [show, *write, f"{note} works"]
    if state in RESUMABLE:
        return [f"resume {name}", show, f"{note} inconclusive"]
    return [show, f"tail {name}", f"{note} fails"]
