"""Runs and caches of these tests lie in a temporary folder."""

from tiny_runs import workplace

__all__ = ["workplace"]
