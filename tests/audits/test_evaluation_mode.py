"""Evaluation that is not of the model itself; and models that change in training alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import planted_texts as texts
import pytest
import torch
from planted_texts import planted
from tasks_for_tests import Classifier, finding, pictures, recall
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment
from seqlab.models import Model
from seqlab.models.lm import LM
from seqlab.tasks.text import PreparedText


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (texts.InnerTraining, "puts the model in training mode"),
        (texts.TrainsWhileEvaluating, "evaluation changes `"),
        (texts.Wandering, "two evaluations of the same weights differ"),
    ],
)
def test_an_evaluation_of_something_else_fails(
    tiny: Experiment, fault: Callable[..., PreparedText], named: str
) -> None:
    found = finding("evaluation_mode", replace(tiny, task=planted(tiny.task, fault)))
    assert found.status == "fail"
    assert named in found.message


def test_gradients_that_nobody_needs_are_told(tiny: Experiment) -> None:
    found = finding("evaluation_mode", replace(tiny, task=planted(tiny.task, texts.WithGradients)))
    assert found.status == "warn"
    assert "torch.no_grad()" in found.message


class Pixels(Model):
    """A classifier with batch statistics; `stubborn`: they move in evaluation too; `noisy`: eval() leaves it on."""

    stubborn: bool = False
    noisy: bool = False

    def build(self, signature: Signature) -> nn.Module:
        return PixelsModule(self, signature)

    def card(self, model: nn.Module) -> dict[str, Any]:
        return {}


class PixelsModule(nn.Module):
    def __init__(self, spec: Pixels, signature: Signature) -> None:
        super().__init__()
        self.spec = spec
        self.norm = nn.BatchNorm1d(1)
        self.head = nn.Linear(signature.length, signature.vocabulary)

    def forward(self, x: Tensor) -> Tensor:
        if self.spec.stubborn:
            mean, variance = self.norm.running_mean, self.norm.running_var
            x = nn.functional.batch_norm(x[:, None], mean, variance, training=True)[:, 0]
        else:
            x = self.norm(x[:, None])[:, 0]
        return self.head(x + 0.1 * torch.randn_like(x) if self.spec.noisy else x)


def test_batch_statistics_pass_unless_they_move_in_evaluation(tiny: Experiment) -> None:
    assert finding("evaluation_mode", replace(pictures(tiny), model=Pixels())).status == "pass"
    moving = finding("evaluation_mode", replace(pictures(tiny), model=Pixels(stubborn=True)))
    assert (moving.status, "evaluation changes `norm.running" in moving.message) == ("fail", True)
    assert finding("evaluation_mode", replace(pictures(tiny), model=Pixels(noisy=True))).status == "fail"


def test_dropout_and_other_tasks_pass(tiny: Experiment) -> None:
    assert isinstance(tiny.model, LM)
    dropped = replace(tiny.model, dropout=0.5, layers=tuple(replace(layer, dropout=0.5) for layer in tiny.model.layers))
    for experiment in (replace(tiny, model=dropped), recall(tiny), replace(pictures(tiny), model=Classifier())):
        assert finding("evaluation_mode", experiment).status == "pass"
