"""What can go wrong with the lab book. Every message is one sentence: what, where, what to do."""


class JournalError(Exception):
    """The base of all errors that this package raises on purpose; `str(error)` is meant for the user."""


class RunNotFound(JournalError):
    """No run of this name, in the folder that was looked in."""


class RunExists(JournalError):
    """The name is taken."""


class RunBusy(JournalError):
    """Another process holds the run's lease."""


class ReadOnly(JournalError):
    """The folder cannot be written."""


class DiskFull(JournalError):
    """No space left for the record."""


class LeaseLost(JournalError):
    """A newer attempt, of another process, has taken the run over: this one may write no more."""
