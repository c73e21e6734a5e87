"""ListOps of the Long Range Arena: what a nested list of digits comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from seqlab.data import DataError, listops
from seqlab.data.cache import sha256
from seqlab.data.expressions import FILES, Expressions, made, official, without_duplicates
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.text import absolute, read_text
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.sequences import PreparedSequences

__all__ = ["ListOps", "PreparedListOps"]

PADDING = len(listops.WORDS)


class ListOps(Task):
    """Expressions such as [MAX 2 9 [MIN 4 7 ] 0 ], put into ten classes by their value.

    The task of arXiv 2011.04006 (google-research/long-range-arena): made here by the published grammar, or read from
    the official files. A model reads 15 words and a padding symbol; nothing marks the end, and no word is unknown.
    """

    folder: str | None = None
    """The folder with basic_train.tsv, basic_val.tsv and basic_test.tsv; none: expressions are made."""
    edition: Literal["lra", "own"] = "lra"
    """Which files these are: the official ones, whose rows are counted, or `own`, of any number."""
    shortest: int = Field(default=501, ge=1)
    """Fewest words of a made expression, brackets counted (`[MAX` is one word, `]` another)."""
    longest: int = Field(default=1999, ge=1)
    """Most words of an expression; one of a file that has more is refused."""
    length: int | None = Field(default=None, ge=1)
    """Positions that the model is built for; none: `longest`. As published: 2048."""
    training: int = Field(default=96_000, ge=1)
    """Training expressions that are made."""
    validation: int = Field(default=2_000, ge=1)
    """Validation expressions that are made."""
    test: int = Field(default=2_000, ge=1)
    """Test expressions that are made."""
    seed: int = Field(default=0, ge=0)
    """Of the made expressions; the experiment's seed decides the order in which they are read."""

    def check(self) -> None:
        if self.shortest > self.longest:
            raise SpecError(f"`task.shortest` is {self.shortest}, above `task.longest` {self.longest}; exchange them.")
        if self.length is not None and self.length < self.longest:
            raise SpecError(
                f"`task.length` is {self.length}, below the {self.longest} words of `task.longest`; enlarge it."
            )

    def located(self) -> dict[str, str]:
        return {} if self.folder is None else {"folder": sha256("".join(_hashes(self.folder).values()).encode())}

    def anchored(self) -> ListOps:
        return self if self.folder is None else replace(self, folder=absolute(self.folder))

    def foretold(self) -> Signature:
        return Signature(vocabulary=PADDING + 1, length=self.length or self.longest, classes=10, padding=PADDING)

    def prepare(self) -> PreparedListOps:
        return PreparedListOps(self)


class PreparedListOps(PreparedSequences):
    """The three splits, which share no expression."""

    def __init__(self, spec: ListOps) -> None:
        self.spec = spec
        signature = spec.foretold()
        splits = {name: _labelled(part, signature) for name, part in _expressions(spec).items()}
        super().__init__(signature, splits)
        self.fingerprints = {} if spec.folder is None else _hashes(spec.folder)

    def assets(self) -> dict[str, Any]:
        return {"words": list(listops.WORDS)}


def _expressions(spec: ListOps) -> dict[str, Expressions]:
    if spec.folder is None:
        counts = {"train": spec.training, "val": spec.validation, "test": spec.test}
        return made(spec.seed, spec.shortest, spec.longest, counts)
    splits = without_duplicates(official(spec.folder, counted=spec.edition == "lra"))
    for split, part in splits.items():
        if (most := int(part.rows.lengths.max())) > spec.longest:
            raise DataError(
                f"{Path(spec.folder) / FILES[split]} holds an expression of {most:,} words and `task.longest` is "
                f"{spec.longest:,}; raise it"
            )
    return splits


def _labelled(part: Expressions, signature: Signature) -> Labelled:
    return Labelled(part.rows.padded(PADDING, signature.length), part.values)


def _hashes(folder: str) -> dict[str, str]:
    return {name: read_text(str(Path(folder).expanduser() / name)).sha256 for name in FILES.values()}
