"""Overrides: `key.path=value` on the command line. Text becomes values here and nowhere else."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from seqlab.spec.errors import SpecError, did_you_mean
from seqlab.spec.find import find
from seqlab.spec.part import Part, label, source_file

__all__ = ["field_types", "override", "selection"]

AnyPart = TypeVar("AnyPart", bound=Part)


def override(part: AnyPart, *changes: str | Iterable[str] | Mapping[str, Any]) -> AnyPart:
    """A copy of a spec with some fields changed.

    changes: texts `key.path=value`, lists of them, or mappings from a path to a text or a value. A path walks
    fields (`optim.lr`); a tuple is addressed by `all`, an index or a slice (`model.layers.2:5.mixer`). A part is
    replaced by the name of another of its kind (`model.layers.all.mixer=longconv`) with its defaults; a tuple of
    parts by names with commas; `none` where None is allowed. Later changes see earlier ones; one that would
    throw them away with the part that they changed is refused, and so is a path that stands twice in one list.
    Parts are made and checked once, after the last, so that what a part needs may follow its name. Raises SpecError
    naming the nearest valid key.
    """
    draft = _Draft.of(part)
    done: list[str] = []
    for path, value in _pairs(changes):
        undone = next((earlier for earlier in done if earlier.startswith(f"{path}.")), None)
        if undone is not None:
            raise SpecError(f"`{path}` would undo `{undone}`, which comes before it; give `{path}` first.")
        _assign(draft, path.split("."), value, path)
        done.append(path)
    result = draft.build()
    assert isinstance(result, type(part))
    return result


def _pairs(changes: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    for change in changes:
        if isinstance(change, str):
            path, equals, text = change.partition("=")
            if not equals or not path:
                raise SpecError(f"`{change}` is not of the form key.path=value.")
            yield path.strip(), text.strip()
        elif isinstance(change, Mapping):
            yield from change.items()
        else:
            texts = list(change)
            _refuse_repetition(texts)
            yield from _pairs(texts)


def _refuse_repetition(changes: Iterable[Any]) -> None:
    """Of two values in one list, as a person types it, one is not meant."""
    paths = [change.partition("=")[0].strip() for change in changes if isinstance(change, str)]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise SpecError(f"`{twice}` is given twice; leave out the one that is not meant.")


@dataclass
class _Draft:
    """A part taken apart, so that several fields can change before its checks run."""

    cls: type[Part]
    values: dict[str, Any]
    """A field that has no default and was not given is not among them."""

    @classmethod
    def of(cls, value: Any) -> Any:
        if isinstance(value, Part):
            return cls(type(value), {f.name: cls.of(getattr(value, f.name)) for f in fields(value)})  # type: ignore[arg-type]
        if isinstance(value, tuple):
            return [cls.of(item) for item in value]
        return value

    @classmethod
    def new(cls, part: type[Part]) -> _Draft:
        """A part with its defaults, which may lack others."""
        known = part.__pydantic_fields__  # type: ignore[attr-defined]  # every part is a pydantic dataclass
        return cls(part, {name: cls.of(field.default) for name, field in known.items() if not field.is_required()})

    def build(self, path: str = "") -> Part:
        """The part, its checks run; an error says at which path."""
        missing = [field.name for field in fields(self.cls) if field.name not in self.values]  # type: ignore[arg-type]
        if missing:
            words = " ".join(f"{path}.{name}=VALUE".lstrip(".") for name in missing)
            raise SpecError(
                f"`{path}`: {label(self.cls)} needs a value for `{'`, `'.join(missing)}` ({source_file(self.cls)}); "
                f"give `{words}` too."
            )
        values = {name: _built(value, f"{path}.{name}".lstrip(".")) for name, value in self.values.items()}
        try:
            return self.cls(**values)
        except SpecError as error:
            raise SpecError(f"`{path}`: {error}" if path else str(error)) from None


def _built(value: Any, path: str) -> Any:
    if isinstance(value, _Draft):
        return value.build(path)
    if isinstance(value, list):
        return tuple(_built(item, f"{path}.{index}") for index, item in enumerate(value))
    return value


def _assign(draft: Any, keys: list[str], value: Any, path: str) -> None:
    key, rest = keys[0], keys[1:]
    if isinstance(draft, list):
        for item in draft[selection(key, len(draft), path)]:
            _require_inside(item, rest, path)
            _assign(item, rest, value, path)
        return
    if not isinstance(draft, _Draft):
        raise SpecError(f"`{path}` goes too deep: there is nothing below `{path.rpartition('.' + key)[0]}`.")
    known = [field.name for field in fields(draft.cls)]  # type: ignore[arg-type]
    if key not in known:
        raise SpecError(
            f"`{path}`: {label(draft.cls)} has no field `{key}` ({source_file(draft.cls)}); {did_you_mean(key, known)}"
        )
    if rest and key not in draft.values:
        above = path.removesuffix("." + ".".join(rest))
        raise SpecError(f"`{path}`: `{above}` has no value yet; give `{above}=VALUE` first.")
    if rest:
        _assign(draft.values[key], rest, value, path)
    else:
        wanted = field_types(draft.cls)[key]
        draft.values[key] = _Draft.of(_parsed(value, wanted, path) if isinstance(value, str) else value)


def _require_inside(item: Any, rest: list[str], path: str) -> None:
    if not isinstance(item, _Draft):
        raise SpecError(f"`{path}` names one value of several; give all of them, with commas between.")
    if not rest:
        raise SpecError(f"`{path}` must name a field of the part, such as `{path}.FIELD=value`.")


def selection(key: str, length: int, path: str) -> slice:
    """The elements of a tuple that `all`, an index or a slice means. Raises SpecError where it means none."""
    if key == "all":
        return slice(None)
    if re.fullmatch(r"-?\d+", key):
        index = int(key) + length if int(key) < 0 else int(key)
        if not 0 <= index < length:
            raise SpecError(f"`{path}`: there is no element {key}; there are {length}, counted from 0.")
        return slice(index, index + 1)
    if not re.fullmatch(r"(-?\d+)?:(-?\d+)?(:-?[1-9]\d*)?", key):
        raise SpecError(f"`{path}`: `{key}` is not `all`, an index or a slice such as 2:5.")
    chosen = slice(*(int(bound) if bound else None for bound in key.split(":")))
    if not range(length)[chosen]:
        raise SpecError(f"`{path}`: the slice {key} selects nothing of {length} elements.")
    return chosen


def field_types(cls: type[Part]) -> dict[str, Any]:
    """The types of a part's fields, resolved."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return {field.name: hints[field.name] for field in fields(cls)}  # type: ignore[arg-type]


def _parsed(text: str, wanted: Any, path: str) -> Any:
    origin, options = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        return _parsed(text, options[0], path)
    if origin in (typing.Union, types.UnionType):
        if type(None) in options and text.lower() in ("none", "null"):
            return None
        others = [option for option in options if option is not type(None)]
        return _first_that_fits(text, others, path)
    if isinstance(wanted, type) and issubclass(wanted, Part):
        return _part(text, wanted, path)
    if origin is tuple:
        path = f"{path}.all" if _has_no_alternatives(options[0]) else path
        return _tuple(text, options, path)
    return _scalar(text, wanted, path)


def _has_no_alternatives(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, Part) and wanted.kind is None


def _tuple(text: str, options: tuple[Any, ...], path: str) -> tuple[Any, ...]:
    words = [] if text.lower() in ("", "none", "()") else [word.strip() for word in text.split(",")]
    if options[-1] is Ellipsis:
        options = options[:1] * len(words)
    if len(words) != len(options):
        raise SpecError(f"`{path}={text}`: there must be {len(options)} values with commas between, not {len(words)}.")
    return tuple(_parsed(word, option, path) for word, option in zip(words, options, strict=True))


def _first_that_fits(text: str, options: list[Any], path: str) -> Any:
    failure: SpecError | None = None
    for option in options:
        try:
            return _parsed(text, option, path)
        except SpecError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _part(text: str, wanted: type[Part], path: str) -> _Draft:
    if wanted.kind is None:
        raise SpecError(
            f"`{path}` is a {wanted.__name__} and has no alternatives; set its fields: `{path}.FIELD=value`."
        )
    if text.lower() in ("", "none", "null"):
        raise SpecError(f"`{path}` needs a part of kind {wanted.kind}; a missing part is never replaced silently.")
    try:
        found = find(wanted.kind, text)
    except SpecError as error:
        raise SpecError(f"`{path}={text}`: {error}") from None
    if not issubclass(found, wanted):
        raise SpecError(f"`{path}={text}`: it must be {label(wanted)}; set its fields: `{path}.FIELD=value`.")
    return _Draft.new(found)


def _scalar(text: str, wanted: Any, path: str) -> Any:
    if typing.get_origin(wanted) is Literal:
        for option in typing.get_args(wanted):
            if str(option) == text:  # which pydantic does not see where the option is a number
                return option
    try:
        return TypeAdapter(wanted).validate_strings(text)
    except ValidationError as report:
        message = report.errors()[0]["msg"]
        raise SpecError(f"`{path}={text}`: {message[0].lower() + message[1:]}.") from None
