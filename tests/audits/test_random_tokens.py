"""A model that sees its answer predicts what nobody can; one that sees it in training alone is found out too."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
import torch
from tasks_for_tests import finding, pictures
from torch import Tensor, nn

from seqlab.audits.random_tokens import RandomTokens
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Experiment
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.train.start import prepare


class NextInTraining(Mixer):
    """Passes on what stands one position ahead, but not in evaluation."""

    def build(self, *, dim: int, length: int) -> SequenceMixer:
        return NextInTrainingMixer(dim)


class NextInTrainingMixer(SequenceMixer):
    causal = True
    max_length = None

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.out(torch.roll(x, -1, 1) if self.training else x)

    def flops(self, length: int) -> float:
        return 2.0 * length * self.out.weight.numel()


def with_layers(tiny: Experiment, *mixers: Mixer) -> Experiment:
    layers = tuple(Block(mixer=mixer) for mixer in mixers)
    return replace(tiny, model=replace(cast(LM, tiny.model), layers=layers))


def test_ten_layers_in_both_directions_beat_chance(tiny: Experiment) -> None:
    meant, left_out = Attention(heads=2), Attention(heads=2, causal=False)
    experiment = with_layers(tiny, *(meant if index in (1, 8) else left_out for index in range(12)))
    found = finding("random_tokens", experiment)
    assert found.status == "fail", found.message
    assert found.measured["perplexity"] < found.measured["limit"] < 32
    assert "it sees the symbols that it is to predict" in found.message


def test_a_future_that_is_seen_in_training_alone_is_found(tiny: Experiment) -> None:
    found = finding("random_tokens", with_layers(tiny, NextInTraining()))
    assert found.status == "fail", found.message
    assert found.measured["steps"] < 200


def test_a_causal_model_stays_at_chance_and_nothing_else_changes(tiny: Experiment) -> None:
    subject = Subject(prepare(tiny).training)
    weights = [parameter.clone() for parameter in subject.training.model.parameters()]
    state = torch.random.get_rng_state()
    found = RandomTokens(steps=60).examine(subject)
    assert found.status == "pass"
    assert 30.4 < found.measured["perplexity"] < 40
    assert torch.equal(state, torch.random.get_rng_state())
    assert all(map(torch.equal, weights, subject.training.model.parameters()))


def test_it_is_wanted_for_users_parts_and_applies_to_what_comes_next(tiny: Experiment) -> None:
    assert not RandomTokens().wanted(Subject(prepare(tiny).training))
    assert "does not apply" in finding("random_tokens", pictures(tiny)).message


@pytest.mark.parametrize("heads", [3, 5])
def test_a_width_that_the_heads_do_not_divide_leaves_the_model_as_it_is(tiny: Experiment, heads: int) -> None:
    odd = with_layers(replace(tiny, model=replace(cast(LM, tiny.model), dim=30)), Attention(heads=heads))
    assert RandomTokens(steps=10, width=16).examine(Subject(prepare(odd).training)).status == "pass"
