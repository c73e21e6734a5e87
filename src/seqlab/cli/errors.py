"""What is the user's to mend and what is a bug.

Errors are known by the names of their classes: to import those would import torch, and `seqlab ls` must not.
"""

from __future__ import annotations

import linecache
import traceback

from seqlab.journal.memory import ran_out_of_memory

__all__ = ["sentence"]

MEANT_FOR_USERS = {
    "JournalError",
    "SpecError",
    "DataError",
    "CheckpointError",
    "TooLarge",
    "AuditFailed",
    "Interrupted",
}


def sentence(error: Exception) -> str | None:
    """The one sentence that a user's mistake deserves; None for a bug, which deserves its traceback."""
    ours = (cls.__name__ for cls in type(error).__mro__ if cls.__module__.startswith("seqlab."))
    maybe = isinstance(error, ValueError | NotImplementedError)
    if MEANT_FOR_USERS.intersection(ours) or (maybe and _was_meant(error)):
        return str(error) or None
    if ran_out_of_memory(error):
        told = f"{type(error).__name__}: {error}".removesuffix(": ").partition("\n")[0]
        return f"there is not enough memory for this ({told}); choose a smaller model or a smaller `batch.size`."
    return None


def _was_meant(error: Exception) -> bool:
    """Whether a `raise` of seqlab, or of a user's file, made it: a size that does not fit says so with a ValueError,
    a mixer without one of the contract's methods with a NotImplementedError.

    One that fell out of a library, or out of an expression of ours, is a bug.
    """
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None or not frame.tb_frame.f_globals.get("__name__", "").startswith("seqlab"):
        return False
    summary = traceback.extract_tb(frame)[0]
    return linecache.getline(summary.filename, summary.lineno or 0).lstrip().startswith("raise ")
