"""Runs and caches of these tests lie in a temporary folder; a text and an experiment over it."""

from tiny_runs import text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]
