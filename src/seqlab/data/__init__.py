"""Bytes on disk, the symbols made of them, and the floors a model must beat. Knows no model and no torch."""


class DataError(Exception):
    """A mistake in the data asked for, or data that is not there: one sentence saying what, where, what to do."""
