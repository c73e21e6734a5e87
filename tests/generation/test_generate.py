"""Generation: the same symbols as reading everything anew, also where the context is full, and while a run trains."""

from typing import Any

import pytest
import torch

import seqlab
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.generation.generate import generate
from seqlab.generation.sampling import Sampling
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.window import Window
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.inits.normal import Normal
from seqlab.train.start import resume
from tiny_runs import At, queued

GREEDY = Sampling(temperature=0)


def model_of(mixer: Mixer, length: int = 8, **fields: Any) -> LanguageModel:
    torch.manual_seed(1)
    spec = LM(
        dim=16, layers=(Block(mixer=mixer),) * 2, init=Normal(scale=0.5), embedding_init=Normal(scale=0.5), **fields
    )
    return spec.build(Signature(vocabulary=7, length=length)).double().eval()


def by_reading_anew(model: LanguageModel, prompt: list[int], count: int) -> list[int]:
    """The stated policy: when the context is full, the newest half of it (the last symbol included) is kept."""
    history, limit = list(prompt), model.max_length
    context = history[-limit:] if limit else list(history)
    for _ in range(count):
        symbol = int(model(torch.tensor([context]))[0, -1].argmax())
        history.append(symbol)
        context = history[-max(1, limit // 2) :] if limit and len(context) >= limit else [*context, symbol]
    return history[len(prompt) :]


@pytest.mark.parametrize("mixer", [Attention(heads=2, position="rotary"), Hyena(), Window(heads=2, window=3)])
@pytest.mark.parametrize("prompt", [[1], [1, 2, 3], [1, 2, 3, 4, 5, 6, 0, 1], [1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4]])
def test_a_full_context_keeps_its_newest_half(mixer: Mixer, prompt: list[int]) -> None:
    model = model_of(mixer)
    assert list(generate(model, prompt, 30, GREEDY)) == by_reading_anew(model, prompt, 30)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_very_short_context(length: int) -> None:
    model = model_of(Window(heads=2), length=length, position="learned")
    assert list(generate(model, [1, 2, 3], 9, GREEDY)) == by_reading_anew(model, [1, 2, 3], 9)


def test_a_seed_repeats_and_another_differs() -> None:
    model = model_of(Attention(heads=2))
    one, same, other = (list(generate(model, [1], 40, Sampling(), seed)) for seed in (5, 5, 6))
    assert one == same != other
    assert list(generate(model, [1], 10, Sampling(), 5)) == one[:10]


def test_symbols_come_as_they_are_drawn() -> None:
    model, steps = model_of(Window(heads=2)), []
    step = model.step
    model.step = lambda *arguments: steps.append(1) or step(*arguments)
    stream = generate(model, [1], 3, GREEDY)
    assert [next(stream) in range(7), len(steps)] == [True, 0]
    assert [next(stream) in range(7), len(steps)] == [True, 1]
    assert len(list(stream)) == 1
    assert len(steps) == 3, "what cannot be recorded is taken once more"


def test_nothing_asked_and_nothing_given() -> None:
    model = model_of(Window(heads=2))
    assert list(generate(model, [1], 0, GREEDY)) == []
    with pytest.raises(ValueError, match="the prompt is empty"):
        list(generate(model, [], 3, GREEDY))


def test_the_global_stream_is_left_alone() -> None:
    model = model_of(Window(heads=2))
    before = torch.get_rng_state()
    list(generate(model, [1], 3, Sampling()))
    assert torch.get_rng_state().equal(before)


def test_a_run_that_is_still_training_can_be_used(tiny: Experiment) -> None:
    run = queued(tiny)
    found: list[Any] = []

    def use() -> None:
        loaded = seqlab.load("run")
        found.append((loaded.state().name, loaded.generate("the ", symbols=12, sampling=GREEDY)))

    assert resume(run, At(5, use))[1] == "finished"
    state, text = found[0]
    assert state == "running"
    assert 0 < len(text) <= 12
    assert seqlab.load("run@6").generate("the ", symbols=12, seed=3) != ""
