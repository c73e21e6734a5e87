"""What can go wrong with a sweep or a selection."""

from seqlab.journal import JournalError

__all__ = ["ExecutorError", "SweepError", "SweepNotFound"]


class SweepError(JournalError):
    """A sweep, a grid or a rule that cannot be: one sentence that says what, where, what to do."""


class SweepNotFound(SweepError):
    """There is no sweep of this name."""


class ExecutorError(SweepError):
    """An engine that is gone or refuses: one sentence. The queue and all finished runs survive it."""
