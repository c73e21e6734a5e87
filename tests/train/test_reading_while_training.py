"""Another process reads the newest checkpoint while a run writes and removes them: whole ones, whatever the moment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.train import load
from seqlab.train.checkpoint import Checkpoint, CheckpointError, checkpoints, write
from seqlab.train.load import load_model, read_weights
from tiny_runs import carried_out

WRITER = """
import sys
from pathlib import Path
import torch
from seqlab.train.checkpoint import prune, write
folder, step = Path(sys.argv[1]), 0
while not (folder / "enough").exists():
    step += 1
    of_step = {name: torch.full((64, 64), float(step)) for name in "abcdefgh"}
    write(folder, step, of_step, {"step": step}, {"h": torch.full((64, 64), step + 0.5)})
    prune(folder, step, keep_last=1, keep=(), every=None)
"""
READS = 25


@pytest.mark.slow
def test_a_reader_never_sees_half_a_checkpoint_or_two(tmp_path: Path) -> None:
    run, seen = Run(tmp_path), set[int]()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], env=os.environ) as writer:
        try:
            while not checkpoints(tmp_path):
                assert writer.poll() is None
            for _ in range(READS):
                checkpoint, weights, _ = read_weights(run)
                expected = {name: checkpoint.step + 0.5 * (name == "h") for name in "abcdefgh"}
                assert {name: set(weights[name].unique().tolist()) for name in weights} == {
                    name: {value} for name, value in expected.items()
                }
                seen.add(checkpoint.step)
            assert writer.poll() is None
        finally:
            (tmp_path / "enough").touch()
    assert len(seen) > 1


def test_a_checkpoint_that_vanishes_while_it_is_read_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, {"w": torch.zeros(1)}, {}, None)
    read, steps = Checkpoint.weights, iter(range(2, 1000))

    def vanishing(self: Checkpoint, *, averaged: bool = False) -> dict[str, torch.Tensor]:
        found = read(self, averaged=averaged)
        self.folder.rename(tmp_path / f"gone-{self.step}")
        write(tmp_path, next(steps), {"w": torch.ones(1)}, {}, None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "weights", vanishing)
        with pytest.raises(CheckpointError, match="removes its checkpoints faster than they can be read"):
            read_weights(Run(tmp_path))
    checkpoint, _, skipped = read_weights(Run(tmp_path))
    assert (checkpoint.step, skipped) == (load.TRIES + 1, [])


def test_the_latest_is_the_newest_on_the_cpu(tiny: Experiment) -> None:
    run, training, _ = carried_out(tiny)
    model, checkpoint, _ = load_model(run)
    assert checkpoint.step == 8
    assert all(p.device.type == "cpu" for p in model.parameters())
    assert all(torch.equal(p, training.model.state_dict()[name]) for name, p in model.state_dict().items())
