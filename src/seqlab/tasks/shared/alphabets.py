"""A text and the tokenizer that it is read with, where there is one: what the specs of such tasks do alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol, TypeVar

from seqlab.data.text import absolute, read_text
from seqlab.data.tokenizer import Tokenizer
from seqlab.spec import SpecError, label
from seqlab.tasks import Task

__all__ = ["anchored_text", "check_alphabet", "located_text"]


class ReadsText(Protocol):
    """A task with these fields."""

    @property
    def path(self) -> str:
        """A text file or card."""

    @property
    def tokenizer(self) -> str | None:
        """A file or card, where there is one."""


Spec = TypeVar("Spec", bound=Task)


def check_alphabet(spec: Task, symbols: str, tokenizer: str | None) -> None:
    """Raise SpecError unless a tokenizer is named exactly where it is to be used."""
    if (symbols == "tokenizer") != (tokenizer is not None):
        raise SpecError(
            f"{label(type(spec))}: `symbols=tokenizer` and `tokenizer=...` go together; set both or neither."
        )


def located_text(spec: ReadsText) -> dict[str, str]:
    """What lies at the spec's places, by SHA-256."""
    places = {"path": read_text(spec.path).sha256}
    if spec.tokenizer is not None:
        places["tokenizer"] = Tokenizer(spec.tokenizer).sha256
    return places


def anchored_text(spec: Spec) -> Spec:
    """The spec with absolute places."""
    places = {name: getattr(spec, name) for name in ("path", "tokenizer")}
    return replace(spec, **{name: absolute(place) for name, place in places.items() if place is not None})
