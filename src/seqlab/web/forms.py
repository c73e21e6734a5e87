"""What a browser sends when a form is sent off: application/x-www-form-urlencoded, of a bounded length."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Mapping

from seqlab.journal import JournalError

__all__ = ["Form", "TooLong", "read_form", "received"]

Form = Mapping[str, str]
LARGEST = 16 * 2**20
"""Bytes of all names and values together, as UTF-8: what is kept of them, and not the escapes that they came in."""
MOST_FIELDS = 100
ESCAPED = re.compile(rb"(?:%[0-9A-Fa-f]{2})++")


class TooLong(JournalError):
    """More was sent than is kept."""

    def __init__(self) -> None:
        super().__init__(f"what was sent is longer than {LARGEST / 2**20:.0f} MiB, so nothing was written")


async def received(pieces: AsyncIterable[bytes]) -> bytes:
    """The whole of what is sent. Raises TooLong when it is, whatever it says: a line's end comes as %0D%0A."""
    data = bytearray()
    async for piece in pieces:
        data += piece
        if len(data) > 6 * LARGEST:
            raise TooLong
    return bytes(data)


def read_form(data: bytes) -> Form:
    """The fields that were sent, the last one of each name; lines end as they do in files.

    Raises TooLong, and JournalError for what is no form.
    """
    if data.count(b"&") >= MOST_FIELDS:
        raise JournalError(f"what was sent has more than {MOST_FIELDS} fields, so nothing was written")
    parts = [part.partition(b"=") for part in data.split(b"&") if part]
    fields = [(_unescaped(name), _unescaped(value).replace(b"\r\n", b"\n")) for name, _, value in parts]
    if sum(len(name) + len(value) for name, value in fields) > LARGEST:
        raise TooLong
    try:
        return {name.decode(): value.decode() for name, value in fields}
    except UnicodeDecodeError:
        raise JournalError("what was sent is no form in UTF-8, so nothing was written") from None


def _unescaped(data: bytes) -> bytes:
    """Escapes are undone a run at a time, for a long text in Chinese is a single one: urllib would take gigabytes."""
    return ESCAPED.sub(lambda run: bytes.fromhex(run[0].replace(b"%", b"").decode()), data.replace(b"+", b" "))
