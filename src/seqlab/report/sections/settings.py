"""The settings of runs: all of one, and those in which several differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqlab.differences import differences
from seqlab.journal import Run
from seqlab.report.page import Block, Cell, Code, Facts, Folded, Prose, Table
from seqlab.wording import plain

__all__ = ["all_settings", "apart_from", "changes", "differing", "setting"]

ABSENT = object()


def all_settings(experiment: Mapping[str, Any], changed: Sequence[str] = ()) -> Folded:
    """Every field of an experiment by its path, those `changed` (and what lies under them) marked."""
    rows = list(_flat(experiment))
    marked = {index for index, (path, _) in enumerate(rows) if any(f"{path}.".startswith(f"{one}.") for one in changed)}
    table = Table(["setting", "value"], [[Code(path), value] for path, value in rows], marked=frozenset(marked))
    return Folded(f"All {len(rows)} settings", [table])


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, value) of every leaf; a part stands by its name before its own fields."""
    if isinstance(value, Mapping):
        if "part" in value and path:
            yield path, str(value["part"])
        for key, inner in value.items():
            if key != "part" or not path:
                yield from _flat(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{path}.{index}")
    else:
        yield path, plain(value)


def changes(found: Mapping[str, tuple[Any, Any]], before: str) -> list[Block]:
    """What is another than it was in the run `before`."""
    if not found:
        return [Prose(f"The experiment is that of {before}, field by field.")]
    rows: list[list[Cell]] = [[Code(path), told(a), told(b)] for path, (a, b) in found.items()]
    return [Table(["setting", before, "this run"], rows)]


def told(value: Any) -> str:
    """A setting as one would type it; a part by its name."""
    return str(value["part"]) if isinstance(value, dict) and "part" in value else plain(value)


def differing(runs: Sequence[Run]) -> list[str]:
    """The paths at which not all experiments are alike, the seed left out: where a part is another, that part."""
    if not runs:
        return []
    first, *others = runs
    paths = dict.fromkeys(path for other in others for path in differences(first.experiment, other.experiment))
    return [path for path in paths if path != "seed"]


def setting(experiment: Mapping[str, Any], path: str) -> Cell:
    """What stands at a path of an experiment; None where there is nothing."""
    value: Any = experiment
    for key in path.split("."):
        if isinstance(value, Mapping):
            value = value.get(key, ABSENT)
        elif isinstance(value, list) and key.isdigit():
            value = value[int(key)] if int(key) < len(value) else ABSENT
        else:
            value = ABSENT
    return None if value is ABSENT else told(value)


def apart_from(recipe: str | None, overrides: Sequence[str]) -> Facts:
    """What was typed after the recipe."""
    typed: Cell = Code(" ".join(overrides)) if overrides else "nothing"
    return Facts([("recipe", Code(recipe)), ("changed in it", typed)] if recipe else [])
