"""Part: the base of every spec.

A part is a frozen, keyword-only, validated description. It holds numbers, words and other parts; never a tensor
or a module. Subclassing is all it takes: the subclass becomes a strict pydantic dataclass.

    class Hyena(Mixer):
        order: int = Field(default=2, ge=2)
        \"\"\"Number of projections that are multiplied, the value not counted.\"\"\"
"""

from __future__ import annotations

import functools
import inspect
import os
from abc import ABC
from dataclasses import fields
from typing import Any, ClassVar, Self, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from seqlab.spec.errors import SpecError, did_you_mean

__all__ = ["Field", "Part", "kind_of", "label", "source_file"]

STRICT = ConfigDict(extra="forbid", strict=True, validate_default=True, allow_inf_nan=False)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
class Part(ABC):  # noqa: B024 - abstract by its kinds
    """Something a researcher chooses: a frozen value with typed fields, or an abstract kind of such values.

    A class made with `kind="mixers"` is a kind: an abstract part whose members are the files of that folder.
    Construction raises SpecError, in one sentence, for an unknown field, a wrong type or a value out of range.
    """

    kind: ClassVar[str | None] = None

    def __init_subclass__(cls, kind: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if kind is not None:
            cls.kind = kind
        dataclass(frozen=True, kw_only=True, config=STRICT)(cls)
        cls.__init__ = _explained(cls.__init__)  # type: ignore[method-assign]

    def __new__(cls, *args: Any, **values: Any) -> Self:
        if inspect.isabstract(cls) or cls.__dict__.get("kind") is not None:
            raise SpecError(f"`{cls.__name__}` is a kind of part and cannot be built itself; choose a member of it.")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:  # noqa: B027 - most parts have nothing to check here
        """Checks that involve several fields; raises SpecError. Runs at construction."""

    def located(self) -> dict[str, str]:
        """Fields that say where something lies, each with the hash of what lies there.

        `seqlab.spec.id` uses the hash in place of the location, so that the same data under another path is the
        same experiment.
        """
        return {}


def _explained(construct: Any) -> Any:
    """Turn pydantic's report into one sentence that names the part, the field and the file."""

    @functools.wraps(construct)
    def init(self: Part, *args: Any, **values: Any) -> None:
        if args:
            raise SpecError(f"{label(type(self))} takes its fields by name: `{type(self).__name__}(field=value)`.")
        try:
            construct(self, **values)
        except ValidationError as report:
            raise SpecError(_sentence(type(self), report)) from None

    return init


def _sentence(cls: type[Part], report: ValidationError) -> str:
    error = report.errors()[0]
    name = ".".join(str(place) for place in error["loc"])
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
    match error["type"]:
        case "unexpected_keyword_argument":
            return f"{label(cls)} has no field `{name}` ({source_file(cls)}); {did_you_mean(name, known)}"
        case "missing_keyword_only_argument" | "missing":
            return f"{label(cls)} needs a value for `{name}` ({source_file(cls)})."
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            wrong = error["input"]
            shown = "None (a missing part)" if wrong is None else repr(wrong)
            message = error["msg"][0].lower() + error["msg"][1:]
            return f"{label(cls)}.{name}: {message}, got {shown} ({source_file(cls)})."


def label(cls: type[Part]) -> str:
    """How a part is called in messages: `mixers/hyena`, or the class name of a part without a kind."""
    if cls.kind and cls.__module__.startswith("seqlab."):
        return f"{cls.kind}/{cls.__module__.rpartition('.')[2]}"
    return cls.__name__


def kind_of(cls: type[Part]) -> type[Part] | None:
    """The abstract kind that a part belongs to, or None for a part that has no alternatives."""
    return next((base for base in cls.__mro__ if base.__dict__.get("kind") is not None), None)


def source_file(cls: type[Part]) -> str:
    """The file in which a part is written, short enough to read."""
    try:
        path = inspect.getfile(cls)
    except (OSError, TypeError):
        return f"module {cls.__module__}"
    head, package, tail = path.rpartition(f"{os.sep}seqlab{os.sep}")
    return f"seqlab{os.sep}{tail}" if head and package else path
