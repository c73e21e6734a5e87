"""Memory that runs out in training: one sentence that says what to change, in place of an allocator's own words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten

from seqlab.journal.memory import ran_out_of_memory
from seqlab.train.forecast import TooLarge
from seqlab.train.training import Training

__all__ = ["OutOfMemory", "memory_told"]

QUOTED_CHARACTERS = 100


class OutOfMemory(TooLarge):
    """Memory ran out in training, whatever the forecast said: one sentence."""


@contextmanager
def memory_told(t: Training) -> Iterator[None]:
    """Raise OutOfMemory in place of any error, of Python, torch or the system, that says memory ran out."""
    try:
        yield
    except Exception as error:
        if not ran_out_of_memory(error):
            raise
        raise OutOfMemory(_sentence(t, error)) from error


def _sentence(t: Training, error: Exception) -> str:
    told = shorten(f"{type(error).__name__}: {error}".removesuffix(": "), QUOTED_CHARACTERS, placeholder=" ...")
    batch = t.experiment.batch
    ways = [f"a smaller `batch.size` ({batch.size} now)"] if batch.size > 1 else []
    if batch.accumulate < batch.size:
        ways.append(f"a larger `batch.accumulate` ({batch.accumulate} now)")
    if not t.experiment.gradient_checkpointing:
        ways.append("`gradient_checkpointing=true`")
    choice = f"{', '.join(ways)} or a smaller model" if ways else "a smaller model"
    return f"memory ran out at step {t.step + 1:,} ({told}); train it anew with {choice}."
