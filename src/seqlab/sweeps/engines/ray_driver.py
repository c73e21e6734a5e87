"""The driver of a Ray cluster: `python -m seqlab.sweeps.engines.ray_driver`, a process of its own.

Where the head of a cluster is gone, Ray's client hangs or ends its process, and the launcher of a sweep must do
neither. So the launcher starts this, hands it an `Order` on standard input, and reads what it says: JSON objects, one a
line, `{}` for a sign of life at least every few seconds. SIGTERM cancels all tasks and ends it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import ray

from seqlab.sweeps.engines.node import Assignment, Post, told
from seqlab.sweeps.engines.ray_order import Order

__all__ = ["main"]

ALIVE_SECONDS = 2.0
"""Between two signs of life; for each the head of the cluster is asked something."""


def work(assignment: Assignment) -> None:
    """The task: one trial. Ray tries an InterruptedError again, as it does where the task's node has died."""
    code = Post(assignment).work()
    if code < 0 or code == os.EX_TEMPFAIL:
        raise InterruptedError(told(assignment, code))
    if code:
        raise ChildProcessError(told(assignment, code))


class Voice:
    """The way to the launcher. What Ray itself prints, at any time, goes to standard error from now on."""

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def say(self, **words: Any) -> None:
        """Tell the launcher; without words, that this process lives."""
        print(json.dumps(words), file=self._out, flush=True)


class Tasks:
    """The tasks of an order, on the cluster that this process is connected to."""

    def __init__(self, order: Order) -> None:
        task = ray.remote(num_cpus=order.cpus, num_gpus=order.gpus, max_retries=-1, retry_exceptions=[InterruptedError])
        self._task, self._slots = task(work), order.slots or len(order.assignments)
        self._waiting = list(reversed(order.assignments))
        self._running: list[Any] = []

    def ends(self) -> Iterator[str | None]:
        """What went wrong with each task that has ended, None where nothing did; None from time to time besides."""
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self._slots:
                self._running.append(self._task.remote(self._waiting.pop()))
            done, self._running = ray.wait(self._running, timeout=ALIVE_SECONDS)
            ray.nodes()  # hangs where the head is gone: then there is no sign of life
            yield None
            yield from map(_failure, done)

    def cancel(self) -> None:
        """Interrupt every task: its worker saves."""
        self._waiting.clear()
        for task in self._running:
            ray.cancel(task, force=False)


def _failure(task: Any) -> str | None:
    try:
        ray.get(task)
    except ray.exceptions.TaskCancelledError:
        return None
    except ray.exceptions.RayError as error:
        told = str(getattr(error, "cause", None) or error).strip() or type(error).__name__
        return told.splitlines()[-1]
    return None


def _refusal(order: Order) -> str | None:
    """Why no node can ever take a task of the order."""
    for resource, wanted in (("CPU", order.cpus), ("GPU", order.gpus)):
        most = max(int(node["Resources"].get(resource, 0)) for node in ray.nodes() if node["Alive"])
        if wanted > most:
            return f"no node of the cluster has {wanted} {resource}s, the largest has {most}"
    return None


def main() -> int:
    """Carry out the order on standard input. Exit code 1: the cluster is not to be had, and why was said."""
    voice, order, asked_to_end = Voice(), Order.from_json(sys.stdin.readline()), threading.Event()
    try:
        ray.init(order.address, log_to_driver=False, logging_level="ERROR")
        refusal = _refusal(order)
    except Exception as error:  # whatever Ray raises: the launcher makes a sentence of it
        refusal = (str(error).strip() or type(error).__name__).splitlines()[0]
    if refusal is not None:
        voice.say(refusal=refusal)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.set())  # after ray.init, which sets one of its own
    tasks = Tasks(order)
    for failure in tasks.ends():
        voice.say(**({"failure": failure} if failure else {}))
        if asked_to_end.is_set():
            asked_to_end.clear()
            tasks.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(main())
