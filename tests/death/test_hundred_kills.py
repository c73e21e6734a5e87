"""A hundred kills of real processes at random moments: every run comes to the end of one that nobody disturbed."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from same_runs import assert_same
from seqlab.journal import LabBook, Run

KILLS = 100
SEED = 20_240_607
LONGEST = 4.0
"""Seconds from the lease to the kill, at most; the first of them are warming up."""
PATIENCE = 120.0
RECIPE = '''
"""A run of some seconds that saves every few steps."""

from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.tasks.text import Text


def short() -> Experiment:
    """Trained in some seconds."""
    return Experiment(
        task=Text(path="{text}", length=16, subset_bytes=64),
        model=LM(dim=16, layers=(Block(mixer=Attention(heads=2), channel=MLP()),), dropout=0.1),
        budget=Budget(steps=600),
        batch=Batching(size=4),
        averaging=0.9,
        evaluation=Evaluation(every_steps=20, log_every_steps=1),
        snapshots=Snapshots(every_steps=5, keep_last=2, keep_best=("val_subset/loss",)),
        precision="float32",
        device="cpu",
    )
'''


def seqlab(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of the command line."""
    command = [sys.executable, "-m", "seqlab.cli.main", *arguments, "--plain"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    output = (folder / "said.txt").open("ab")
    with output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def begun(run: Path) -> int:
    """How many attempts have taken the lease."""
    return len(list(run.glob("attempts/*/lease.json")))


def killed(process: subprocess.Popen[bytes], run: Path, draw: random.Random) -> str | None:
    """Kill it at a random moment; what it was doing, or None when it ended by itself."""
    before = begun(run)
    starting = draw.random() < 0.1
    until = time.monotonic() + (draw.uniform(0, 3) if starting else PATIENCE)
    while begun(run) == before and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    if not starting:
        time.sleep(draw.uniform(0, LONGEST))
    process.kill()
    if process.wait() >= 0:
        return None
    if begun(run) == before:
        return "starting" if run.exists() else "before the run was made"
    if list(run.glob("checkpoints/.*")):
        return "in a checkpoint"
    last = LabBook(run.parent).open(run.name)
    return "training" if last.metrics.step else "before its first step"


def broken(folder: Path, recipe: str, seed: int, draw: random.Random, hits: Counter[str]) -> Run:
    """A run that is killed and resumed until it ends by itself, or KILLS is reached; then it may end in peace."""
    run, arguments = folder / "runs" / f"broken-{seed}", ("run", recipe, f"seed={seed}", "--name", f"broken-{seed}")
    while hits.total() < KILLS:
        process = seqlab(folder, *(("resume", run.name) if run.exists() else arguments))
        where = killed(process, run, draw)
        if where is None:
            break
        hits[where] += 1
        if run.exists():
            assert LabBook().open(run.name).state().name in ("queued", "crashed", "finished")
    process = seqlab(folder, *(("resume", run.name) if run.exists() else arguments))
    assert process.wait(PATIENCE) == 0, (folder / "said.txt").read_text()[-2000:]
    return LabBook().open(run.name)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Lines to print when the test has passed, whoever captures."""
    lines: list[str] = []
    yield lines
    with capfd.disabled():
        sys.stderr.write("\n" + "".join(f"{line}\n" for line in lines))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_kills_change_no_bit(tmp_path: Path, text: Path, said: list[str]) -> None:
    recipes = tmp_path / "recipes.py"
    recipes.write_text(RECIPE.replace("{text}", str(text)))
    recipe, draw, hits, start = f"{recipes}:short", random.Random(SEED), Counter[str](), time.monotonic()
    runs: list[Run] = []
    while hits.total() < KILLS:
        seed = len(runs) + 1
        runs.append(broken(tmp_path, recipe, seed, draw, hits))
        process = seqlab(tmp_path, "run", recipe, f"seed={seed}", "--name", f"whole-{seed}")
        assert process.wait(PATIENCE) == 0, (tmp_path / "said.txt").read_text()[-2000:]
        whole = LabBook().open(f"whole-{seed}")
        assert (runs[-1].state().name, whole.state().name) == ("finished", "finished")
        assert_same(whole, runs[-1])
    said.append(f"{hits.total()} kills (seed {SEED}) in {time.monotonic() - start:.0f} s: {dict(hits)}")
    said.extend(f"seed {n + 1}: {len(run.attempts())} attempts, bit-equal" for n, run in enumerate(runs))
