"""The lab book: run folders of plain files, read and written without torch.

`LabBook` opens and makes runs, `Run` reads one, `Run.attempt` is the one way to write its metrics, and
`open_run` gives a person's own loop all of that. The protocol is in section 6 of the design; errors are one
sentence each and derive from JournalError.
"""

from seqlab.journal.attempt import Attempt
from seqlab.journal.book import LabBook
from seqlab.journal.errors import DiskFull, JournalError, ReadOnly, RunBusy, RunExists, RunNotFound
from seqlab.journal.person import open_run
from seqlab.journal.run import Run
from seqlab.journal.state import State

__all__ = [
    "Attempt",
    "DiskFull",
    "JournalError",
    "LabBook",
    "ReadOnly",
    "Run",
    "RunBusy",
    "RunExists",
    "RunNotFound",
    "State",
    "open_run",
]
