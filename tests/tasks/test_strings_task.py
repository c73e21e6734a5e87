"""Strings by heart: what is cut, asked and shifted, the scores of models that know, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import seqlab
from seqlab.data import DataError
from seqlab.data.recall import IGNORED
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.tdln import TDLN
from seqlab.models.tiled import Tiled
from seqlab.optim.optimisers.adam import Adam
from seqlab.tasks.strings import PreparedStrings, Strings


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("abcdefgh"), 5)) for _ in range(300)]
    path = tmp_path_factory.mktemp("strings") / "text.txt"
    path.write_text(" ".join(words))
    return str(path)


def prepared(place: str, **fields: Any) -> PreparedStrings:
    return Strings(path=place, **fields).prepare()


class Knows(nn.Module):
    """Says the n-th symbol of the strings' rows at the n-th place, whatever came before."""

    def __init__(self, strings: Tensor, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.answers = F.one_hot(strings[:, 1:].clamp(min=0), size) * 20.0

    def forward(self, tokens: Tensor) -> Tensor:
        return self.answers[:, : tokens.shape[1]] + self.weight


def test_strings_are_cut_from_the_text_at_words(place: str) -> None:
    task, text = prepared(place, count=3, lengths=(20, 33)), Path(place).read_bytes()
    assert [len(string) for string in task.texts] == [20, 33, 20]
    assert len({bytes(string) for string in task.texts}) == 3
    for string in map(bytes, task.texts):
        assert b" " + string in text
    assert task.strings.shape == (3, 33)
    assert task.strings[0, 20:].eq(IGNORED).all()
    assert task.assets()["strings"][1].encode() == bytes(task.texts[1])
    again = prepared(place, count=3, lengths=(20, 33), seed=1)
    assert not torch.equal(again.strings, task.strings)


def test_a_batch_asks_for_the_next_symbol_of_each_string(place: str) -> None:
    task = prepared(place, count=2, lengths=(20, 33))
    batch = task.batch(0, 0, 3)
    inputs, targets = batch.tensors["inputs"], batch.tensors["targets"]
    assert torch.equal(inputs[0], inputs[2])
    assert torch.equal(targets[1, :-1], inputs[1, 1:])
    assert batch.scored == 19 + 32 + 19
    assert batch.epoch == 1.5


def test_bits_are_those_of_the_bytes(place: str) -> None:
    task = prepared(place, lengths=(20,), symbols="bits")
    assert task.signature.vocabulary == 2
    assert np.packbits(task.strings[0].numpy().astype(np.uint8)).tobytes() == bytes(task.texts[0])


@pytest.mark.parametrize("symbols", ["bytes", "bits"])
def test_what_is_known_by_place_fails_the_shift_test(place: str, symbols: Any) -> None:
    task = prepared(place, count=2, lengths=(20, 33), symbols=symbols)
    scored = task.evaluate(Knows(task.strings, task.signature.vocabulary), "val")
    assert tuple(scored) == task.metrics
    for name, value in scored.items():
        if name.startswith("accuracy") or name == "bit_accuracy":
            assert value == pytest.approx(1.0)
    assert scored["loss"] < 1e-4
    assert scored["shifted_accuracy"] < 0.65
    assert scored["shifted_loss"] > 3


def test_what_is_known_by_what_came_before_passes_it(place: str) -> None:
    task = prepared(place, count=2, lengths=(20, 33))
    rows = [string[string != IGNORED].tolist() for string in task.strings]
    after = {tuple(row[at : at + 6]): row[at + 6] for row in rows for at in range(len(row) - 6)}

    class Follows(Knows):
        def forward(self, tokens: Tensor) -> Tensor:
            before = [[tuple(row[max(t - 5, 0) : t + 1]) for t in range(len(row))] for row in tokens.tolist()]
            said = torch.tensor([[after.get(symbols, 0) for symbols in row] for row in before])
            return F.one_hot(said, 256) * 20.0 + self.weight

    scored = task.evaluate(Follows(task.strings, 256), "val")
    missing = 2 * 5  # the first five of each string, which come after too little
    assert scored["accuracy"] == pytest.approx(1 - missing / (19 + 32))
    assert scored["shifted_accuracy"] == pytest.approx(1 - missing / (18 + 31))


def test_accuracies_are_told_by_place_and_by_length(place: str) -> None:
    task = prepared(place, count=2, lengths=(20, 33))
    model = Knows(task.strings, 256)
    model.answers[0, 4:8] = model.answers[0, 4:8].roll(1, -1)
    scored = task.evaluate(model, "val")
    assert scored["accuracy_of_length_20"] == pytest.approx(15 / 19)
    assert scored["accuracy_of_length_33"] == 1
    assert scored["accuracy_at_position_4"] == pytest.approx(1 - 3 / 8)  # positions 5 to 7 of two strings
    assert scored["accuracy_at_position_8"] == pytest.approx(1 - 1 / 16)


def test_floors_are_what_such_models_score(place: str) -> None:
    task = prepared(place, count=2, lengths=(20, 33))

    class Frequencies(Knows):
        def forward(self, tokens: Tensor) -> Tensor:
            counts = torch.bincount(task.strings[:, 1:][task.strings[:, 1:] != IGNORED], minlength=256)
            return (counts + 1e-9).log().expand(*tokens.shape, 256) + self.weight

    scored = task.evaluate(Frequencies(task.strings, 256), "val")
    for name, value in task.floors()["unigram"].items():
        assert scored[name] == pytest.approx(value, rel=1e-4)


def test_a_text_too_short_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("a few words")
    with pytest.raises(DataError, match="no word of it begins a string of 125"):
        prepared(str(tmp_path / "short.txt"))


def test_a_string_is_learned_by_heart(place: str, tmp_path: Path) -> None:
    experiment = Experiment(
        task=Strings(path=place, lengths=(24,)),
        model=Tiled(dim=64, mixers=(TDLN(levels=1),), hidden=0, bits=True),
        optim=Adam(lr=1e-2),
        batch=Batching(size=2),
        budget=Budget(steps=60),
        precision="float32",
    )
    run = seqlab.run(experiment, runs=tmp_path)
    assert run.metrics.last["val/accuracy"] > 0.9
    quiet = {found["name"]: found for found in run.audits["trained"]}
    assert quiet["too_good"]["status"] == "pass"
