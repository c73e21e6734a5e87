"""The official WikiText files: three raw texts in a folder, recognised by how many lines they have.

https://arxiv.org/abs/1609.07843; the raw edition keeps every word, the other one writes <unk> for rare ones.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from seqlab.data import DataError
from seqlab.data.text import TextSource, read_text

__all__ = ["Edition", "count_words", "read_split"]

Edition = Literal["wikitext-103", "wikitext-2", "own"]

LINES = {
    "wikitext-103": {"train": 1_801_350, "val": 3_760, "test": 4_358},
    "wikitext-2": {"train": 36_718, "val": 3_760, "test": 4_358},
}
"""Lines of each file, blank ones included, as https://huggingface.co/datasets/Salesforce/wikitext counts them."""
FILES = {"train": "wiki.train.raw", "val": "wiki.valid.raw", "test": "wiki.test.raw"}
_PIECE = 1 << 24


def read_split(folder: str, split: str, edition: Edition) -> TextSource:
    """The file of a split ("train", "val", "test"), mapped from disk.

    Raises DataError for a file that is missing, of the edition with <unk>, of another size, or cut off.
    """
    path = Path(folder).expanduser() / FILES[split]
    if not path.is_file() and path.with_suffix(".tokens").is_file():
        raise DataError(
            f"{folder} holds the edition with <unk> ({path.with_suffix('.tokens').name}); the raw one "
            f"({path.name}) is needed"
        )
    if not path.is_file():
        raise DataError(
            f"there is no {path}: `task.folder` is the folder with {', '.join(FILES.values())}, the official raw "
            "edition of WikiText (WikiText-103: 550 MB, WikiText-2: 13 MB; licence CC BY-SA 3.0 and GFDL), which no "
            "package registry carries: get it from its authors' page (arXiv 1609.07843) and name the folder"
        )
    source = read_text(str(path))
    _check_lines(path, source.data, None if edition == "own" else LINES[edition][split], edition)
    return source


def _check_lines(path: Path, data: np.ndarray, wanted: int | None, edition: Edition) -> None:
    if data[-1] != ord("\n"):
        raise DataError(f"{path} ends inside a line, so it is cut off; get it again")
    found = sum(int((data[at : at + _PIECE] == ord("\n")).sum()) for at in range(0, len(data), _PIECE))
    if wanted is not None and found != wanted:
        raise DataError(
            f"{path} has {found:,} lines and that of {edition} has {wanted:,}: it is cut off or of another version; "
            "get it again, or set `task.edition` to what it is (`own`: a text of your own)"
        )


def count_words(data: np.ndarray) -> int:
    """The words of the lines that are not blank, and one for the end of each such line, as word-level models count."""
    lines = [line.split() for line in data.tobytes().split(b"\n")]
    return sum(len(words) + 1 for words in lines if words)
