"""Seeds of dropout, drawn from torch's streams."""

from __future__ import annotations

import torch

from seqlab.kernels.recording import redrawn

__all__ = ["fresh_seed"]


def fresh_seed(generator: torch.Generator | None = None) -> int:
    """The next number of 63 bits of a stream of the CPU; none: torch's own, so that the same place of it (checkpoints,
    recomputation, members of a pack) drops the same. A recorded step draws again."""
    return redrawn(lambda: int(torch.empty((), dtype=torch.int64).random_(generator=generator)))
