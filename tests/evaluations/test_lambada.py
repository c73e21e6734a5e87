"""LAMBADA: the protocol on a file made by hand and a model made by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.lambada import read_passages, stop_symbols
from seqlab.data.symbols import Bytes
from seqlab.data.tokenizer import Tokenizer
from seqlab.evaluations.lambada import Lambada
from wikitext_folder import write_tokenizer


class Reader(nn.Module):
    """Its logits after the last `reach` bytes of a text that it knows favour the byte that follows them there."""

    causal, max_length = True, 60

    def __init__(self, vocabulary: int, rules: dict[bytes, list[tuple[int, float]]]) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.rules, self.shapes = rules, list[tuple[int, int]]()

    def forward(self, tokens: Tensor) -> Tensor:
        self.shapes.append((tokens.shape[0], tokens.shape[1]))
        logits = self.bias.expand(*tokens.shape, -1).clone()
        for row, symbols in enumerate(tokens.tolist()):
            for at in range(len(symbols)):
                seen = bytes(symbol % 256 for symbol in symbols[: at + 1])
                for end, likely in self.rules.items():
                    if seen.endswith(end):
                        for symbol, logit in likely:
                            logits[row, at, symbol] = logit
        return logits


def write(path: Path, *texts: str) -> str:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return str(path)


def test_three_passages(tmp_path: Path) -> None:
    """Bytes: the first word is right, of the second one byte is wrong, the third is likeliest but for one symbol."""
    file = write(tmp_path / "f.jsonl", "we “say” hi  ", "we all say ho", "it is I")
    passages, _ = read_passages(file, Bytes())
    assert [bytes(p.symbols.tolist()) for p in passages] == [b'\nwe "say" hi', b"\nwe all say ho", b"\nit is I"]
    assert [bytes(p.word.tolist()) for p in passages] == [b" hi", b" ho", b" I"]
    rules = {b'"': [(32, 5.0)], b" h": [(105, 5.0)], b"y": [(32, 5.0)], b" ": [(104, 5.0)], b"is": [(32, 5.0)]}
    model = Reader(256, rules)
    answers = Lambada(file=file).ask(model, Bytes())
    assert answers.measured["count"] == 3
    assert answers.measured["accuracy"] == pytest.approx(1 / 3)
    normaliser = math.log(255 + math.exp(5.0))
    nats = 3 * (normaliser - 5) + 2 * (normaliser - 5) + normaliser + (normaliser - 5) + normaliser
    assert answers.measured["perplexity"] == pytest.approx(math.exp(nats / 3), rel=1e-5)
    assert answers.remarks == ("this file has 3 passages and LAMBADA has 5,153: no published number",)
    assert answers.fingerprints.keys() == {"f.jsonl"}


def test_the_filter_leaves_out_a_space_with_a_stop_word(tmp_path: Path) -> None:
    """ " be" is one token and a stop word; without it the model's second choice counts."""
    symbols = Tokenizer(str(write_tokenizer(tmp_path)))
    assert stop_symbols(symbols).tolist() == [257]
    assert stop_symbols(Bytes()).tolist() == []
    file = write(tmp_path / "f.jsonl", "it can be x", "it can be")
    space, x = symbols.encode(b" x").tolist()
    model = Reader(264, {b"n": [(257, 3.0)], b"\x01": [(257, 9.0), (space, 8.0), (263, 99.0)], b" ": [(x, 5.0)]})
    found = Lambada(file=file).ask(model, symbols).measured
    assert found["accuracy"] == 0.5  # the padded alphabet's 263 is no symbol; " be" is likelier than " "
    assert found["accuracy_filtered"] == 0.5  # now " x" is right, and " be" can be no answer
    model = Reader(264, {b"n": [(257, 3.0)]})
    found = Lambada(file=write(tmp_path / "g.jsonl", "it can be")).ask(model, symbols).measured
    assert (found["accuracy"], found["accuracy_filtered"]) == (1.0, 0.0)


def test_batches_are_of_nearly_equal_length_and_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "f.jsonl", *(f"{'so ' * (n % 7)}we say hi" for n in range(20)))
    model = Reader(256, {b" h": [(105, 5.0)], b"y": [(32, 5.0)], b"say ": [(104, 2.0)], b"we ": [(104, 5.0)]})
    whole = Lambada(file=file).ask(model, Bytes()).measured
    assert model.shapes == [(20, 27)]
    model.shapes.clear()
    monkeypatch.setattr("seqlab.evaluations.lambada.LOGITS_AT_ONCE", 256 * 40)
    assert Lambada(file=file).ask(model, Bytes()).measured == pytest.approx(whole, rel=1e-6)
    lengths = [length for _, length in model.shapes]
    assert lengths == sorted(lengths, reverse=True)
    assert max(rows * length for rows, length in model.shapes) <= 40


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"text": "a b"}\n{"text": "a', "line 2, is no JSON object with a `text`"),
        (b'{"words": "a b"}\n', "line 1, is no JSON object"),
        (b'["a b"]\n', "line 1, is no JSON object"),
        (b'{"text": "a"}\n', "line 1, has a `text` of fewer than two words"),
        (b"\n\n", "holds no passage"),
    ],
)
def test_a_malformed_file_names_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "f.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=told):
        Lambada(file=str(tmp_path / "f.jsonl")).ask(Reader(256, {}), Bytes())


def test_a_passage_that_is_too_long_and_a_model_that_sees_the_answer(tmp_path: Path) -> None:
    model = Reader(256, {})
    with pytest.raises(DataError, match="line 1, has 101 symbols and the model reads 60 at most"):
        Lambada(file=write(tmp_path / "f.jsonl", "so " * 32 + "that")).ask(model, Bytes())
    model.causal = False
    with pytest.raises(DataError, match="not causal"):
        Lambada(file=write(tmp_path / "f.jsonl", "we say hi")).ask(model, Bytes())
