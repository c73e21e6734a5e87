"""The socket, and how the server ends."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette

__all__ = ["listen"]

BACKLOG = 1024


def listen(app: Starlette, host: str, port: int, grace: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; then what is under way has `grace` seconds. ready: called with the address.

    Raises OSError where the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind((host, port))
        own.listen(BACKLOG)  # from here on connections wait, so the address can be told
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        settings = uvicorn.Config(
            app, log_level="warning", access_log=False, timeout_graceful_shutdown=grace, lifespan="on", ws="none"
        )
        ready(f"http://{shown}:{own.getsockname()[1]}")
        uvicorn.Server(settings).run(sockets=[own])
