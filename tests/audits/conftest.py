"""The tiny runs of tests/tiny_runs.py, for every test of this folder."""

from tiny_runs import text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]
