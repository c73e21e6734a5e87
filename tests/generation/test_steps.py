"""Recorded steps against the model's own, for every mixer."""

from __future__ import annotations

import pytest
import torch

from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.generation.steps import Steps
from seqlab.kernels.taken import forget, taken
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.spec import members

REPLAYED = {"mlstm", "mlstm_classic", "slstm"}
"""The mixers of the xLSTM, whose states keep their shapes and whose steps look at no value."""


def model(name: str) -> LanguageModel:
    mixer = members("mixers")[name]()
    block = Block(mixer=mixer, channel=SwiGLU())  # type: ignore[arg-type]
    return LM(dim=32, layers=(block, block)).build(Signature(vocabulary=11, length=24)).eval()


@pytest.mark.parametrize("name", sorted(members("mixers")))
@torch.inference_mode()
def test_the_same_values(name: str) -> None:
    lm = model(name)
    if not lm.causal:
        return
    _, state = lm.prefill(torch.randint(11, (3, 5)))
    forget()
    steps = Steps(lm, state)
    alone = {entry: tensor.contiguous() for entry, tensor in state.items()}
    for _ in range(4):
        tokens = torch.randint(11, (3,))
        logits, alone = lm.step(tokens, alone)
        assert steps.step(tokens).equal(logits)
        assert all(steps.state[entry].equal(tensor) for entry, tensor in alone.items())
    assert name not in REPLAYED or taken()["step"] == ["each anew", "replayed"]


@torch.inference_mode()
def test_the_state_that_was_given_stays() -> None:
    lm = LM(dim=32, layers=(Block(mixer=MLSTM()),)).build(Signature(vocabulary=11, length=8)).eval()
    _, state = lm.prefill(torch.randint(11, (1, 5)))
    before = {name: tensor.clone() for name, tensor in state.items()}
    Steps(lm, state).step(torch.tensor([1]))
    assert all(state[name].equal(tensor) for name, tensor in before.items())
