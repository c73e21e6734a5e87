"""Runs and caches of these tests lie in a temporary folder."""

import sys
from pathlib import Path

from tiny_runs import text, tiny, workplace

sys.path.insert(0, str(Path(__file__).parent.parent / "museum"))

__all__ = ["text", "tiny", "workplace"]
