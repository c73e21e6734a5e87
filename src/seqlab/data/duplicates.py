"""What occurs twice: within one set of rows, and in a split that must not know it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["apart", "unseen"]

Places = NDArray[np.int64]


def unseen(contents: Sequence[bytes], seen: set[bytes]) -> Places:
    """The places of contents that were not seen and stand at no earlier place; they are seen from now on."""
    new = []
    for place, content in enumerate(contents):
        if content not in seen:
            seen.add(content)
            new.append(place)
    return np.array(new, np.int64)


def apart(contents: Mapping[str, Sequence[bytes]]) -> dict[str, Places]:
    """Of each split ("train", "val", "test") the places that stay: validation gives up what the test holds, training
    what either of them holds. What occurs twice in one split stays."""
    held_out: set[bytes] = set()
    places = {}
    for split in ("test", "val", "train"):
        here = contents.get(split, ())
        places[split] = np.array([place for place, content in enumerate(here) if content not in held_out], np.int64)
        held_out.update(here)
    return {split: places[split] for split in contents}
