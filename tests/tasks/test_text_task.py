"""The text task: what is trained on, what is held out, and what exactly is scored."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.text import split
from seqlab.experiment import Experiment
from seqlab.spec import SpecError, id
from seqlab.tasks import Batch
from seqlab.tasks.text import PreparedText, Text
from tiny_runs import carried_out

LOWER = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}


class ByPlace(nn.Module):
    """Logits that depend on the symbol and on its place in the window, so that a wrong window shows."""

    def __init__(self, vocabulary: int = 256) -> None:
        super().__init__()
        table = torch.randn(vocabulary, vocabulary, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.table = nn.Parameter(table)

    def forward(self, tokens: Tensor) -> Tensor:
        place = torch.arange(1, tokens.shape[1] + 1)[:, None]
        return self.table[tokens] / place


def prepared(path: Path, content: str | bytes | None = None, **fields: object) -> PreparedText:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Text(path=str(path), **fields).prepare()


def letters(count: int) -> bytes:
    return bytes(np.random.default_rng(0).integers(97, 123, count).tolist())


def windows_of(task: PreparedText, steps: range, size: int, seed: int = 0) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = []
    for step in steps:
        batch = task.batch(seed, step, size)
        assert batch.tensors["inputs"][:, 1:].equal(batch.tensors["targets"][:, :-1])
        rows += [tuple(row) for row in batch.tensors["inputs"].tolist()]
    return rows


def test_a_batch_depends_on_seed_and_step_alone(text: Path) -> None:
    task, other = prepared(text, length=16), prepared(text, length=16)
    forwards = [task.batch(3, step, 5).tensors for step in range(200)]
    backwards = [other.batch(3, step, 5).tensors for step in reversed(range(200))][::-1]
    assert all(
        a["inputs"].equal(b["inputs"]) and a["targets"].equal(b["targets"])
        for a, b in zip(forwards, backwards, strict=True)
    )
    assert not forwards[0]["inputs"].equal(task.batch(4, 0, 5).tensors["inputs"])
    assert not forwards[0]["inputs"].equal(forwards[1]["inputs"])


@pytest.mark.parametrize("size", [1, 4, 7])
def test_every_window_of_an_epoch_is_read_once(tmp_path: Path, size: int) -> None:
    task = prepared(tmp_path / "x", bytes(range(256)), length=8, validation=0.1)
    train = task.encoded["train"].tolist()
    count = len(train) // 8 - 1
    rows = windows_of(task, range(math.ceil(3 * count / size)), size)
    orders = []
    for epoch in range(3):
        starts = [
            row[0] for row in rows[epoch * count : (epoch + 1) * count]
        ]  # the text counts, so a symbol is a place
        offset = min(starts)
        assert offset < 8
        assert sorted(starts) == list(range(offset, offset + 8 * count, 8))
        orders.append(starts)
    assert len({tuple(start - min(order) for start in order) for order in orders}) == 3
    assert len({min(order) for order in orders}) > 1


def test_epochs_are_counted(text: Path) -> None:
    task = prepared(text, length=16)
    count = len(task.encoded["train"]) // 16 - 1
    assert task.batch(0, 0, 4).epoch == pytest.approx(4 / count)
    assert task.batch(0, 9, 4).epoch == pytest.approx(40 / count)
    assert task.batch(0, 9, 4).scored == task.batch(0, 9, 4).tokens == 64


def test_nothing_held_out_is_trained_on(tmp_path: Path) -> None:
    task = prepared(tmp_path / "x", b"a" * 900 + b"b" * 100 + b"c" * 100, length=8, validation=0.1, test=0.1)
    assert len(task.encoded["train"]) == 880
    for step in range(300):
        batch = task.batch(1, step, 9).tensors
        assert set(batch["inputs"].unique().tolist()) | set(batch["targets"].unique().tolist()) == {ord("a")}
    assert bytes(task.encoded["test"]) == b"b" * 10 + b"c" * 100


def test_the_parts_are_the_text(text: Path) -> None:
    task = prepared(text, length=16, validation=0.2, test=0.1)
    assert b"".join(bytes(task.encoded[name]) for name in ("train", "val", "test")) == text.read_bytes()
    assert task.splits() == ("val", "test")
    assert prepared(text, length=16).splits() == ("val",)


def by_hand(task: PreparedText, model: ByPlace, which: str) -> tuple[float, int, float]:
    """Nats, symbols and bytes: each symbol but the first in the first window that holds it as a target."""
    symbols = task.encoded[which].tolist()
    lengths = task.symbols.byte_lengths()
    count = len(symbols) - 1
    length = min(task.spec.window, count)
    stride = max(1, length - int(task.spec.overlap * length))
    nats, size, table = 0.0, 0.0, model.table.detach().numpy()
    for at in range(1, len(symbols)):
        start = 0
        while start + length < at:
            start = min(start + stride, count - length)
        logits = table[symbols[at - 1]] / (at - start)
        nats += np.log(np.exp(logits).sum()) - logits[symbols[at]]
        size += float(lengths[symbols[at]])
    return nats, count, size


@pytest.mark.parametrize("held_out", [8, 9, 17, 40, 64])
@pytest.mark.parametrize(("length", "overlap"), [(1, 0.5), (2, 0.5), (5, 0.5), (8, 0), (16, 0.8), (16, 0), (30, 0.99)])
def test_each_held_out_symbol_is_scored_once(tmp_path: Path, held_out: int, length: int, overlap: float) -> None:
    path = tmp_path / "x"
    path.write_bytes(letters(200 + held_out))
    task = prepared(path, length=length, overlap=float(overlap), validation=(held_out - 0.5) / (200 + held_out))
    assert len(task.encoded["val"]) == held_out
    model = ByPlace()
    nats, symbols, size = by_hand(task, model, "val")
    found = task.evaluate(model, "val")
    assert found["symbols"] == symbols == held_out - 1
    assert found["loss"] == pytest.approx(nats / symbols, rel=1e-9)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-9)


def test_many_windows_in_small_batches_are_the_same(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, model = prepared(text, length=16, overlap=0.7), ByPlace()
    whole = task.evaluate(model, "val")
    assert tuple(whole) == task.metrics
    monkeypatch.setattr("seqlab.tasks.shared.windows.EVALUATION_SYMBOLS", 50)
    assert task.evaluate(model, "val") == pytest.approx(whole, rel=1e-12)
    monkeypatch.undo()
    passes: list[int] = []
    model.register_forward_hook(lambda module, inputs, logits: passes.append(logits.numel()))
    two_windows = 2 * 16 * task.symbols.size
    monkeypatch.setattr("seqlab.tasks.shared.windows.EVALUATION_LOGITS", two_windows)
    assert task.evaluate(model, "val") == pytest.approx(whole, rel=1e-12)
    assert max(passes) == two_windows


def test_a_longer_evaluation_window(text: Path) -> None:
    task, model = prepared(text, length=16, evaluation_length=40, overlap=0.75), ByPlace()
    assert task.signature.length == 40
    assert task.batch(0, 0, 2).tensors["inputs"].shape == (2, 16)
    nats, symbols, _ = by_hand(task, model, "val")
    assert task.evaluate(model, "val")["loss"] == pytest.approx(nats / symbols, rel=1e-9)


def test_lower_case_changes_the_capital_letters_and_nothing_else(tmp_path: Path) -> None:
    content = "The Ätna [AZ`az{@\n" * 40
    small = prepared(tmp_path / "text.txt", content, length=8, lowercase=True, symbols="characters")
    plain = prepared(tmp_path / "text.txt", length=8, symbols="characters")
    assert small.bytes["train"].tobytes().decode() == plain.bytes["train"].tobytes().decode().translate(LOWER)
    assert set(small.symbols.alphabet) == set("the Ätna [az`az{@\n")
    assert small.fingerprints == plain.fingerprints


def test_bits_per_byte_counts_the_bytes_of_characters(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("aé漢🙂 " * 60, encoding="utf-8")
    task = prepared(path, length=4, symbols="characters")
    assert task.signature.vocabulary == 5
    model = ByPlace(5)
    nats, symbols, size = by_hand(task, model, "val")
    assert size > 2 * symbols
    assert task.evaluate(model, "val")["bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-9)
    assert bytes(task.bytes["val"]).decode() == bytes(task.symbols.decode(task.encoded["val"])).decode()


def test_accuracy_of_a_model_that_knows(tmp_path: Path) -> None:
    task, model = prepared(tmp_path / "x", b"abcd" * 200, length=8), ByPlace()
    with torch.no_grad():
        model.table.zero_()
        for now, after in zip(b"abcd", b"bcda", strict=True):
            model.table[now, after] = 1000.0
    found = task.evaluate(model, "val")
    assert found["accuracy"] == 1.0
    assert found["loss"] == pytest.approx(0, abs=1e-6)


def test_the_subset_is_fixed_small_and_part_of_the_split(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(letters(20000))
    task = prepared(path, length=16, subset_bytes=200)
    seen: list[list[int]] = []

    class Noting(ByPlace):
        def forward(self, tokens: Tensor) -> Tensor:
            seen.extend(tokens.tolist())
            return super().forward(tokens)

    model = Noting()
    first = task.evaluate(model, "val", subset=True)
    assert 150 < first["symbols"] < 300
    held_out = bytes(task.encoded["val"])
    assert all(bytes(row) in held_out for row in seen)
    places = [held_out.index(bytes(row)) for row in seen]
    assert places[0] == 0
    assert places[-1] > 0.9 * len(held_out)
    noted = list(seen)
    seen.clear()
    assert task.evaluate(model, "val", subset=True) == first
    assert seen == noted
    large = prepared(path, length=16, subset_bytes=10**6)
    assert large.evaluate(model, "val", subset=True) == large.evaluate(model, "val")


def test_the_loss_is_a_sum_over_the_rows_of_a_part(text: Path) -> None:
    task, model = prepared(text, length=16), ByPlace()
    batch = task.batch(0, 0, 7)
    loss, others = task.loss(model, batch)
    logits = model(batch.tensors["inputs"]).log_softmax(-1)
    expected = -logits.gather(-1, batch.tensors["targets"][..., None]).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    assert others == {}
    parts = batch.parts(3)
    assert [len(part.tensors["inputs"]) for part in parts] == [2, 2, 3]
    assert sum(task.loss(model, part)[0].item() for part in parts) == pytest.approx(loss.item(), rel=1e-12)
    assert {part.scored for part in parts} == {batch.scored}
    assert isinstance(batch.to(torch.device("cpu")), Batch)


def test_the_test_split_is_scored_once_at_the_end(tiny: Experiment) -> None:
    run, _, _ = carried_out(replace(tiny, task=replace(tiny.task, test=0.1)))
    assert run.metrics.curve("test/loss")[0] == [8]
    assert [line["step"] for line in run.metrics.lines() if any(name.startswith("test") for name in line)] == [8]
    other, _, _ = carried_out(tiny, "without")
    assert not any(name.startswith("test") for name in other.metrics.last)


def test_floors_and_held_out_inputs(text: Path) -> None:
    task = prepared(text, length=16)
    assert task.floors()["uniform"]["nats_per_symbol"] == pytest.approx(math.log(256))
    assert task.floors()["bigram"]["nats_per_symbol"] < task.floors()["unigram"]["nats_per_symbol"]
    assert task.slow_floors()["ngram"]["bits_per_byte"] > 0
    (inputs,) = task.held_out_inputs(3)
    assert inputs.shape == (3, 16)
    assert all(bytes(row) in bytes(task.encoded["val"]) for row in inputs.tolist())
    (short,) = prepared(text, length=500, validation=0.05).held_out_inputs(3)
    assert short.shape[1] < 500


def test_an_experiment_is_its_content_not_its_place(tiny: Experiment, text: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "copy.txt"
    copy.parent.mkdir()
    shutil.copy(text, copy)
    moved = replace(tiny, task=replace(tiny.task, path=str(copy)))
    assert id(moved) == id(tiny)
    assert prepared(copy, length=16).fingerprints == {copy.name: next(iter(prepared(text).fingerprints.values()))}
    copy.write_bytes(copy.read_bytes() + b"!")
    assert id(moved) != id(tiny)


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        (b"", {}, "is empty"),
        (b"too short", {}, "too few for windows of 16"),
        (letters(200), {"length": 150}, "the train part has 180 symbols, too few for windows of 150"),
        (letters(40), {"length": 4}, "the val part has 4 symbols, too few"),
        (b"\xff\xfe" + letters(500), {"symbols": "characters"}, "UTF-8"),
        (letters(3), {}, "too short|too few"),
    ],
)
def test_a_text_that_cannot_be_used(tmp_path: Path, content: bytes, fields: dict[str, object], message: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        prepared(path, **{"length": 16, **fields})


def test_bytes_need_not_be_text(tmp_path: Path) -> None:
    task = prepared(tmp_path / "x", bytes(range(256)) * 4, length=8)
    assert task.evaluate(ByPlace(), "val")["symbols"] == len(task.encoded["val"]) - 1


def test_a_batch_that_the_text_does_not_fill(text: Path) -> None:
    task = prepared(text, length=16)
    windows = len(task.encoded["train"]) // 16 - 1
    task.check_batch(windows)
    with pytest.raises(DataError, match=f"do not fill a batch of {windows + 1} x 16 .*make `batch.size`"):
        task.check_batch(windows + 1)


def test_settings_that_do_not_go_together(text: Path) -> None:
    for fields, message in (
        ({"symbols": "tokenizer"}, "go together"),
        ({"tokenizer": "x.json"}, "go together"),
        ({"validation": 0.6, "test": 0.4}, "leave nothing to train on"),
        ({"overlap": 1.0}, "less than 1"),
        ({"length": 0}, "length"),
    ):
        with pytest.raises(SpecError, match=message):
            Text(path=str(text), **fields)


def test_the_split_is_that_of_the_data_module(text: Path) -> None:
    task = prepared(text, length=16, validation=0.2)
    parts = split(np.frombuffer(text.read_bytes(), np.uint8), 0.2, 0.0)
    assert bytes(parts.valid) == bytes(task.encoded["val"])


class Says(nn.Module):
    """The same probabilities (V,), whatever it reads."""

    def __init__(self, share: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(share.log())

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits.expand(*tokens.shape, -1)


def test_bits_within_a_fifth_are_scored_where_asked(tmp_path: Path) -> None:
    """Of "a" 0x61 and "c" 0x63 seven bits are alike; that of 2 is known where one of them has more than 0.8."""
    task = prepared(tmp_path / "x", "ac" * 400, length=8, bit_accuracy=True)
    assert task.metrics[-1] == "bit_accuracy"
    for of_a, due in ((0.5, 7 / 8), (0.79, 7 / 8), (0.81, 15 / 16)):
        share = torch.full((256,), 1e-30, dtype=torch.float64)
        share[ord("a")], share[ord("c")] = of_a, 1 - of_a
        assert task.evaluate(Says(share), "val")["bit_accuracy"] == pytest.approx(due, abs=1e-2)  # windows are odd


def test_the_floors_of_bits_are_what_such_models_score(tmp_path: Path) -> None:
    task = prepared(tmp_path / "x", letters(4000), length=8, bit_accuracy=True)
    counts = torch.bincount(torch.from_numpy(task.encoded["train"].astype(np.int64)), minlength=256).double() + 1e-9
    for name, share in (("uniform", torch.full((256,), 1 / 256, dtype=torch.float64)), ("unigram", counts)):
        scored = task.evaluate(Says(share / share.sum()), "val")["bit_accuracy"]
        assert task.floors()[name]["bit_accuracy"] == pytest.approx(scored, abs=5e-3)  # of one symbol more
    assert task.floors()["uniform"]["bit_accuracy"] == 0


def test_bits_are_off_by_default_and_of_bytes(text: Path) -> None:
    task = prepared(text, length=16)
    assert "bit_accuracy" not in task.metrics
    assert "bit_accuracy" not in task.floors()["unigram"]
    with pytest.raises(SpecError, match="`bit_accuracy` is of bytes, and `symbols` is characters"):
        Text(path=str(text), symbols="characters", bit_accuracy=True)
