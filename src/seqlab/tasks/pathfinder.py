"""Pathfinder and Path-X of the Long Range Arena: are two marked points the ends of one dashed contour?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from seqlab.data.cache import sha256
from seqlab.data.contours import made
from seqlab.data.labelled import Labelled, class_floors
from seqlab.data.pathfinder_files import metadata_hashes, official
from seqlab.data.signature import Signature
from seqlab.data.text import absolute
from seqlab.spec import Field
from seqlab.tasks import Task
from seqlab.tasks.shared.classification import PreparedClassification

__all__ = ["Pathfinder", "PreparedPathfinder"]

SHOWN_PIXELS = 2**26
"""Pixels of a split that are shown, to be compared with another one."""


class Pathfinder(Task):
    """Images of dashed contours, two classes: connected or not. The task of arXiv 2011.04006: made here by the
    published procedure (drewlinsley/pathfinder), or read from the official files."""

    size: Literal[32, 128] = 32
    """Pixels of a side: 32 is Pathfinder, 128 Path-X, each with its published settings."""
    contour: Literal[6, 9, 14] = 14
    """Paddles of a contour that may be marked, in images that are made: the published levels, of which the arena has
    the last, the hard one."""
    folder: str | None = None
    """The official folder of a difficulty, with imgs/ and metadata/, such as pathfinder32/curv_contour_length_14;
    none: images are made."""
    edition: Literal["lra", "own"] = "lra"
    """Which files these are: the official ones, which are counted, or `own`, of any number."""
    training: int = Field(default=160_000, ge=1)
    """Training images that are made."""
    validation: int = Field(default=20_000, ge=1)
    """Validation images that are made."""
    test: int = Field(default=20_000, ge=1)
    """Test images that are made."""
    seed: int = Field(default=0, ge=0)
    """Of the made images; the experiment's seed decides the order in which they are read."""

    def located(self) -> dict[str, str]:
        if self.folder is None:
            return {}
        return {"folder": sha256("".join(metadata_hashes(Path(self.folder).expanduser()).values()).encode())}

    def anchored(self) -> Pathfinder:
        return self if self.folder is None else replace(self, folder=absolute(self.folder))

    def foretold(self) -> Signature:
        return Signature(shape=(1, self.size, self.size), classes=2)

    def prepare(self) -> PreparedPathfinder:
        return PreparedPathfinder(self)


class PreparedPathfinder(PreparedClassification):
    """The three splits: images (N, 1, S, S) of bytes."""

    def __init__(self, spec: Pathfinder) -> None:
        super().__init__(spec.foretold())
        self.spec = spec
        if spec.folder is None:
            counts = {"test": spec.test, "val": spec.validation, "train": spec.training}
            self._splits = made(spec.seed, spec.size, spec.contour, counts)
        else:
            folder = Path(spec.folder).expanduser()
            self._splits, self.fingerprints = official(folder, spec.size, counted=spec.edition == "lra")

    def splits(self) -> tuple[str, ...]:
        return ("val", "test")

    def rows(self, split: str, stage: int) -> Labelled:
        return self._splits[split]

    def examples(self, split: str) -> NDArray[Any]:
        """The split's first images."""
        return self._splits[split].inputs[: SHOWN_PIXELS // self.spec.size**2]

    def floors(self) -> dict[str, Any]:
        return dict(class_floors(self._splits["train"], self._splits["val"], 2))
