"""What can go wrong with a sweep or a selection."""

from seqlab.journal import JournalError

__all__ = ["ExecutorError", "SweepError"]


class SweepError(JournalError):
    """A sweep, a grid or a rule that cannot be: one sentence that says what, where, what to do."""


class ExecutorError(SweepError):
    """An engine that is gone or refuses: one sentence. The queue and all finished runs survive it."""
