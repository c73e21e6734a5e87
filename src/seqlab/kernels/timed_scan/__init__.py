"""The diagonal recurrence whose input decides how much time passes at each position (TDLN)."""

from seqlab.kernels.timed_scan.dispatch import timed_scan

__all__ = ["timed_scan"]
