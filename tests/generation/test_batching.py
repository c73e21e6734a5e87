"""Texts written together: each is what it would be alone, whoever joins or leaves meanwhile."""

from itertools import pairwise

import pytest
import torch

from seqlab.data.signature import Signature
from seqlab.generation.batching import Batch
from seqlab.generation.generate import generate
from seqlab.generation.penalties import Penalties
from seqlab.generation.sampling import Sampling
from seqlab.generation.text import Order
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.inits.normal import Normal

PROMPTS = [(1, 2, 3), (4,), (5, 6, 0, 1, 2, 3, 4), (2, 2)]


def model_of(mixer: Mixer) -> LanguageModel:
    torch.manual_seed(1)
    wide = Normal(scale=0.5)
    spec = LM(dim=16, layers=(Block(mixer=mixer),) * 2, init=wide, embedding_init=wide)
    return spec.build(Signature(vocabulary=7, length=32)).double().eval()


@pytest.mark.parametrize("mixer", [Attention(heads=2, position="rotary"), Hyena(), MLSTM(heads=2)])
def test_each_text_is_what_it_would_be_alone(mixer: Mixer) -> None:
    model = model_of(mixer)
    batch = Batch(model)
    orders = [Order(prompt, 4 + 6 * place, seed=place) for place, prompt in enumerate(PROMPTS)]
    texts = []
    for order in orders:
        texts.append(batch.join(order)[0])
        batch.step()
        batch.step()
    stopped = texts[2]
    batch.leave([stopped, texts[0]])
    while batch.texts:
        batch.step()
    for text in texts:
        order = text.order
        alone = list(generate(model, list(order.prompt), order.count, order.sampling, order.seed))
        assert text.written == alone[: len(text.written)]
        assert (text.ended, len(text.written)) == ((None, 5) if text is stopped else ("length", order.count))


def test_a_text_ends_with_a_symbol_that_ends_it_and_leaves() -> None:
    model = model_of(Attention(heads=2))
    greedy = Sampling(temperature=0)
    alone = list(generate(model, [1, 2], 9, greedy))
    end = alone[-1]
    batch = Batch(model)
    text, _ = batch.join(Order((1, 2), 9, greedy, ends=frozenset({end})))
    while batch.texts:
        batch.step()
    assert (text.ended, text.written) == ("stop", alone[: alone.index(end) + 1])
    assert batch.step() == []


def test_log_probabilities_are_those_of_the_model() -> None:
    model = model_of(Attention(heads=2))
    text, drawn = Batch(model).join(Order((1, 2), 1, alternatives=3))
    logs = model(torch.tensor([[1, 2]]))[0, -1].detach().log_softmax(-1)
    assert drawn.log_probability == pytest.approx(float(logs[text.written[0]]), abs=1e-12)
    best = logs.topk(3)
    assert [symbol for symbol, _ in drawn.likeliest] == best.indices.tolist()
    assert [log for _, log in drawn.likeliest] == pytest.approx(best.values.tolist(), abs=1e-12)


def test_penalties_act_on_prompt_and_text() -> None:
    batch = Batch(model_of(Attention(heads=2)))
    text, _ = batch.join(Order((1, 2), 7, penalties=Penalties(no_repeat_ngram=2)))
    while batch.texts:
        batch.step()
    whole = [1, 2, *text.written]
    pairs = list(pairwise(whole))
    assert len(set(pairs)) == len(pairs)


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    batch = Batch(model_of(Attention(heads=2)))
    batch.join(Order((1,), 5))
    with pytest.raises(ValueError, match=r"the prompt has 30 symbols and 9 are to be written, 39 together; the model"):
        batch.join(Order((1,) * 30, 9))
    with pytest.raises(ValueError, match="at least one symbol to start from"):
        batch.join(Order((), 5))
    assert len(batch.step()) == 1
