"""What was read before is not read again, and the texts are the same."""

import pytest
import torch

from seqlab.data.signature import Signature
from seqlab.generation.batching import Batch
from seqlab.generation.prompts import PromptCache
from seqlab.generation.sampling import Sampling
from seqlab.generation.text import Order
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.inits.normal import Normal

BEGIN = (1, 2, 3, 4, 5)
PROMPTS = [BEGIN, (*BEGIN, 6), BEGIN, (*BEGIN, 6, 0, 1), (6, 6, 6), (*BEGIN, *BEGIN, *BEGIN)]


def model_of(mixer: Mixer) -> LanguageModel:
    torch.manual_seed(1)
    wide = Normal(scale=0.5)
    spec = LM(dim=16, layers=(Block(mixer=mixer),) * 2, init=wide, embedding_init=wide)
    return spec.build(Signature(vocabulary=7, length=32)).double().eval()


def written(model: LanguageModel, prompts: PromptCache | None) -> list[list[int]]:
    batch = Batch(model, prompts)
    texts = [batch.join(Order(prompt, 9, Sampling(temperature=0)))[0] for prompt in PROMPTS]
    while batch.texts:
        batch.step()
    return [text.written for text in texts]


@pytest.mark.parametrize("mixer", [Attention(heads=2, position="rotary"), MLSTM(heads=2)])
def test_texts_are_the_same_with_less_to_read(mixer: Mixer) -> None:
    model, prompts = model_of(mixer), PromptCache(2**20)
    assert written(model, prompts) == written(model, None)
    assert prompts.spared == 5 + 5 + 6, "of a prompt that is mostly new nothing is taken"


def test_states_that_take_too_much_are_forgotten() -> None:
    model = model_of(MLSTM(heads=2))
    one = model.prefill(torch.tensor([[1, 2]]))
    size = one[0].nbytes + sum(tensor.nbytes for tensor in one[1].values())
    prompts = PromptCache(2 * size)
    with torch.inference_mode():
        for prompt in ((1, 2), (3, 4), (5, 6), (1, 2), (5, 6)):
            prompts.read(model, prompt)
    assert prompts.spared == 2, "(1, 2) was the oldest when (5, 6) came"
    assert PromptCache(size - 1).read(model, (1, 2))[0].equal(one[0])
