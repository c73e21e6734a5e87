"""The largest value of a setting with which an experiment still fits on this machine."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from seqlab.data import DataError
from seqlab.experiment import Experiment
from seqlab.spec import SpecError, override
from seqlab.train.forecast import TooLarge, forecast, refuse_if_too_large

__all__ = ["fit"]

CEILING = 1 << 40


def fit(experiment: Experiment, field: str, folder: Path) -> int:
    """The largest value of a whole-number field with which the experiment still fits, found by bisection.

    Raises SpecError when the field does not take whole numbers or not even its smallest value fits.
    """

    prepare_once = functools.cache(lambda task: task.prepare())

    def fits(value: int) -> bool:
        try:
            changed = override(experiment, {field: str(value)})
            task = prepare_once(changed.task)
            task.check_batch(changed.batch.size)
            refuse_if_too_large(forecast(changed, task, folder))
        except (SpecError, DataError, TooLarge, ValueError):
            return False
        return True

    _require_whole_numbers(experiment, field)
    largest = _bisect(fits)
    if largest is None:
        raise SpecError(f"--fit {field}: no value of it fits on this machine.")
    if fits(CEILING):
        raise SpecError(f"--fit {field}: no value of it is too large; it takes neither memory nor disk.")
    return largest


def _require_whole_numbers(experiment: Experiment, field: str) -> None:
    override(experiment, {field: "1"})
    try:
        override(experiment, {field: "1.5"})
    except SpecError:
        return
    raise SpecError(f"--fit {field}: it is for fields of whole numbers, such as `batch.size`.")


def _bisect(fits: Callable[[int], bool], ceiling: int = CEILING) -> int | None:
    """The largest value that fits, among those reached by doubling and then halving the step; None for none."""
    low = next((1 << power for power in range(24) if fits(1 << power)), None)
    if low is None:
        return None
    step = low
    while low + step < ceiling and fits(low + step):
        low, step = low + step, step * 2
    while step > 1:
        step //= 2
        if fits(low + step):
            low += step
    return low
