"""Seconds to 1.88 nats a character on tinyshakespeare, beside nanoGPT's public CPU recipe (needs --path FILE)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from seqlab.bench import Options, Row
from seqlab.bench.shared import processes
from seqlab.bench.shared.timing import Timing, ratio
from seqlab.journal import LabBook

__all__ = ["measure"]

GOAL = 1.88
"""Nats a character on the whole validation split, the last tenth of the text."""
RECIPE, PEER = "demo:shakespeare", "nanoGPT's CPU recipe"
QUICK_STEPS = 4

Reached = tuple[float, float, float]
"""Seconds from the start of the process to the goal (or to the end), the last loss, tokens a second of the process."""


def measure(options: Options) -> list[Row]:
    """Whole processes, import, data, floors, checkpoints and one full evaluation included, one seed after the other
    and both recipes in turn. The peer is evaluated more often, which is not counted."""
    if options.path is None:
        raise ValueError("shakespeare needs its text: `--path FILE`, tinyshakespeare's 1,115,394 bytes.")
    trainers: dict[str, Callable[[Options, int], Reached]] = {RECIPE: _ours, PEER: _peer}
    reached: dict[str, list[Reached]] = {name: [] for name in trainers}
    for seed in range(options.seeds):
        for name in list(trainers) if seed % 2 == 0 else list(reversed(trainers)):
            reached[name].append(trainers[name](options, seed))
    times = {name: Timing(tuple(seconds for seconds, _, _ in found)) for name, found in reached.items()}
    return [_row(name, reached[name], times[name], times[PEER]) for name in trainers]


def _row(name: str, reached: list[Reached], timing: Timing, peer: Timing) -> Row:
    losses = [loss for _, loss, _ in reached]
    missed = sum(loss > GOAL for loss in losses)
    also = {"val loss": Timing(tuple(losses)).median, "tokens/s": Timing(tuple(rate for *_, rate in reached)).median}
    note = f"{missed} of {len(losses)} ended above {GOAL}: the time is that of the end" if missed else ""
    return timing.row(name, "s", ratio=ratio(timing, peer).median, peer=PEER, also=also, note=note)


def _ours(options: Options, seed: int) -> Reached:
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        short = [f"budget.steps={QUICK_STEPS}"] * options.quick
        changes = [f"task.path={options.path}", f"seed={seed}", *short]
        told = ["--plain", "--name", "measured", "--runs", folder]
        processes.run(processes.module("seqlab.cli.main", "run", RECIPE, *changes, *told))
        run = LabBook(Path(folder)).open("measured")
        lines = [line for line in run.metrics.lines() if "val/loss" in line]
    at = next((line for line in lines if line["val/loss"] <= GOAL), lines[-1])
    return at["wall_seconds"], lines[-1]["val/loss"], at["tokens"] / at["wall_seconds"]


def _peer(options: Options, seed: int) -> Reached:
    steps = QUICK_STEPS if options.quick else options.peer_steps
    arguments = [str(options.path), "--seed", str(seed), "--steps", str(steps)]
    printed = processes.run(processes.module("seqlab.bench.shared.peer", *arguments))
    lines = [json.loads(line) for line in printed.splitlines()]
    at = next((line for line in lines if line["loss"] <= GOAL), lines[-1])
    return at["seconds"], lines[-1]["loss"], at["tokens"] / at["seconds"]
