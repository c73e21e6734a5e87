"""The same norm, seen from outside: its statistics carry the future into every position (DLN notebook).

Changing the last symbol moved earlier outputs by 4e-3 with the norm over everything, and by nothing with one for each
position.
"""

from __future__ import annotations

from norm_over_everything import faulty, healthy

__all__ = ["faulty", "healthy"]

CAUGHT_BY = "causality"
SAYS = "the model sees the future"
