"""A training imports what it uses: torch's compiler is not of that, and takes about a second."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from seqlab.experiment import Experiment
from seqlab.optim.optimisers import Optimiser
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.sgd import SGD
from seqlab.train.step import optimiser_step
from tiny_runs import in_memory

RUN = """
import sys
from seqlab.cli.main import main
sys.argv = ["seqlab", "run", "plasticity:mlp_small", "budget.steps=3", "optim=NAME"]
main(standalone_mode=False)
assert "torch" in sys.modules
assert "torch._dynamo" not in sys.modules
"""


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_a_run_does_without_the_compiler(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN.replace("NAME", name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("optimiser", [AdamW(), Adam(lr=1e-3), SGD(lr=0.1, momentum=0.9)])
def test_steps_are_those_of_torch(tiny: Experiment, optimiser: Optimiser) -> None:
    ours, plain = (in_memory(replace(tiny, optim=optimiser)) for _ in range(2))
    plain.optimiser.__class__ = type(plain.optimiser).__mro__[1]  # torch's own
    for _ in range(3):
        optimiser_step(ours)
        optimiser_step(plain)
    for name, parameter in ours.model.named_parameters():
        assert parameter.equal(plain.model.get_parameter(name))
    assert all(not value.requires_grad for state in ours.optimiser.state.values() for value in state.values())
    assert torch.is_grad_enabled()
