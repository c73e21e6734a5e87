"""Seeing torch's operations without torch's compiler."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["Listener"]


class Listener(TorchDispatchMode):
    """A mode that sees each operation. torch keeps such code out of its compiler, which it imports for that at the
    first operation (about a second at every start); nothing is compiled while one of these is entered."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
