"""A driver of Ray as its launcher sees it: started, listened to, and ended, whatever becomes of the cluster."""

from __future__ import annotations

import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import Any

from seqlab.sweeps.engines.ray_order import Order
from seqlab.sweeps.errors import ExecutorError
from seqlab.sweeps.record import Sweep
from seqlab.sweeps.watch import SweepWatch

__all__ = ["Driver", "knock"]

PATIENCE = 60.0
"""Seconds within which the head of the cluster has to answer, each time."""
KNOCK_SECONDS = 10.0
"""Seconds within which its port has to be open."""
NEXT = "the queue and all that has ended are kept, and `seqlab sweep --continue {} --on ENGINE` carries out the rest"


def knock(address: str | None, sweep: Sweep) -> None:
    """Raise ExecutorError where nobody listens at HOST:PORT; Ray itself would wait for minutes."""
    host, colon, port = (address or "").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()
    except OSError as error:
        why = error.strerror or str(error)
        raise ExecutorError(f"no Ray head listens at {address} ({why}); {NEXT.format(sweep.name)}") from None


class Driver:
    """A driver at work; use as a with-block, at whose end it is gone."""

    def __init__(self, sweep: Sweep, order: Order) -> None:
        self._sweep, self._where = sweep, order.address or "this machine"
        self._log = sweep.folder / "ray.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "seqlab.sweeps.engines.ray_driver"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # a Ctrl-C of the terminal is the launcher's to hear
            )
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._heard = time.monotonic()
        self._is_ending = False
        self._failure = "its tasks have ended and their trials have not"
        threading.Thread(target=self._listen, args=(order.to_json(),), daemon=True).start()

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def _listen(self, order: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin as to_driver:
            to_driver.write(f"{order}\n")
        for line in self._process.stdout:
            self._said.put(json.loads(line))
        self._said.put(None)

    def goes_on(self, watch: SweepWatch) -> bool:
        """Hear what was said; False once all tasks have ended. Raises ExecutorError where the cluster is gone."""
        while not self._said.empty():
            words = self._said.get()
            if words is None:
                return self._has_ended()
            self._heard = time.monotonic()
            if "refusal" in words:
                raise self._gone(words["refusal"].rstrip("."))
            if "failure" in words:
                self._failure = words["failure"]
                watch.message(words["failure"])
        if time.monotonic() - self._heard > PATIENCE:
            raise self._gone(f"its head has not answered for {PATIENCE:g} s")
        return True

    def _has_ended(self) -> bool:
        code = self._process.wait()
        if code != 0 and not (self._is_ending and code == -signal.SIGTERM):  # asked to end before it could listen
            raise self._gone(f"its driver ended with exit code {code}, {self._log} has what it printed")
        return False

    def _gone(self, why: str) -> ExecutorError:
        return ExecutorError(f"Ray on {self._where} carries out no more: {why}; {NEXT.format(self._sweep.name)}")

    def left_over(self) -> ExecutorError:
        """What to raise where the tasks have ended and trials have not."""
        return self._gone(self._failure)

    def end(self, watch: SweepWatch) -> None:
        """Cancel all tasks and wait until their workers have saved. Raises ExecutorError where the cluster is gone."""
        self._is_ending = True
        self._process.terminate()
        while self.goes_on(watch):
            time.sleep(0.1)
