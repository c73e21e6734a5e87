"""A real Ray cluster on this machine, on loopback only: `python ray_here.py`, until its standard input is closed.

Two nodes of one processor each. It prints one line of JSON: the address of the head, and the pid of the second raylet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["RayHere"]

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
"""Without the first, Ray replaces 127.0.0.1 by the machine's own address."""


class RayHere:
    """Use as a with-block: `address` of the head, `second` the pid of the other node's raylet."""

    environment = LOOPBACK

    def __enter__(self) -> RayHere:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )  # fmt: skip
        assert self._process.stdout is not None
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.address: str = told["address"]
        self.second: int = told["second"]
        self.head: int = told["head"]
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def serve() -> None:
    """Keep a cluster up until standard input ends."""
    os.environ.update(LOOPBACK)
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": 100_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    second = cluster.add_node(**node)
    told = {"address": cluster.address, "second": _pid(second, "raylet"), "head": _pid(cluster.head_node, "gcs_server")}
    print(json.dumps(told), flush=True)
    sys.stdin.read()
    cluster.shutdown()


def _pid(node: Any, daemon: str) -> int:
    (process,) = node.all_processes[daemon]
    pid: int = process.process.pid
    return pid


if __name__ == "__main__":
    sys.path.remove(str(Path(__file__).parent))
    serve()
