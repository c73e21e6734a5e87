"""An array in one line of text: its dtype, its shape and its bytes, compressed.

<u2:120,16:eJztw...     little-endian unsigned integers of two bytes, (120, 16), zlib in base64
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray  # its import is dear, and a listing of runs can do without

__all__ = ["is_packed", "packed", "unpacked"]


def packed(array: NDArray[Any]) -> str:
    """The text of an array."""
    import numpy as np

    little = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    shape = ",".join(map(str, array.shape))
    return f"{little.dtype.str}:{shape}:{base64.b64encode(zlib.compress(little.tobytes(), 9)).decode()}"


def unpacked(text: str) -> NDArray[Any]:
    """The array of a text."""
    import numpy as np

    dtype, shape, content = text.split(":")
    sizes = [int(size) for size in shape.split(",") if size]
    return np.frombuffer(zlib.decompress(base64.b64decode(content)), np.dtype(dtype)).reshape(sizes)


def is_packed(value: object) -> bool:
    """Whether a value of the record is such a text."""
    return isinstance(value, str) and value[:1] in ("<", "|") and value.count(":") == 2
