"""The shipped recipes as parameters of tests: which need files of a user, which take long, and how to shorten those."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest

from seqlab.data import DataError
from seqlab.experiment import Experiment
from seqlab.recipes import find_recipe, shipped
from seqlab.spec import override
from seqlab.tasks.text import Text

__all__ = ["narrowed", "recipes", "without_data"]

SLOW = {
    "plasticity:vit_l12",
    "potts:autoregressive_small",
    "potts:independent_small",
    "potts:one_family_small",
    "potts:parameter_small",
    "potts:real_backbones_small",
    "potts:real_small",
    "potts:serine_proteases_small",
}
LONG = "hyena:recall_hyena_131k"
"""Rows of 131,072 symbols; it is run with short ones."""
JOURNAL, CHEAP = "dln:", "dln:image_dln_small"
"""Recipes of a journal, all alike, of which one is run by the quick tests."""
WIDE = {"dln:bits": 16, "dln:characters": 256, "dln:one_bit": 16, "dln:strings": 16}
"""Models whose width makes them slow, and one that does not."""
LANGUAGE = ("hyena:bytes_", "hyena:wt103_", "xlstm:")
"""Language models that are worth minutes: run narrow, and audited as they are by the slow tests."""
OTHERS = ("demo:letters", "demo:shakespeare", "hyena:induction_", "hyena:recall_")
"""Run narrow, too, by the quick tests, which audit them as they are."""
ARENA = "hyena:lra_"
"""Made of many rows, or of files; they have tests of their own."""


def recipes(*, whole: bool = False) -> list[Any]:
    """The names of the shipped recipes whose data ships too or is made. whole: they are not `narrowed`."""
    found = [
        name
        for name in shipped()
        if not name.startswith(ARENA) and _has_data(name) and not (whole and name in (LONG, *WIDE))
    ]
    slow = SLOW | {name for name in found if whole and name.startswith(LANGUAGE)}
    slow |= {name for name in found if name.startswith(JOURNAL) and (whole or name != CHEAP)}
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in found]


def without_data() -> list[str]:
    """Those whose data a user must have; they have tests of their own."""
    return [name for name in shipped() if not name.startswith(ARENA) and not _has_data(name)]


def narrowed(name: str) -> Experiment:
    """The experiment of a recipe, with a narrow model of each kind of layer once and few short rows where it is worth
    more than a second."""
    experiment = find_recipe(name).build()
    if name == LONG:
        experiment = override(experiment, "task.length=126")
    if name in WIDE:
        return override(experiment, {"model.dim": WIDE[name]})
    if not name.startswith((*LANGUAGE, *OTHERS)):
        return experiment
    layers = experiment.model.layers
    kinds = tuple(layer for place, layer in enumerate(layers) if layer not in layers[:place])
    few = override(replace(experiment, model=replace(experiment.model, layers=kinds)), {"batch.size": 4})
    if isinstance(few.task, Text):
        few = override(few, {"task.length": 32})
    return override(few, {"model.dim": 16, "precision": "float32"})


def _has_data(name: str) -> bool:
    return name in _with_data()


@cache
def _with_data() -> set[str]:
    """Those that run with an empty cache: which tests there are does not depend on what the user has fetched. One cache
    for all of them, into which a text that ships is unpacked once."""
    with TemporaryDirectory() as empty, patch.dict(os.environ, SEQLAB_CACHE=empty):
        return {name for name in shipped() if _is_located(name)}


def _is_located(name: str) -> bool:
    try:
        find_recipe(name).build().task.located()
    except DataError:
        return False
    return True
