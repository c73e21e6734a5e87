"""`seqlab doctor`: what this machine offers, what state the lab book is in, and what to do about each finding."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import click

from seqlab.cli import options, render
from seqlab.journal import LabBook, Run
from seqlab.journal.leftovers import Leftover, leftovers_of_book, leftovers_of_run
from seqlab.journal.quota import quota, used

LITTLE_DISK = 2_000_000_000


class Finding(NamedTuple):
    """What was looked at, what was found, and what to do; no advice: all is well."""

    what: str
    found: str
    advice: str = ""


@click.command()
@options.as_json
@options.book_option
def command(as_json: bool, runs: Path | None) -> None:
    """Look at this machine and the lab book; say what to do.

    Reads every checkpoint whole, to compare it with its manifest.
    """
    book = LabBook(runs)
    sections = {"software": _software(), "machine": _machine(), "data": _data(), "runs": _runs(book)}
    if as_json:
        render.json_out([{"section": name} | found._asdict() for name, group in sections.items() for found in group])
        return
    advised = 0
    for name, group in sections.items():
        render.heading(name.capitalize())
        findings = list(group)
        render.pairs((finding.what, finding.found) for finding in findings)
        for finding in (finding for finding in findings if finding.advice):
            advised += 1
            click.secho(render.indented(f"! {finding.what}: {finding.advice}"), fg="yellow")
    click.echo(f"\n{'All is well.' if not advised else f'{advised} to look at, marked with !'}")


def _software() -> Iterator[Finding]:
    yield Finding("python", platform.python_version())
    for package in ("torch", "numpy", "pydantic", "click", "rich", "safetensors"):
        yield Finding(package, metadata.version(package))
    yield _native_kernels()
    clients = {"pip": importlib.util.find_spec("pip") is not None, "npm": shutil.which("npm") is not None}
    for client, there in clients.items():
        advice = "" if there else "install it; some data sets come through it (`seqlab data ls`)"
        yield Finding(client, "here" if there else "not installed", advice)


def _native_kernels() -> Finding:
    from seqlab.kernels.native import compiler_version, failures

    what, version = "C++ kernels", compiler_version()
    if version is None:
        return Finding(what, "no compiler", "everything runs without it, some kernels slower; install g++")
    if failed := failures():
        found = "; ".join(f"{name}: {failure}" for name, failure in failed.items())
        return Finding(
            what,
            found,
            "torch's operations serve, slower; tried again in an hour, or once the .failed files are gone",
        )
    return Finding(what, f"usable, compiled at first use by {version}")


def _machine() -> Iterator[Finding]:
    import torch

    from seqlab.kernels.memory import available_memory
    from seqlab.train.environment import environment
    from seqlab.train.precision import fast_bfloat16

    cpu = torch.device("cpu")
    here = environment(cpu, torch.float32)
    yield Finding("processor", f"{here['processor']}, {here['cores']} cores, torch uses {here['threads']}")
    yield Finding("memory", f"{render.size(available_memory(cpu))} free")
    yield Finding(
        "bfloat16", "native: precision=auto takes it" if fast_bfloat16(cpu) else "not native: auto is float32"
    )
    if not torch.cuda.is_available():
        yield Finding("GPU", "none: device=auto is the CPU")
    for index in range(torch.cuda.device_count()):
        device = torch.device("cuda", index)
        free = render.size(available_memory(device))
        yield Finding(f"GPU {index}", f"{torch.cuda.get_device_name(device)}, {free} free")


def _data() -> Iterator[Finding]:
    from seqlab.data import cards, fetch
    from seqlab.places import cache_folder, is_writable

    folder = cache_folder()
    advice = "" if is_writable(folder) else "it cannot be written; set SEQLAB_CACHE to another folder"
    yield Finding("cache", str(folder), advice)
    for name in cards.names():
        here, card = fetch.present(name), cards.card(name)
        size = render.size(card.package.size)
        yield Finding(name, "here" if here else "shipped" if card.shipped else f"`seqlab data get {name}` gets {size}")


def _runs(book: LabBook) -> Iterator[Finding]:
    root = next(path for path in (book.root, *book.root.parents) if path.exists())
    free = shutil.disk_usage(root).free
    yield Finding(
        "disk", f"{render.size(free)} free", "" if free > LITTLE_DISK else "free some space before a long run"
    )
    writable = os.access(root, os.W_OK)
    yield Finding(
        "folder", str(book.root), "" if writable else "it cannot be written; set SEQLAB_RUNS to another folder"
    )
    limit = quota(book.root)
    if limit is not None:
        left = limit - used(book.root)
        advice = "" if left > limit // 10 else "`seqlab gc` shows what takes it; a run that does not fit is refused"
        yield Finding("quota", f"{render.size(limit)}, {render.size(max(left, 0))} left", advice)
    yield from _left_behind(leftovers_of_book(book))
    runs = book.runs()
    yield Finding("runs", f"{len(runs)} ({len(book.runs(archived=True))} more in the archive)")
    for run in runs:
        yield from _health(run)


def _left_behind(leftovers: Sequence[Leftover], what: str = "leftovers") -> Iterator[Finding]:
    for leftover in leftovers:
        found = f"{leftover.path.name}: {leftover.what}, {render.size(leftover.bytes)}"
        yield Finding(what, found, "a killed process left it; `seqlab gc --what leftovers` removes it")


def _health(run: Run) -> Iterator[Finding]:
    from seqlab.train.checkpoint import checkpoints

    if told := run.damage():
        yield Finding(run.name, told, f"until then it cannot be listed; nothing else of {run.name} was looked at")
        return
    state = run.state()
    if state.name != "running":
        yield from _left_behind(leftovers_of_run(run), run.name)
    if state.name in ("crashed", "lost"):
        yield Finding(run.name, f"{state.name}: {state.evidence}", f"`seqlab resume {run.name}` goes on")
    if run.metrics.damaged:
        yield Finding(run.name, f"{run.metrics.damaged} lines of metrics.jsonl cannot be read", "they are left out")
    for checkpoint in checkpoints(run.folder):
        if fault := checkpoint.fault():
            advice = f"delete {checkpoint.folder}; an earlier checkpoint is used until then"
            yield Finding(run.name, f"checkpoint {checkpoint.step} is not usable: {fault}", advice)
