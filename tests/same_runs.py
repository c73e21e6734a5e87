"""Whether two runs are the same: every line that counts, and every bit of the last checkpoint."""

from typing import Any

import torch

from seqlab.journal import Run
from seqlab.train.checkpoint import checkpoints
from tiny_runs import lines


def content(value: Any) -> Any:
    """Tensors as bytes in nested values, so that equality is of bits; seconds left out."""
    if isinstance(value, torch.Tensor):
        return value.dtype, value.shape, value.detach().contiguous().flatten().view(torch.uint8).tolist()
    if isinstance(value, dict):
        return {key: content(item) for key, item in value.items() if key not in ("seconds", "shares")}
    return [content(item) for item in value] if isinstance(value, list | tuple) else value


def last_checkpoint(run: Run) -> Any:
    """Step, state, weights and averaged weights of the newest checkpoint, as values that can be compared."""
    newest = checkpoints(run.folder)[-1]
    assert newest.fault() is None
    return newest.step, content(newest.state()), content(newest.weights()), content(newest.weights(averaged=True))


def assert_same(one: Run, other: Run) -> None:
    """Fail unless both went the same way to the same end."""
    for line, same in zip(lines(one), lines(other), strict=False):
        assert line == same
    assert len(lines(one)) == len(lines(other))
    assert last_checkpoint(one) == last_checkpoint(other)
