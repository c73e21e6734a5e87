"""A process that ends with the one that started it, as a worker on a cluster must: its task is given to another node.

Linux alone can signal a process whose parent died; asking once a second works everywhere and costs nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time

__all__ = ["tether"]

POLL_SECONDS = 1.0


def tether(parent: int) -> None:
    """From now on, send this process SIGTERM once its parent is no longer that process: it saves and ends."""
    threading.Thread(target=_watch, args=(parent,), daemon=True, name="tether").start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
