"""WikiText: which files are taken, what is read of them, and what a perplexity is of."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import seqlab
from seqlab.audits.shared.gate import defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.channels.mlp import MLP
from seqlab.data import DataError, wikitext
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.spec import id
from seqlab.tasks.wikitext import WikiText
from seqlab.train.start import prepare
from wikitext_folder import settings, write_tokenizer, write_wikitext


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """The settings of a task on small files."""
    write_tokenizer(tmp_path)
    write_wikitext(tmp_path / "wiki")
    return settings(tmp_path)


def trained(files: dict[str, Any], **others: Any) -> Experiment:
    return Experiment(
        task=WikiText(**files),
        model=LM(dim=16, layers=(Block(mixer=Attention(heads=2), channel=MLP(expansion=2.0)),) * 2),
        budget=Budget(steps=3),
        batch=Batching(size=4),
        precision="float32",
        **others,
    )


class Even(nn.Module):
    """The same logit for each of so many symbols, so that every token costs ln V."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits.expand(*tokens.shape, -1)


def test_perplexities_of_tokens_words_and_bytes(files: dict[str, Any]) -> None:
    task = WikiText(**files).prepare()
    lines = [line for line in (Path(files["folder"]) / "wiki.test.raw").read_text().splitlines(True) if line.strip()]
    words, size = sum(len(line.split()) + 1 for line in lines), sum(len(line.encode()) for line in lines)
    tokens = len(task.encoded["test"])
    assert task.symbols.decode(task.encoded["test"]) == "".join(lines).encode()
    found = task.evaluate(Even(264), "test")
    assert tuple(found) == task.metrics
    assert found["symbols"] == tokens - 1
    assert found["perplexity"] == pytest.approx(264)
    scored = size - int(task.symbols.byte_lengths()[task.encoded["test"][0]])
    nats = (tokens - 1) * math.log(264)
    assert found["byte_perplexity"] == pytest.approx(math.exp(nats / scored))
    assert found["byte_perplexity"] == pytest.approx(2 ** found["bits_per_byte"])
    assert found["word_perplexity"] == pytest.approx(math.exp(nats / (words * scored / size)))


def test_a_run_scores_all_three_splits_and_raises_no_alarm(files: dict[str, Any], tmp_path: Path) -> None:
    experiment = trained(files)
    subject = Subject(prepare(experiment, tmp_path).training)
    for result in examine(subject, defaults(subject)):
        assert result.status == "pass", result.sentence()
    run = seqlab.run(experiment, runs=tmp_path)
    last = run.metrics.last
    assert last["val/perplexity"] == pytest.approx(math.exp(last["val/loss"]))
    assert last["test/word_perplexity"] > 1000 * last["test/perplexity"]
    assert 1 < last["test/byte_perplexity"] <= last["test/perplexity"] * 1.000001
    assert {"uniform", "unigram", "bigram", "ngram"} <= run.summary["floors"].keys()
    assert run.origin["signature"]["vocabulary"] == 264


def test_the_experiment_is_known_by_its_files_and_not_by_their_place(files: dict[str, Any], tmp_path: Path) -> None:
    one = id(trained(files))
    (tmp_path / "other").mkdir()
    moved = files | {"folder": str(write_wikitext(tmp_path / "other" / "wiki"))}
    assert id(trained(moved)) == one
    (tmp_path / "other" / "wiki" / "wiki.test.raw").write_text(" another text \n" * 9)
    assert id(trained(moved)) != one


def test_files_of_another_version_are_refused(files: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"wiki.train.raw has 90 lines and that of wikitext-2 has 36,718"):
        WikiText(**files | {"edition": "wikitext-2"}).prepare()
    monkeypatch.setitem(wikitext.LINES, "wikitext-2", {"train": 90, "val": 30, "test": 30})
    WikiText(**files | {"edition": "wikitext-2"}).prepare()
    test = Path(files["folder"]) / "wiki.test.raw"
    test.write_bytes(test.read_bytes()[:-2])
    with pytest.raises(DataError, match="ends inside a line, so it is cut off"):
        WikiText(**files | {"edition": "wikitext-2"}).prepare()
    test.rename(test.with_suffix(".tokens"))
    with pytest.raises(DataError, match="holds the edition with <unk>"):
        WikiText(**files).prepare()
    test.with_suffix(".tokens").unlink()
    with pytest.raises(DataError, match=r"there is no .*wiki.test.raw: .*550 MB.*licence"):
        WikiText(**files).prepare()


def test_a_vocabulary_that_is_too_small_is_refused(files: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"`task.vocabulary` is 256 .* has 259 symbols"):
        WikiText(**files | {"vocabulary": 256}).prepare()


def test_the_sizes_are_known_without_the_files() -> None:
    signature = WikiText(folder="wikitext-103-raw").foretold()
    assert (signature.vocabulary, signature.length) == (50264, 1024)
