"""Whole processes: what a person at a terminal waits for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

__all__ = ["module", "run"]


def module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of this installation."""
    return [sys.executable, "-m", name, *arguments]


def run(command: Sequence[str]) -> str:
    """Run a command to its end and return what it printed. Raises RuntimeError with its last words when it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(
            f"`{' '.join(command)}` ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}"
        )
    return done.stdout
