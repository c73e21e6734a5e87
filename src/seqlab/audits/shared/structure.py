"""The structure of an experiment: what is left of it where rates, strengths and the seed are only numbers.

Experiments of one structure have the same model, the same data and the same parts with the same settings given. A
number within the model or the task stays what it is: a width is a structure, and so may be any other.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from seqlab.audits.shared.reads import given
from seqlab.experiment import Experiment
from seqlab.spec import Part, to_json

__all__ = ["structure"]

KEPT = ("model", "task")


def structure(experiment: Experiment) -> dict[str, Any]:
    """The fields of an experiment as plain values, without its seed and with a word for each number with a fraction:
    whether it is zero, and whether it is given or the default."""
    whole = {name: to_json(getattr(experiment, name)) for name in KEPT}
    others = {
        field.name: _masked(getattr(experiment, field.name), field.name in given(experiment))
        for field in fields(experiment)
        if field.name not in (*KEPT, "seed")
    }
    return whole | others


def _masked(value: Any, is_given: bool) -> Any:
    if isinstance(value, float):
        return ("given" if is_given else "default") if value else "zero"
    if isinstance(value, tuple):
        return [_masked(item, is_given) for item in value]
    if not isinstance(value, Part):
        return value
    saved, own = to_json(value)["part"], given(value)
    inner = {
        field.name: _masked(getattr(value, field.name), field.name in own)
        for field in fields(value)  # type: ignore[arg-type]
    }
    return {"part": saved, **inner}
