"""A small byte-level tokenizer, and a folder in WikiText's form, for tests that must not fetch anything."""

import json
import random
from pathlib import Path

from seqlab.data import builders, tokenizer

WORDS = ("the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "seven", "wizards", "brew", "to")


def write_tokenizer(folder: Path) -> Path:
    """A byte-level BPE in GPT-2's form with 256 bytes, two merges and the end symbol."""
    vocabulary = tokenizer._byte_alphabet() | {"be": 256, "Ġbe": 257, "<|endoftext|>": 258}
    members = {
        "package/encoder.json": json.dumps(vocabulary).encode(),
        "package/vocab.bpe": "#version: 0.2\nb e\nĠ be\n".encode(),
    }
    path = folder / "tokenizer.json"
    path.write_bytes(builders.gpt2_tokenizer(members))
    return path


def write_wikitext(folder: Path, lines: int = 90) -> Path:
    """wiki.train.raw, wiki.valid.raw and wiki.test.raw: a heading, then lines of words, every third line blank."""
    folder.mkdir()
    for number, (name, count) in enumerate({"train": lines, "valid": lines // 3, "test": lines // 3}.items()):
        draws = random.Random(number)
        rows = (_row(row, draws) for row in range(count))
        (folder / f"wiki.{name}.raw").write_text("".join(f" {row} \n" if row else " \n" for row in rows))
    return folder


def _row(number: int, draws: random.Random) -> str:
    if number % 3 == 0:
        return ""
    return "= Title =" if number == 1 else " ".join(draws.choices(WORDS, k=11))


def settings(folder: Path) -> dict[str, object]:
    """The fields of a task on files that `write_wikitext` and `write_tokenizer` made in a folder."""
    return {
        "folder": str(folder / "wiki"),
        "edition": "own",
        "tokenizer": str(folder / "tokenizer.json"),
        "vocabulary": 264,
        "length": 16,
    }
