"""Choose parameters by their paths: how every `where` of a spec is read."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from seqlab.spec.errors import SpecError, did_you_mean

__all__ = ["matching_paths"]


def matching_paths(paths: Iterable[str], where: Sequence[str], except_where: Sequence[str] = ()) -> list[str]:
    """The paths that a pattern of `where` matches and none of `except_where`, in their order.

    A pattern is an exact path (`head.weight`), the beginning of paths at a dot (`layers.0` is all below it), or has
    the wildcards of fnmatch (`layers.*.bias`; `*` also matches dots). Raises SpecError naming the nearest paths for
    a pattern that matches nothing: a setting without effect is a mistake.
    """
    return list(_matching(tuple(paths), tuple(where), tuple(except_where)))


@functools.lru_cache(maxsize=64)  # asked for the same paths at every step
def _matching(paths: tuple[str, ...], where: tuple[str, ...], except_where: tuple[str, ...]) -> list[str]:
    for pattern in (*where, *except_where):
        if not any(_matches(path, pattern) for path in paths):
            known = {prefix for path in paths for prefix in _prefixes(path)}
            first = {path.partition(".")[0] for path in paths}
            raise SpecError(f"`{pattern}` matches no parameter; {did_you_mean(pattern, known, listed=first)}")
    return [path for path in paths if _any(path, where) and not _any(path, except_where)]


def _any(path: str, patterns: Sequence[str]) -> bool:
    return any(_matches(path, pattern) for pattern in patterns)


def _matches(path: str, pattern: str) -> bool:
    return path == pattern or path.startswith(f"{pattern}.") or fnmatchcase(path, pattern)


def _prefixes(path: str) -> list[str]:
    keys = path.split(".")
    return [".".join(keys[:length]) for length in range(1, len(keys) + 1)]
