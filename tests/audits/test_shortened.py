"""Shorter rows keep what is scored: the beginning of a text, the end of a question, and else whole rows."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from exhibits import TEXT, small
from tasks_for_tests import LENGTH, SYMBOLS, PreparedRecall, Recall
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.audits.shared.shortened import Shortened, shortened
from seqlab.audits.shared.stubs import Uniform
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import trainee
from seqlab.tasks import Batch, PreparedTask
from seqlab.train.start import prepare


class Marked(PreparedRecall):
    """The answers stand in a tensor as wide as the rows; -100 is not scored."""

    scored_at: tuple[int, ...] = (LENGTH - 1,)

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        rows, answers = self.rows(seed + step, size)
        targets = torch.full_like(rows, -100)
        targets[:, self.scored_at] = answers[:, None]
        return Batch({"inputs": rows, "targets": targets}, size * len(self.scored_at), rows.numel(), 0.0)

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        logits = model(batch.tensors["inputs"]).flatten(0, 1)
        return F.cross_entropy(logits, batch.tensors["targets"].flatten(), reduction="sum"), {}


class MarkedHereAndThere(Marked):
    scored_at = (1, 7, LENGTH - 1)


def of_guessing(task: PreparedTask) -> float:
    """The loss that a model pays for each symbol where it knows nothing."""
    batch = task.batch(0, 1, 3)
    return task.loss(Uniform(task.signature.vocabulary), batch)[0].item() / batch.scored


@pytest.mark.parametrize("length", [4, 5, 8])
def test_a_question_keeps_its_end(length: int) -> None:
    task = Marked(Recall())
    short = shortened(task, length, 0)
    assert isinstance(short, Shortened)
    assert torch.equal(short.batch(0, 1, 3).tensors["inputs"], task.batch(0, 1, 3).tensors["inputs"][:, -length:])
    assert (short.batch(0, 1, 3).scored, short.row_tokens) == (3, length)
    assert of_guessing(short) == pytest.approx(math.log(SYMBOLS))


def test_a_text_keeps_its_beginning() -> None:
    task = small().task.prepare()
    short = shortened(task, 12, 0)
    assert torch.equal(short.batch(0, 1, 3).tensors["inputs"], task.batch(0, 1, 3).tensors["inputs"][:, :12])
    assert of_guessing(short) == pytest.approx(math.log(256))


def test_answers_here_and_there_keep_whole_rows() -> None:
    task = MarkedHereAndThere(Recall())
    assert shortened(task, 8, 0) is task


def test_a_task_that_asks_for_more_than_logits_keeps_whole_rows() -> None:
    class Asking(Marked):
        def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
            _, extra = model(batch.tensors["inputs"])
            return extra, {}

    task = Asking(Recall())
    assert shortened(task, 8, 0) is task


def test_the_rows_of_a_large_model_are_shortened() -> None:
    training = prepare(small(task=replace(small().task, path=str(TEXT), length=1024))).training
    training.model.flops = lambda length: 1e9 * length  # type: ignore[assignment]
    assert trainee(Subject(training)).next_batch().tensors["inputs"].shape[1] == 32
