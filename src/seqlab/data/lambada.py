"""LAMBADA's passages: the last word of each is to be predicted (Paperno et al., arXiv 1606.06031).

The official file is OpenAI's lambada_test.jsonl: a JSON object a line, the passage in `text`. The protocol is that of
HazyResearch/safari, evals/lambada.py, which follows openai/gpt-2 issue 131.
"""

import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

from seqlab.data import DataError
from seqlab.data.symbols import Symbols
from seqlab.data.text import read_text

__all__ = ["OFFICIAL_COUNT", "Passage", "read_passages", "stop_symbols"]

OFFICIAL_COUNT = 5153
"""Passages of the official file."""


@dataclass(frozen=True)
class Passage:
    """A passage in symbols (n,), and its last word with the space before it (m,)."""

    line: int
    symbols: np.ndarray
    word: np.ndarray


def read_passages(location: str, symbols: Symbols) -> tuple[list[Passage], str]:
    """The passages of a file and its SHA-256. Raises DataError naming the line that holds none."""
    source = read_text(location)
    lines = source.data.tobytes().splitlines()
    found = [_passage(location, number, line, symbols) for number, line in enumerate(lines, start=1) if line.strip()]
    return found, source.sha256


def _passage(location: str, number: int, line: bytes, symbols: Symbols) -> Passage:
    try:
        text = json.loads(line)["text"]
        words = text.strip().split(" ")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{location}, line {number}, is no JSON object with a `text` ({type(error).__name__}); the official "
            "file is lambada_test.jsonl, and one that is cut off ends so"
        ) from error
    if len(words) < 2:
        raise DataError(f"{location}, line {number}, has a `text` of fewer than two words: there is nothing to predict")
    prompt = "\n" + text.replace("“", '"').replace("”", '"').strip()
    word = " " + prompt.split(" ")[-1]
    return Passage(number, symbols.encode(prompt.encode()), symbols.encode(word.encode()))


def stop_symbols(symbols: Symbols) -> np.ndarray:
    """The symbols (n,) that are a space and a stop word; of an alphabet of bytes or characters there are none."""
    words = resources.files("seqlab.data").joinpath("embedded", "stop_words.txt").read_text(encoding="utf-8").split()
    encoded = [symbols.encode(f" {word}".encode()) for word in words] if symbols.kind == "tokenizer" else []
    return np.array(sorted(int(ids[0]) for ids in encoded if len(ids) == 1), np.int64)
