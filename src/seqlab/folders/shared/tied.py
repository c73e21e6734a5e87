"""Whether the head of a model is its embedding: what the configuration says, and what the weights are."""

from __future__ import annotations

from seqlab.folders.shared.config import Config
from seqlab.folders.shared.shards import Shards, equal

__all__ = ["is_tied"]


def is_tied(config: Config, shards: Shards, embedding: str, head: str, *, said: str) -> tuple[bool, tuple[str, ...]]:
    """By the field `said`, and a remark where the weights say otherwise: transformers trains two tensors all the same,
    and both are meant."""
    if not config.take(bool, said, default=False):
        return False, ()
    if head not in shards or embedding not in shards or equal(shards[head], shards[embedding]):
        return True, ()
    return False, (f"`{said}` is true, and `{head}` is another tensor than `{embedding}`: both are used.",)
