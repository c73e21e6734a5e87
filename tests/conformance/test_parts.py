"""Every part that ships: builds with its defaults, survives its saved form, and explains each of its fields."""

import importlib
import json
import pkgutil

import pytest

import seqlab
from seqlab.spec import Part, describe, diff, find, from_json, id, names, override, to_json
from seqlab.spec.part import kind_of


def kinds() -> list[str]:
    """The kinds of part, found by scanning the packages."""
    found = []
    for module in pkgutil.walk_packages(seqlab.__path__, "seqlab."):
        if module.ispkg:
            package = importlib.import_module(module.name)
            found += [
                value.kind
                for value in vars(package).values()
                if isinstance(value, type) and issubclass(value, Part) and kind_of(value) is value
            ]
    return sorted(set(found))


KINDS = kinds()
PARTS = [(kind, name) for kind in KINDS for name in names(kind)]
IDS = [f"{kind}/{name}" for kind, name in PARTS]


def required_fields(cls: type[Part]) -> list[str]:
    return [name for name, field in cls.__pydantic_fields__.items() if field.is_required()]


def test_the_kinds_are_found() -> None:
    assert {"mixers", "optim/optimisers", "optim/schedules", "regularisers", "methods", "probes"} <= set(KINDS)


@pytest.mark.parametrize(("kind", "name"), PARTS, ids=IDS)
def test_builds_with_its_defaults_and_survives_json(kind: str, name: str) -> None:
    cls = find(kind, name)
    if missing := required_fields(cls):
        pytest.skip(f"needs {', '.join(missing)}")
    part = cls()
    saved = json.loads(json.dumps(to_json(part), allow_nan=False))
    assert saved["part"] == f"{kind}/{name}"
    assert from_json(saved) == part
    assert diff(part, saved) == {}
    assert id(from_json(saved)) == id(part)
    assert override(part) == part


@pytest.mark.parametrize(("kind", "name"), PARTS, ids=IDS)
def test_the_class_and_every_field_have_docstrings(kind: str, name: str) -> None:
    cls = find(kind, name)
    assert "__doc__" in vars(cls)
    assert cls.__doc__
    assert not cls.__doc__.startswith(f"{cls.__name__}("), "the dataclass's own signature is no docstring"
    assert [field for field, text in describe(cls).items() if not text] == []
