"""Grey PNG images: every filter, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from png_files import written
from seqlab.data import DataError
from seqlab.data.png import grey

IMAGE = np.random.default_rng(0).integers(0, 256, (10, 7), dtype=np.uint8)


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (0, 1, 2, 3, 4)])
def test_each_filter_is_undone(filters: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(grey(written(IMAGE, filters), Path("a.png")), IMAGE)


def test_another_writer_is_understood(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    smooth = np.add.outer(np.arange(32), 3 * np.arange(32)).astype(np.uint8)
    image.fromarray(smooth).save(tmp_path / "a.png")
    np.testing.assert_array_equal(grey((tmp_path / "a.png").read_bytes(), tmp_path / "a.png"), smooth)


def coloured() -> bytes:
    return written(IMAGE, (0,), header=b"\x08\x02\x00\x00\x00")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "it does not begin like one"),
        (written(IMAGE)[:-20], "it is cut off"),
        (written(IMAGE)[:60] + b"\x00" + written(IMAGE)[61:], "a sum does not hold"),
        (coloured(), "its pixels are not one grey byte each"),
        (written(IMAGE, (7,)), "a line has filter 7"),
    ],
)
def test_what_is_no_grey_image(data: bytes, told: str) -> None:
    with pytest.raises(DataError, match=rf"a\.png is .*{told}.*; unpack the archive again"):
        grey(data, Path("a.png"))
