"""A small lab book as researchers leave it: made by the journal's own functions, and read by browsers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from seqlab.journal import LabBook, Run, planning
from seqlab.journal.generations import add_generation
from seqlab.journal.looks import records_of
from seqlab.sweeps.queue import Queue
from seqlab.sweeps.record import Sweep, Trial
from seqlab.web.app import make_app

HOST = "http://127.0.0.1:8350"
FROM_HERE = {"origin": HOST}
FLOORS = {"uniform": {"nats_per_symbol": 5.5}, "bigram": {"nats_per_symbol": 2.4}}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000 1f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082".replace(" ", "")
)
STEPS = 12


def browser(book: LabBook, token: str | None = None, host: str = HOST) -> TestClient:
    """A browser without the network; it does not follow where a write sends it."""
    return TestClient(make_app(book, token), base_url=host, follow_redirects=False)


def experiment(lr: float, seed: int = 0, **more: Any) -> dict[str, Any]:
    """A saved experiment, as far as pages read it."""
    layer = {"part": "models/block", "mixer": {"part": "mixers/tdln", "heads": 2}}
    return {
        "schema": 1, "part": "experiment:Experiment", "seed": seed,
        "optim": {"part": "optim/optimisers/adamw", "lr": lr},
        "model": {"part": "models/lm", "dim": 32, "layers": [layer, layer]}, **more,
    }  # fmt: skip


def trained(
    book: LabBook, name: str, lr: float, seed: int = 0, *, steps: int = STEPS, origin: Mapping[str, Any] | None = None,
    **made: Any,
) -> Run:  # fmt: skip
    """A run that has finished: its loss falls, and the larger the rate, the lower."""
    told = {"recipe": "demo:letters", "overrides": [f"optim.lr={lr}"], "argv": ["seqlab", "run", "demo:letters"]}
    run = book.create(experiment(lr, seed), name=name, origin={**told, **(origin or {})}, **made)
    with run.attempt() as attempt:
        for step in range(1, steps + 1):
            loss = 3.0 / (1 + step * lr * 100) + seed / 100
            place = {"epoch": step / 10, "task": 1 + step // 4, "tokens": 100 * step}
            attempt.log(
                step=step, **place, **{"train/loss": loss, "val_subset/loss": loss + 0.1, "method/reset_units": step}
            )
        attempt.summarise(step=steps, steps=steps, floors=FLOORS, parameters=1234, tokens=100 * steps)
    return run


def sweep(book: LabBook) -> Sweep:
    """Three rates and two widths, two seeds each; all have finished."""
    made = Sweep(book, "rates")
    trials = [
        Trial(f"{lr}-{dim}-{seed}", f"{lr}-{dim}", seed, {"optim.lr": lr, "model.dim": dim})
        for lr in (0.001, 0.003, 0.01) for dim in (16, 32) for seed in (0, 1)
    ]  # fmt: skip
    made.extend(
        trials, {trial.cell: experiment(trial.settings["optim.lr"]) for trial in trials}, {"recipe": "demo:letters"}
    )
    for trial in trials:
        lr = trial.settings["optim.lr"] + trial.settings["model.dim"] / 1e5
        run = trained(
            book, f"rates-{trial.cell}-{trial.seed}", lr, trial.seed, steps=4,
            origin={"sweep": {"name": "rates", "trial": trial.id}},
        )  # fmt: skip
        Queue(made).started(trial, run.name, run.id)
    return made


def whole(root: Path) -> LabBook:
    """One of everything that pages show."""
    book = LabBook(root)
    first = trained(book, "calm-lake-1", 0.01, why="does it <b>learn</b>?", tags=["demo"], audits=AUDITS)
    trained(book, "calm-lake-2", 0.01, 1)
    parent = {"run": first.name, "run_id": first.id, "step": 6, "inherited": ["weights", "progress"]}
    child = trained(book, "quiet-hill-3", 0.02, parent=parent | {"took_effect": ["optim.lr 0.01 -> 0.02 took effect"]})
    first.note("It falls to a third.", "works")
    child.note("<script>alert(1)</script> and <i>markup</i>")
    sweep(book)
    planning.add(book, "a wider window")
    planning.link(book, 1, [first.name])
    _looks(first)
    benchmarks(book)
    (first.folder / "samples").mkdir()
    (first.folder / "samples" / "reconstructions.png").write_bytes(PNG)
    for text in ("The first text", "The second text"):
        told = {"title": first.name, "dtype": "float32", "stop_reason": "count", "settings": {"seed": len(text)}}
        add_generation(book, {**told, "prompt": "The ", "prompt_ids": [1], "text": text, "output_ids": [2, 3]})
    return book


AUDITS = {
    "before": [{"name": "causality", "status": "pass", "message": "nothing moves", "seconds": 0.1}],
    "trained": [{"name": "too_good", "status": "warn", "message": "loss is low", "seconds": 0.1}],
}


def benchmarks(book: LabBook) -> None:
    """Two lines, measured three times; the numbers are made up."""
    (book.root / ".bench").mkdir()
    for day, seconds in ((1, 0.31), (2, 0.28), (3, 0.24)):
        rows = [
            {"what": "a step of 1,024 tokens", "value": seconds, "unit": "s", "spread": 0.04, "target": 0.25,
             "misses": seconds > 0.25, "ratio": 0.25 / seconds, "peer": "torch"},
            {"what": "a token generated", "value": seconds / 100, "unit": "s", "spread": 0.1,
             "also": {"tokens/s": 100 / seconds}},
        ]  # fmt: skip
        told = {
            "time": f"2026-11-0{day}T10:00:00+00:00",
            "machine": {"processor": "made up", "threads": 1, "idle": True},
        }
        (book.root / ".bench" / f"2026-11-0{day}.json").write_text(json.dumps(told | {"benchmarks": {"example": rows}}))


def _looks(run: Run) -> None:
    """What two probes saw, at four steps."""
    lines: dict[str, str] = {}
    for step in (3, 6, 9, 12):
        seen = {
            f"attention/after_update/blocks.{layer}": {"entropy": 1.0 / step + layer, "heads": [0.1, 0.5, step / 12]}
            for layer in (0, 1)
        }
        for probe, line in records_of(1, step, seen).items():
            lines[probe] = lines.get(probe, "") + f"{line}\n".replace("'", '"')
    (run.folder / "probes").mkdir()
    for probe, text in lines.items():
        (run.folder / "probes" / f"{probe}.jsonl").write_text(text)
