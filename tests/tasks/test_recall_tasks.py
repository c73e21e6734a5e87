"""Made recall tasks: answers, difficulty, batches, floors, one that knows."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.recall import IGNORED, many_queries
from seqlab.spec import SpecError
from seqlab.tasks.associative_recall import AssociativeRecall
from seqlab.tasks.induction import Induction
from seqlab.tasks.multiquery_recall import MultiqueryRecall
from seqlab.tasks.shared.recall import PreparedRecall

TASKS: dict[str, Any] = {
    "induction": Induction(training=60, validation=50),
    "associative": AssociativeRecall(training=60, validation=50),
    "multiquery": MultiqueryRecall(vocabulary=64, length=40, pairs=(2, 8), training=60, validation=50),
}


class Looking(nn.Module):
    """Is sure of what followed the same symbol when it stood first; where it has not stood before, of nothing."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, tokens: Tensor) -> Tensor:
        logits = self.weight.new_zeros(*tokens.shape, self.vocabulary)
        for row, places in zip(tokens.tolist(), logits, strict=True):
            first: dict[int, int] = {}
            for at, symbol in enumerate(row):
                if symbol in first:
                    places[at, row[first[symbol] + 1]] = 30.0
                first.setdefault(symbol, at)
        return logits + 0.0 * self.weight


@pytest.mark.parametrize("name", TASKS)
def test_a_batch_depends_on_its_arguments_alone_and_the_splits_differ(name: str) -> None:
    task, other = TASKS[name].prepare(), TASKS[name].prepare()
    forwards = [task.batch(3, step, 7).tensors for step in range(20)]
    backwards = [other.batch(3, step, 7).tensors for step in reversed(range(20))][::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert a["inputs"].equal(b["inputs"])
        assert a["targets"].equal(b["targets"])
    train, val = ({row.tobytes() for row in task.examples(split)} for split in ("train", "val"))
    assert (len(train), len(val)) == (60, 50)
    assert not train & val
    epoch = torch.cat([task.batch(3, step, 10).tensors["inputs"] for step in range(6)]).numpy()
    assert {row.tobytes() for row in epoch} == train
    assert task.batch(3, 5, 10).epoch == pytest.approx(1.0)


def test_one_who_looks_up_what_followed_knows_all_answers() -> None:
    for spec in (TASKS["induction"], TASKS["associative"], MultiqueryRecall(vocabulary=512, length=40, noise=False)):
        task = spec.prepare()
        found = task.evaluate(Looking(spec.vocabulary), "val")
        assert found["accuracy"] == 1.0
        assert {value for metric, value in found.items() if metric.startswith("accuracy_at")} == {1.0}
        assert set(found) == set(task.metrics)


@pytest.mark.parametrize("name", TASKS)
def test_what_is_scored_in_training(name: str) -> None:
    task: PreparedRecall = TASKS[name].prepare()
    batch = task.batch(0, 0, 5)
    targets, inputs = batch.tensors["targets"], batch.tensors["inputs"]
    assert batch.scored == int((targets != IGNORED).sum())
    if name != "multiquery":
        assert batch.scored == targets.numel()
        assert targets[:, :-1].equal(inputs[:, 1:])
    uniform = nn.Embedding(task.signature.vocabulary, task.signature.vocabulary)
    nn.init.zeros_(uniform.weight)
    uniform.requires_grad_(False)
    loss, extra = task.loss(uniform, batch)
    assert float(loss) / batch.scored == pytest.approx(math.log(task.signature.vocabulary))
    parts = [task.loss(uniform, part) for part in batch.parts(2)]
    assert float(sum(part[0] for part in parts)) == pytest.approx(float(loss))
    assert sum(int(part[1]["accuracy"]) for part in parts) == int(extra["accuracy"])


def test_answers_are_scored_by_difficulty() -> None:
    task = TASKS["multiquery"].prepare()
    assert task.metrics == ("loss", "accuracy", "accuracy_at_pairs_2", "accuracy_at_pairs_8")
    near = AssociativeRecall(length=400, training=20, validation=20).prepare()
    octaves = [int(metric.rpartition("_")[2]) for metric in near.metrics[2:]]
    assert octaves == sorted(octaves)
    assert max(octaves) < 400
    last = near.row("val", 0)
    distance = int(last.difficulty[-1])
    assert last.inputs[-1 - distance] == last.inputs[-1]
    assert last.inputs[-1] not in last.inputs[len(last.inputs) - distance : -1]


def test_questions_of_many_pairs() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        row = many_queries(random, 64, 40, 8)
        pairs = dict(zip(row.inputs[0:16:2].tolist(), row.inputs[1:16:2].tolist(), strict=True))
        asked = np.flatnonzero(row.targets != IGNORED)
        assert len(pairs) == len(set(pairs.values())) == len(asked) == 8
        assert [pairs[int(key)] for key in row.inputs[asked]] == row.targets[asked].tolist()
        assert max(pairs) < 32 <= min(pairs.values())
        assert asked.min() >= 16
        assert not (asked % 2).any()


def test_the_law_of_the_questions_places() -> None:
    """p(i) ~ i^(power - 1): of a single question the place is the law's, here within four standard errors."""
    random, slots, rows = np.random.default_rng(0), 19, 4000
    places = [int(np.flatnonzero(many_queries(random, 64, 40, 1).targets != IGNORED)[0]) for _ in range(rows)]
    law = np.arange(1, slots + 1) ** -0.99
    law /= law.sum()
    found = np.bincount((np.array(places) - 2) // 2, minlength=slots) / rows
    assert (np.abs(found - law) <= 4 * np.sqrt(law * (1 - law) / rows)).all()


def test_floors() -> None:
    floors = {name: spec.prepare().floors() for name, spec in TASKS.items()}
    assert floors["induction"]["chance"]["accuracy"] == pytest.approx(1 / 18)
    assert floors["associative"]["chance"]["accuracy"] == pytest.approx(1 / 9)
    assert 1 / 9 < floors["associative"]["row_majority"]["accuracy"] < 0.8
    assert floors["multiquery"]["chance"]["loss"] == pytest.approx(math.log(32))
    assert floors["multiquery"]["row"]["accuracy"] == pytest.approx(2 / 10)


def test_long_rows_need_no_memory() -> None:
    task = AssociativeRecall(vocabulary=30, length=131_072, training=100_000, validation=20).prepare()
    assert task.batch(0, 0, 1).tensors["inputs"].shape == (1, 131_074)
    assert task.examples("train").shape == (31, 131_074)


def test_bad_input() -> None:
    with pytest.raises(SpecError, match=r"12 pairs and as many questions .* need `length` 48 at least"):
        MultiqueryRecall(pairs=(12,), length=40)
    with pytest.raises(SpecError, match="8 pairs need as many keys, and a vocabulary of 16 has 7"):
        MultiqueryRecall(pairs=(8,), vocabulary=16)
    with pytest.raises(SpecError, match="leave no room in `length` 5"):
        Induction(length=5, answer=4)
    with pytest.raises(SpecError, match="length"):
        AssociativeRecall(length=41)
    with pytest.raises(DataError, match="60 training rows do not fill a batch of 61"):
        TASKS["induction"].prepare().check_batch(61)
