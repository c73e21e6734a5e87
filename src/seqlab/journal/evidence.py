"""What an attempt that did not end by `finish` ended by: its state and the evidence for exit.json."""

from pathlib import Path
from typing import Any

from seqlab.journal.errors import LeaseLost
from seqlab.journal.files import disk_is_full
from seqlab.journal.memory import ran_out_of_memory


def ending_by(error: BaseException | None, folder: Path, room: int) -> tuple[str, dict[str, Any]]:
    """State and evidence of a block that ended by `error`, None: by itself.

    The disk of `folder` counts as full when fewer than `room` bytes are free. `kind` says what the cause was where
    that is known: "out_of_memory", "lease_lost".
    """
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "finished", {"reason": "the block ended"}
    if isinstance(error, KeyboardInterrupt):
        return "stopped", {"reason": "interrupted from the keyboard"}
    told = {"error": f"{type(error).__name__}: {error}", "traceback": _last_lines(error)}
    if isinstance(error, LeaseLost):
        return "failed", {"kind": "lease_lost", **told}
    if ran_out_of_memory(error):
        return "failed", {"kind": "out_of_memory", **told}
    return "disk_full" if disk_is_full(error, folder, room) else "failed", told


def _last_lines(error: BaseException) -> list[str]:
    from traceback import format_exception  # only now: it costs milliseconds at import

    return "".join(format_exception(error)).splitlines()[-20:]
