"""Memory that ran out: an exception that says so, and the kernel's count of the processes it killed for lack of it."""

import errno
from pathlib import Path

_SAID_BY_TORCH = ("you tried to allocate", "out of memory", "_ALLOC_FAILED")


def ran_out_of_memory(error: BaseException | None) -> bool:
    """Whether `error`, or one that it came of, says that memory could not be allocated.

    Known by name and text, since the journal knows no torch: its CPU allocator raises a plain RuntimeError.
    """
    while error is not None:
        named = any(cls.__name__ == "OutOfMemoryError" for cls in type(error).__mro__)
        told = isinstance(error, RuntimeError) and any(words in str(error) for words in _SAID_BY_TORCH)
        refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
        if isinstance(error, MemoryError) or named or told or refused:
            return True
        error = error.__cause__ or error.__context__
    return False


def kernel_kills() -> int | None:
    """How many processes of this machine the kernel has killed since boot because memory ran out; None if unknown."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
