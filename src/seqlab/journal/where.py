"""Filters over runs: `optim.lr<1e-3`, `state=finished`, `tags~demo`, `val/loss<=1.9`, `verdict!=bug`.

Left of the sign stands, in this order of precedence: name, state, tags, why, verdict, created or sweep; a metric
(anything with a "/"), by its last value; a path into experiment.json (model.layers.0.mixer); a field of
summary.json. `~` means "contains". A part goes by its name (model.layers.0.mixer=hyena). A run that lacks the field
fulfils only `!=`.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from seqlab.journal import names
from seqlab.journal.described import Described
from seqlab.journal.errors import JournalError
from seqlab.journal.notes import VERDICTS
from seqlab.journal.state import STATES

_SHAPE = re.compile(r"\s*([^<>=!~\s]+)\s*(<=|>=|!=|=|<|>|~)\s*(.*?)\s*")
_ASKED: dict[str, Callable[[Described], Any]] = {
    "name": lambda run: run.name,
    "state": lambda run: run.state().name,
    "tags": lambda run: run.tags,
    "why": lambda run: run.why,
    "verdict": lambda run: run.verdict,
    "created": lambda run: run.created,
    "sweep": lambda run: run.sweep,
}
_CHOICES = {"state": STATES, "verdict": VERDICTS}
MISSING = object()
R = TypeVar("R", bound=Described)


class Filter(NamedTuple):
    """One condition: `path` `sign` `value`, as parsed from `text`."""

    text: str
    path: str
    sign: str
    value: Any

    def matches(self, run: Described) -> bool:
        """Whether `run` fulfils the condition. Raises JournalError when the two sides cannot be compared."""
        found = look_up(run, self.path)
        return self.sign == "!=" if found is MISSING else self._holds(found)

    def _holds(self, found: Any) -> bool:
        if self.sign in ("=", "!="):
            return (found == self.value or self.value in _part_names(found)) == (self.sign == "=")
        if self.sign == "~":
            return _contains(found, self.value)
        try:
            return _ordered(found, self.sign, self.value)
        except TypeError:
            raise JournalError(
                f"{self.text!r} compares {json.dumps(found, default=str)[:60]} with {self.value!r}; "
                "only two numbers or two texts have an order"
            ) from None


def parse(text: str) -> Filter:
    """The filter that `text` says. Raises JournalError without sign or value, and for an unknown state or verdict."""
    shape = _SHAPE.fullmatch(text)
    if shape is None or not shape[3] or shape[3][0] in "=<>!~":
        raise JournalError(f"{text!r} is no filter; write path, sign (= != < <= > >= ~), value: optim.lr<1e-3")
    path, sign, value = shape.groups()
    if sign in ("=", "!=") and value not in _CHOICES.get(path, (value,)):
        raise JournalError(f"{text!r}: there is no {path} {value!r}; the {path}s are {', '.join(_CHOICES[path])}")
    if path == "tags" and sign != "~":
        raise JournalError(f"{text!r}: a run has several tags; write tags~{value}")
    textual = sign == "~" or path in _ASKED
    return Filter(text, path, sign, value if textual else _value(value))


def select(runs: Iterable[R], texts: Sequence[str]) -> list[R]:
    """The runs that fulfil every filter. Raises JournalError when no run at all has a field that is asked for."""
    everything = list(runs)
    filters = [parse(text) for text in texts]
    for condition in filters:
        if everything and condition.path not in _ASKED:
            _must_exist(condition, everything)
    return [run for run in everything if all(condition.matches(run) for condition in filters)]


def look_up(run: Described, path: str) -> Any:
    """What `path` says of `run`, or the mark for "not there"."""
    if path in _ASKED:
        found = _ASKED[path](run)
        return MISSING if found is None else found
    if "/" in path:
        return run.metrics.last.get(path, MISSING)
    found = _walk(run.experiment, path)
    return _walk(run.summary, path) if found is MISSING else found


def _walk(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value


def _value(text: str) -> Any:
    """A number, true, false, null or quoted text as JSON has them, none as an override; any other text as it stands."""
    if text == "none":
        return None
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _part_names(found: Any) -> tuple[str, ...]:
    """What a part of an experiment can be called: its name with its kind, as it is saved, and without."""
    part = found.get("part") if isinstance(found, dict) else None
    return (part, part.rpartition("/")[2]) if isinstance(part, str) else ()


def _contains(found: Any, text: str) -> bool:
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return text in found  # one of the tags, not a part of one
    return text in (found if isinstance(found, str) else json.dumps(found))


def _ordered(found: Any, sign: str, value: Any) -> bool:
    if sign == "<":
        return bool(found < value)
    if sign == "<=":
        return bool(found <= value)
    return bool(found > value) if sign == ">" else bool(found >= value)


def _must_exist(condition: Filter, runs: Sequence[Described]) -> None:
    """A field that no run has is a slip of the pen, not an empty answer."""
    if any(look_up(run, condition.path) is not MISSING for run in runs):
        return
    known = dict.fromkeys(_ASKED)
    for run in runs[-20:]:
        known.update(dict.fromkeys(run.metrics.last))
        known.update(dict.fromkeys(paths_of(run.experiment)))
        known.update(dict.fromkeys(run.summary))
    raise JournalError(f"no run has {condition.path!r}{names.perhaps(condition.path, known)}")


def paths_of(value: Any, before: str = "") -> Iterable[str]:
    """The paths of all fields in a JSON value."""
    if not isinstance(value, dict | list):
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield f"{before}{key}"
        yield from paths_of(inner, f"{before}{key}.")
