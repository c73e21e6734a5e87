"""Models that say nothing, each in its way; and one that has learned its text by heart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tasks_for_tests import pictures
from torch import Tensor, nn

from seqlab.audits.collapse import Collapse
from seqlab.audits.shared.subject import Subject
from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.models import Model
from seqlab.tasks.induction import Induction
from seqlab.train.start import prepare


class Saying(Model):
    """Predicts `what`: the same symbol, nothing, or what comes next but for a loop in generation."""

    what: str

    def build(self, signature: Signature) -> nn.Module:
        return SayingModule(self.what, signature.vocabulary)

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


class SayingModule(nn.Module):
    causal = True
    max_length = None

    def __init__(self, what: str, vocabulary: int) -> None:
        super().__init__()
        self.what, self.vocabulary = what, vocabulary
        self.weight = nn.Parameter(torch.ones(1))

    def sure(self, symbols: Tensor) -> Tensor:
        return 9.0 * self.weight * nn.functional.one_hot(symbols, self.vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        match self.what:
            case "nothing":
                return 0.01 * self.sure(tokens)
            case "space":
                return self.sure(torch.full_like(tokens, 32))
            case _:
                return self.sure(tokens)

    def prefill(self, tokens: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return self.step(tokens[:, -1], {})

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        return self.sure(tokens if self.what == "stutter" else (tokens + 1) % self.vocabulary), state


def examined(experiment: Experiment, model: Model) -> Any:
    return Collapse().examine(Subject(prepare(replace(experiment, model=model)).training, "trained"))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("nothing", "all answers are about equally likely everywhere"),
        ("space", "' ' is the likeliest answer at 100.0% of the places"),
        ("stutter", "greedy generation ends in a loop of 1 symbols after 8 of 8 prompts"),
    ],
)
def test_each_collapse_is_told(tiny: Experiment, what: str, said: str) -> None:
    found = examined(tiny, Saying(what=what))
    assert (found.status, said in found.message) == ("warn", True), found.message


def test_a_model_that_says_something_passes(tiny: Experiment) -> None:
    found = examined(tiny, Saying(what="alphabet"))
    assert found.status == "pass", found.message
    assert found.measured["loops"] == [0] * 8


@pytest.mark.parametrize(("every_symbol", "status"), [(True, "warn"), (False, "pass")])
def test_what_stands_where_no_answer_was_asked_for_is_no_collapse(
    tiny: Experiment, every_symbol: bool, status: str
) -> None:
    task = Induction(length=40, every_symbol=every_symbol, training=8, validation=8)
    found = examined(replace(tiny, task=task), Saying(what="stutter"))
    assert found.status == status, found.message


class OneClass(Model):
    """A classifier; `frozen`: with one answer."""

    frozen: bool = False

    def build(self, signature: Signature) -> nn.Module:
        linear = nn.Linear(signature.length, signature.vocabulary)
        if self.frozen:
            with torch.no_grad():
                linear.bias[0] += 9.0
        return linear

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


def test_a_classifier_with_one_answer_is_told(tiny: Experiment) -> None:
    assert "answer 0 is the likeliest" in examined(pictures(tiny), OneClass(frozen=True)).message
    assert examined(pictures(tiny), OneClass()).status == "pass"
