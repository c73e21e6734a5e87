"""Recipes: functions that return an experiment; the docstring is the lab note.

A shipped recipe is `demo:letters` (or `recipes.demo:letters`), a user's own `./mine.py:trial`. A long collection is a
folder whose `__init__.py` names the functions of its files.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import torch

from seqlab.experiment import Experiment
from seqlab.spec import SpecError, did_you_mean, load_file
from seqlab.spec.find import what_failed

__all__ = ["Recipe", "find_recipe", "shipped"]


@dataclass(frozen=True)
class Recipe:
    """A recipe: its full name, the function, and the file it is written in."""

    name: str
    function: Callable[[], Experiment]
    file: Path

    @property
    def note(self) -> str:
        """The docstring: source, command, time on which machine, expected number."""
        return inspect.getdoc(self.function) or ""

    @property
    def parameters(self) -> int | None:
        """How many parameters its model has, counted without memory for them; None where only the data tells sizes."""
        experiment = self.build()
        signature = experiment.task.foretold()
        if signature is None:
            return None
        with torch.device("meta"):
            return sum(parameter.numel() for parameter in experiment.model.build(signature).parameters())

    def build(self) -> Experiment:
        """The experiment. Raises SpecError in one sentence when the function does not return one."""
        experiment = self._call()
        if not isinstance(experiment, Experiment):
            kind = type(experiment).__name__
            raise SpecError(f"the recipe {self.name} ({self.file}) returned a {kind}; it must return an Experiment.")
        return experiment

    def experiments(self) -> Experiment | list[Experiment]:
        """The experiment, or those that the function yields, for a sweep. Raises SpecError for anything else."""
        made = self._call()
        if isinstance(made, Experiment):
            return made
        if not isinstance(made, list) or not all(isinstance(one, Experiment) for one in made):
            raise SpecError(f"{self.name} ({self.file}) must return an Experiment, or yield several.")
        return made

    def _call(self) -> object:
        """What the function returns; what it yields as a list."""
        try:
            made: object = self.function()
            return list(made) if isinstance(made, Iterable) else made
        except SpecError:
            raise
        except Exception as error:
            raise SpecError(f"{self.file}, {what_failed(error, str(self.file))}") from error


def find_recipe(name: str) -> Recipe:
    """The recipe of a name; raises SpecError naming the nearest when there is none."""
    place, colon, function = name.rpartition(":")
    if not colon:
        raise SpecError(f"`{name}` is no recipe: write FILE:FUNCTION, e.g. `demo:letters` or `./mine.py:trial`.")
    if place.endswith(".py"):
        return _recipe_in(load_file(Path(place)).module, place, function)
    place = place.removeprefix("recipes.")
    if place not in _places():
        raise SpecError(f"there is no file of recipes `{place}`; {did_you_mean(name, shipped())}")
    return _recipe_in(importlib.import_module(f"seqlab.recipes.{place}"), place, function)


def _recipe_in(module: ModuleType, place: str, function: str) -> Recipe:
    found = _functions(module)
    if function not in found:
        known = [f"{place}:{name}" for name in found]
        raise SpecError(f"{module.__file__} has no recipe `{function}`; {did_you_mean(f'{place}:{function}', known)}")
    return Recipe(f"{place}:{function}", found[function], Path(str(sys.modules[found[function].__module__].__file__)))


def _places() -> list[str]:
    """The files and folders of recipes. Nothing is imported."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _functions(module: ModuleType) -> dict[str, Callable[[], Experiment]]:
    """The public functions that the file, or a file of the folder, defines and that can be called without arguments."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and f"{value.__module__}.".startswith(f"{module.__name__}.")
        and not name.startswith("_")
        and all(p.default is not p.empty for p in inspect.signature(value).parameters.values())
    }


def shipped() -> list[str]:
    """The names of all shipped recipes, in the order of their files, and there of their lines or names."""
    return [
        f"{place}:{name}"
        for place in _places()
        for name in _functions(importlib.import_module(f"seqlab.recipes.{place}"))
    ]
