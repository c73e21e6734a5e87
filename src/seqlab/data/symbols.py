"""What a model reads: bytes, characters, or (tokenizer.py) the tokens of a tokenizer.json.

Every kind of symbols offers what the protocol `Symbols` states. Ids are the smallest unsigned integers that hold
them: (symbols,) uint8, uint16 or uint32. `byte_lengths` turns nats per symbol into bits per byte.
"""

import codecs
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Protocol

import numpy as np

from seqlab.data import DataError
from seqlab.data.cache import Readable
from seqlab.data.tokenizer import Tokenizer, as_text, check_ids, smallest_unsigned

Json = dict[str, Any]


class Symbols(Protocol):
    """A fixed alphabet of `size` symbols between bytes and ids."""

    kind: ClassVar[str]

    @property
    def size(self) -> int:
        """How many symbols there are; ids lie in [0, size)."""

    def encode(self, data: Readable) -> np.ndarray:
        """Bytes to ids (symbols,). Raises DataError for what the alphabet cannot say."""

    def decode(self, ids: np.ndarray) -> bytes:
        """Ids (symbols,) to bytes; what is encoded is decoded to itself. Raises DataError for an id out of range."""

    def byte_lengths(self) -> np.ndarray:
        """How many bytes each symbol stands for: (size,) int64."""

    def to_json(self) -> Json:
        """What `from_json` makes these symbols of again."""


class Bytes:
    """The 256 byte values; encoding is a view, not a copy."""

    kind: ClassVar[str] = "bytes"
    size = 256

    def encode(self, data: Readable) -> np.ndarray:
        """The bytes themselves: (bytes,) uint8."""
        return np.frombuffer(data, dtype=np.uint8)

    def decode(self, ids: np.ndarray) -> bytes:
        """The ids as bytes."""
        return check_ids(ids, self.size).astype(np.uint8).tobytes()

    def byte_lengths(self) -> np.ndarray:
        """One byte a symbol."""
        return np.ones(self.size, np.int64)

    def to_json(self) -> Json:
        """The kind says all."""
        return {"kind": self.kind}


class Characters:
    """The Unicode characters of `alphabet`; the id of a character is its place there."""

    kind: ClassVar[str] = "characters"

    def __init__(self, alphabet: str):
        if not alphabet or len(set(alphabet)) != len(alphabet):
            raise DataError("an alphabet needs at least one character and each only once; build it of a text")
        self.alphabet = alphabet
        self._points = _code_points(alphabet)
        self._ids = np.full(int(self._points.max()) + 1, len(alphabet), np.uint32)
        self._ids[self._points] = np.arange(len(alphabet))

    @classmethod
    def of(cls, data: Readable) -> "Characters":
        """The sorted characters that occur in the WHOLE text, validation included, as nanoGPT takes them."""
        return cls("".join(map(chr, np.unique(_code_points(as_text(data, "characters"))))))

    @property
    def size(self) -> int:
        """How many characters the alphabet has."""
        return len(self.alphabet)

    def encode(self, data: Readable) -> np.ndarray:
        """UTF-8 bytes to ids. Raises DataError naming the first character that the alphabet lacks."""
        points = _code_points(as_text(data, "characters"))
        ids = self._ids[np.minimum(points, len(self._ids) - 1)]
        unknown = (ids == self.size) | (points >= len(self._ids))
        if unknown.any():
            place = int(unknown.argmax())
            raise DataError(
                f"character {chr(points[place])!r} (the {place + 1:,}. of the text) is not among the {self.size} that "
                "the model knows; remove it from the text or use bytes"
            )
        small: np.ndarray = ids.astype(smallest_unsigned(self.size))
        return small

    def decode(self, ids: np.ndarray) -> bytes:
        """Ids to UTF-8 bytes."""
        points: np.ndarray = self._points[check_ids(ids, self.size)]
        return points.tobytes().decode("utf-32-le").encode()

    def byte_lengths(self) -> np.ndarray:
        """The length of each character in UTF-8."""
        return np.array([len(character.encode()) for character in self.alphabet], np.int64)

    def to_json(self) -> Json:
        """The kind and the alphabet."""
        return {"kind": self.kind, "alphabet": self.alphabet}


def from_json(saved: Json) -> Symbols:
    """The symbols that `to_json` wrote down. Raises DataError if their tokenizer is not there or has changed."""
    match saved:
        case {"kind": Bytes.kind}:
            return Bytes()
        case {"kind": Characters.kind, "alphabet": str(alphabet)}:
            return Characters(alphabet)
        case {"kind": Tokenizer.kind, "location": str(location), "sha256": str(sha256)}:
            return Tokenizer(location, sha256=sha256)
    raise DataError(f"these are no symbols that seqlab wrote: {str(saved)[:80]}; expected kind, and what it needs")


class StreamDecoder:
    """Ids in, text out, as they come: a character appears when its last byte has, U+FFFD for bytes that are none."""

    def __init__(self, symbols: Symbols):
        self._symbols = symbols
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, ids: np.ndarray) -> str:
        """The text that these further ids complete; may be empty."""
        return self._utf8.decode(self._symbols.decode(ids))

    def flush(self) -> str:
        """What is left at the end: U+FFFD if it ended inside a character."""
        return self._utf8.decode(b"", final=True)


def decoded(symbols: Symbols, ids: Iterable[int]) -> Iterator[str]:
    """The text of ids, piece by piece as they come; a piece is held back while its UTF-8 is not whole. An id that the
    alphabet lacks, as models with more rows than symbols have them, is U+FFFD."""
    decoder = StreamDecoder(symbols)
    for symbol in ids:
        if symbol >= symbols.size:
            yield decoder.flush() + "\ufffd"
        elif piece := decoder.feed(np.array([symbol])):
            yield piece
    if rest := decoder.flush():
        yield rest


def _code_points(text: str) -> np.ndarray:
    """(characters,) uint32."""
    return np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
