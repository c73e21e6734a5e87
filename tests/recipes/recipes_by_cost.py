"""The shipped recipes as parameters of a test: those whose models take long are left to the slow tests."""

from __future__ import annotations

from typing import Any

import pytest

from seqlab.recipes import shipped

SLOW = {"plasticity:vit_l12"}


def recipes() -> list[Any]:
    """The names of all shipped recipes."""
    return [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in shipped()]
