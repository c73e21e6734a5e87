"""Kernels are tested with their signatures checked: every shape and dtype, by jaxtyping and beartype."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Generator
from types import ModuleType

import pytest
from jaxtyping import install_import_hook

import seqlab.kernels


def imported() -> dict[str, ModuleType]:
    """Every module of the kernels, by name; those in Triton aside, which need not be installed."""
    found = pkgutil.walk_packages(seqlab.kernels.__path__, "seqlab.kernels.")
    names = [info.name for info in found if not info.name.endswith(".triton")]
    return {name: importlib.import_module(name) for name in names}


plain = imported()
for name in plain:
    del sys.modules[name]
with install_import_hook("seqlab.kernels", "beartype.beartype"):
    checked = imported()
sys.modules.update(plain)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Test files of this folder import the checked kernels; everything else in this process keeps the plain ones."""
    sys.modules.update(checked)
    try:
        return (yield)
    finally:
        sys.modules.update(plain)


@pytest.fixture(autouse=True)
def native_kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off (`ways`), kernels in C++ are not usable, as where there is no compiler."""
    if not getattr(request, "param", True):
        monkeypatch.setattr(checked["seqlab.kernels.native"].Native, "usable", lambda _: False)
