"""Tokens of a byte-level BPE, as in the tokenizer.json of GPT-2, GPT-NeoX and their like.

Only byte-level ones are taken: each of their tokens stands for known bytes, so bits per byte is exact.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from seqlab.data import DataError, arrays, cache, progress
from seqlab.data.cache import Readable
from seqlab.data.text import absolute, read_text
from seqlab.places import cache_folder

_PIECE = 1 << 20
"""Bytes that the library is given at once, at least."""
_CACHED_FROM = 1 << 20
_BETWEEN_WORDS = re.compile(rb"(?<=[A-Za-z])(?= [A-Za-z])")
"""A letter, then a space and a letter: the pre-tokenizers of this family always split before that space."""
_LINE_END = re.compile(rb"\n")


class Tokenizer:
    """The symbols of the tokenizer.json at `location` (`card:NAME` or a path).

    `sha256`, where given, must be that of the file. Raises DataError if it is not, or if the file is not byte-level.
    """

    kind: ClassVar[str] = "tokenizer"

    def __init__(self, location: str, sha256: str = ""):
        source = read_text(location, role="tokenizer")
        if sha256 not in ("", source.sha256):
            raise DataError(
                f"the tokenizer at {location} has sha256 {source.sha256[:12]}..., the saved one had {sha256[:12]}...; "
                "put the file it was made with there"
            )
        self.location, self.sha256 = location, source.sha256
        content = as_text(source.data, f"the tokenizer at {location}")
        self._table = _byte_table(content, location)
        self._library = _library(content, location)

    @property
    def size(self) -> int:
        """One more than the highest id."""
        return len(self._table)

    def named(self, token: str) -> int | None:
        """The id of a token by its text, such as `<|endoftext|>`; None where there is none."""
        found: int | None = self._library.token_to_id(token)
        return found

    def encode(self, data: Readable) -> np.ndarray:
        """UTF-8 bytes to ids, without special symbols added. Long texts (above 1 MiB) are kept in the cache."""
        return self._ids(cache.buffer(data), "", _pieces, self._encode_piece)

    def encode_lines(self, data: Readable) -> np.ndarray:
        """UTF-8 bytes to ids, each line by itself with its end, as language models on WikiText are trained; blank
        lines are left out. Long texts (above 1 MiB) are kept in the cache."""
        return self._ids(cache.buffer(data), "-lines", _whole_lines, self._encode_lines)

    def _ids(
        self,
        data: memoryview,
        form: str,
        cut: Callable[[memoryview], Iterator[bytes]],
        encode: Callable[[str], list[list[int]]],
    ) -> np.ndarray:
        """The ids of all pieces, in a memory that does not grow with the text."""
        dtype = smallest_unsigned(self.size)

        def pieces() -> Iterator[np.ndarray]:
            start = 0
            for piece in progress.told(f"tokenizing {data.nbytes / 1e6:,.0f} MB", cut(data), len, data.nbytes):
                yield np.concatenate(
                    [np.empty(0, dtype), *_arrays(encode(as_text(piece, "a tokenizer", start)), dtype)]
                )
                start += len(piece)

        if data.nbytes < _CACHED_FROM:
            return np.concatenate([np.empty(0, dtype), *pieces()])
        name = f"{cache.sha256(data)[:32]}-{self.sha256[:32]}{form}.npy"
        return arrays.kept(cache_folder() / "tokens" / name, dtype, pieces)

    def _encode_piece(self, text: str) -> list[list[int]]:
        return [self._library.encode(text, add_special_tokens=False).ids]

    def _encode_lines(self, text: str) -> list[list[int]]:
        lines = [line for line in text.split("\n")[:-1] if line.strip()]
        found = self._library.encode_batch_fast([f"{line}\n" for line in lines], add_special_tokens=False)
        return [line.ids for line in found]

    def decode(self, ids: np.ndarray) -> bytes:
        """The bytes of the tokens, joined; not always whole UTF-8 (see StreamDecoder)."""
        return b"".join(self._table[index] for index in check_ids(ids, self.size).tolist())

    def byte_lengths(self) -> np.ndarray:
        """How many bytes each token stands for; 0 for an id that the file leaves free."""
        return np.array([len(token) for token in self._table], np.int64)

    def to_json(self) -> dict[str, Any]:
        """Where the file lies, from any folder, and what it hashes to; the file itself is not repeated."""
        return {"kind": self.kind, "location": absolute(self.location), "sha256": self.sha256}


def as_text(data: Readable, reader: str, start: int = 0) -> str:
    """Decode UTF-8. Raises DataError naming the first byte that is none, counted from `start`."""
    try:
        return str(cache.buffer(data), "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte {start + error.start:,} of the text is not UTF-8, which {reader} must read; convert it to UTF-8 or "
            "use bytes"
        ) from error


def check_ids(ids: np.ndarray, size: int) -> np.ndarray:
    """The ids, as an array. Raises DataError if one is not an integer in [0, size)."""
    ids = np.asarray(ids)
    if ids.size and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= size):
        raise DataError(f"ids must be integers from 0 to {size - 1}, here from {ids.min()} to {ids.max()}")
    return ids.astype(np.int64)


def smallest_unsigned(size: int) -> np.dtype[Any]:
    """The smallest unsigned integer type that holds the ids of `size` symbols."""
    return np.min_scalar_type(size - 1)


def _pieces(data: memoryview) -> Iterator[bytes]:
    """`data` in pieces of at least 1 MiB, cut where no token can cross, so memory stays bounded."""
    start = 0
    while cut := _BETWEEN_WORDS.search(data, start + _PIECE):
        yield bytes(data[start : cut.start()])
        start = cut.start()
    yield bytes(data[start:])


def _whole_lines(data: memoryview) -> Iterator[bytes]:
    """`data` in pieces of at least 1 MiB of whole lines. Raises DataError where the last line has no end."""
    start = 0
    while end := _LINE_END.search(data, start + _PIECE):
        yield bytes(data[start : end.end()])
        start = end.end()
    if start < data.nbytes and data[-1] != ord("\n"):
        raise DataError("the text ends inside a line, so its file is cut off; get it again")
    yield bytes(data[start:])


def _arrays(pieces: list[list[int]], dtype: np.dtype[Any]) -> list[np.ndarray]:
    return [np.array(ids, dtype) for ids in pieces]


def _library(content: str, location: str) -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise DataError("reading a tokenizer.json needs the package tokenizers: pip install 'seqlab[hf]'") from error
    try:
        return tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # the library raises bare Exception for a malformed file
        raise DataError(f"{location} is not a tokenizer.json that the tokenizers library reads ({error})") from error


def _byte_table(content: str, location: str) -> list[bytes]:
    """The bytes of each id. Added tokens are written as they are, the others in GPT-2's alphabet for bytes."""
    try:
        parsed = json.loads(content)
        decoder, vocabulary = parsed["decoder"]["type"], parsed["model"]["vocab"]
        added = {token["id"]: token["content"].encode() for token in parsed["added_tokens"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{location} is not a tokenizer.json with a model, a decoder and added_tokens") from error
    if decoder != "ByteLevel":
        raise DataError(f"{location} decodes by {decoder}; only byte-level tokenizers (ByteLevel) are supported")
    alphabet = _byte_alphabet()
    known = {index: bytes(alphabet[c] for c in token) for token, index in vocabulary.items() if index not in added}
    table = known | added
    return [table.get(index, b"") for index in range(max(table) + 1)]


def _byte_alphabet() -> dict[str, int]:
    """GPT-2's name for each byte: printable Latin-1 as it is, the other 68 from U+0100 on (openai/gpt-2 encoder.py)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    names = [chr(byte) for byte in printable] + [chr(256 + place) for place in range(len(others))]
    return dict(zip(names, printable + others, strict=True))
