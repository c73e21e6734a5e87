"""Runs that nobody trained, as pages and writers need them."""

from __future__ import annotations

from typing import Any

from seqlab.journal import LabBook, Run

FLOORS = {"uniform": {"nats_per_symbol": 5.5}, "bigram": {"nats_per_symbol": 0.7}}
AUDITS = {
    "before": [
        {
            "name": "causality",
            "status": "pass",
            "message": "no output moves",
            "measured": {"moved": 0.0},
            "seconds": 0.1,
        },
        {"name": "floors", "status": "warn", "message": "below <the> floor", "measured": {}, "seconds": 0.1},
    ]
}


def made(book: LabBook, name: str, *losses: float, seed: int = 0, lr: float = 0.1, **more: Any) -> Run:
    """A finished run with a training loss at each step and a last one on the whole split."""
    experiment = {
        "part": "experiment:Experiment", "seed": seed, "task": {"part": "tasks/text", "path": "a.txt"},
        "optim": {"part": "optim/optimisers/adamw", "lr": lr},
    }  # fmt: skip
    origin = {
        "recipe": "demo:letters", "overrides": [f"optim.lr={lr}"], "argv": ["seqlab", "run", "demo:letters"],
        "environment": {"host": "here", "device": "cpu", "processor": "x", "threads": 1, "torch": "2"},
        "data": {"a.txt": "0" * 64}, "card": {"dim": 8, "layers": [{"layer": 0, "mixer": "hyena", "parameters": 1200}]},
    }  # fmt: skip
    run = book.create(experiment, name=name, origin=origin, audits=AUDITS, **more)
    with run.attempt() as attempt:
        for step, loss in enumerate(losses, 1):
            attempt.log(step=step, tokens=step * 10, wall_seconds=float(step), **{"train/loss": loss})
        attempt.log(step=len(losses), **{"val/loss": losses[-1], "val/accuracy": 0.5})
        attempt.summarise(floors=FLOORS, step=len(losses), steps=len(losses), parameters=1200, wall_seconds=2.0)
        attempt.finish("finished")
    return run
