"""Published checkpoints: files with the names and shapes of another program, as models of ours, one format a file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Self

from torch import Tensor

from seqlab.data.signature import Signature
from seqlab.models import Model
from seqlab.spec import Part, SpecError, find, names, override

__all__ = ["Published", "Translated", "format_of"]

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class Translated:
    """A published file as a model of ours."""

    model: Model
    """The spec, as far as shapes tell it and as the settings say."""
    signature: Signature
    weights: dict[str, Tensor]
    """Under the names of the model's state dict."""


class Published(Part, kind="published"):
    """A format, and the settings that the shapes of a file do not tell; none is guessed where it must be given."""

    tokenizer: str = "card:gpt2-tokenizer"
    """The tokenizer.json whose tokens the model reads."""

    @classmethod
    @abstractmethod
    def recognises(cls, tensors: Collection[str]) -> bool:
        """Whether a file with tensors of these names is of this format."""

    @classmethod
    @abstractmethod
    def renamed(cls, weights: Weights) -> dict[str, Tensor]:
        """The tensors under our names, in our shapes. Raises SpecError for one that is missing, left over, or not
        what it must be."""

    @abstractmethod
    def translated(self, weights: Weights) -> Translated:
        """The model that the file is of."""

    @classmethod
    def with_settings(cls, changes: Iterable[str]) -> Self:
        """The format with its settings given as `key=value`. Raises SpecError naming all that are still missing."""
        given = override(cls(), list(changes))
        missing = [field.name for field in fields(given) if getattr(given, field.name) is None]
        if missing:
            raise SpecError(
                f"the shapes of this file do not tell {' and '.join(missing)}; "
                f"say what its training had: {' '.join(f'{name}=...' for name in missing)}"
            )
        return given


def format_of(tensors: Collection[str]) -> type[Published] | None:
    """The format of a file with tensors of these names; None where none knows it."""
    formats = [find("published", name) for name in names("published")]
    return next((one for one in formats if issubclass(one, Published) and one.recognises(tensors)), None)
