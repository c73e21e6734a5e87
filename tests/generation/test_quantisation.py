"""Models in eight and four bits: what is packed, what stays, and how far they are from the original."""

from __future__ import annotations

import copy

import pytest
import torch

from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.generation.generate import generate
from seqlab.generation.quantisation import quality, quantised, weight_bytes
from seqlab.generation.sampling import Sampling
from seqlab.mixers.attention import Attention
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.quantised import QuantisedLinear, quantise


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request: pytest.FixtureRequest) -> LanguageModel:
    layers = Block(mixer=MLSTM(), channel=SwiGLU(bias=True)), Block(mixer=Attention(heads=4), channel=SwiGLU())
    return LM(dim=64, layers=layers, tied=request.param).build(Signature(vocabulary=40, length=32)).eval()


@pytest.mark.parametrize(("bits", "most"), [("int8", 0.02), ("int4", 0.3)])
def test_logits_are_near(model: LanguageModel, bits: str, most: float) -> None:
    """Eight bits are half of 1/127 of a row's largest entry off, four bits half of 1/7 of a group's."""
    tokens = torch.randint(40, (2, 20))
    with torch.inference_mode():
        wanted = model(tokens)
        packed = quantised(copy.deepcopy(model), bits)  # type: ignore[arg-type]
        error = (packed(tokens) - wanted).std() / wanted.std()
        logits, state = packed.prefill(tokens)
        assert torch.allclose(logits, packed(tokens)[:, -1], rtol=1e-4, atol=1e-5)
        stepped, _ = packed.step(tokens[:, 0], state)
        longer = packed(torch.cat([tokens, tokens[:, :1]], dim=1))[:, -1]
        assert torch.allclose(stepped, longer, rtol=1e-3, atol=1e-4)
    assert 0 < error < most


def test_all_linears_and_the_head_are_packed(model: LanguageModel) -> None:
    full, linears = weight_bytes(model), [*model.blocks.parameters()]
    quantised(model, "int8")
    packed = [module for module in model.modules() if isinstance(module, QuantisedLinear)]
    assert len(packed) == 2 * 2 + 2 * 2 + 1
    assert model.head in packed
    assert model.embedding.weight.dtype == torch.float32
    assert weight_bytes(model.blocks) < 0.3 * sum(weight.nbytes for weight in linears) < 0.3 * full


def test_generation_goes_on_in_eight_bits(model: LanguageModel) -> None:
    written = list(generate(quantised(model, "int8"), [1, 2], 10, Sampling(temperature=0)))
    assert len(written) == 10


def test_quality_of_a_model_against_itself(model: LanguageModel) -> None:
    symbols = torch.randint(40, (70,)).tolist()
    own = quality(model, symbols, 32)
    assert own.likeliest.shape == (2, 32)
    assert own.agreement(quality(model, symbols, 32)) == 1
    assert abs(own.bits_per_symbol - torch.tensor(40.0).log2().item()) < 0.5, "untrained: as good as chance"
    with pytest.raises(ValueError, match="a piece of 70 needs one more"):
        quality(model, symbols, 70)


def test_other_bits_are_refused(model: LanguageModel) -> None:
    with pytest.raises(ValueError, match="int8 or int4, not to int3"):
        quantise(model, "int3")  # type: ignore[arg-type]
