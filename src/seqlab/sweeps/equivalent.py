"""Cells of a sweep whose settings differ and come to the same, by what their methods make of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from seqlab.experiment import Experiment
from seqlab.methods import Method
from seqlab.spec import to_json

__all__ = ["content", "equivalent"]


def equivalent(contents: Mapping[str, str]) -> list[list[str]]:
    """The names of cells that have one content, where there are several. contents: by name."""
    groups: dict[str, list[str]] = {}
    for name, found in contents.items():
        groups.setdefault(found, []).append(name)
    return [sorted(names) for names in groups.values() if len(names) > 1]


def content(experiment: Experiment, widths: Mapping[str, int]) -> str:
    """What an experiment comes to but for its seed. widths: the units of each hidden layer of its model, by path."""
    whole = to_json(replace(experiment, seed=0))
    whole["methods"] = list(_methods(experiment.methods, widths))
    return json.dumps(whole, sort_keys=True)


def _methods(methods: Iterable[Method], widths: Mapping[str, int]) -> Iterable[dict[str, Any]]:
    """One that does nothing is none."""
    return [to_json(method) | method.effective(widths) for method in methods if not method.is_off]
