"""Evaluation: held-out data only, in evaluation mode, named by what was scored."""

from __future__ import annotations

from seqlab.train.training import Training

__all__ = ["evaluate"]


def evaluate(t: Training, split: str, *, subset: bool = False) -> dict[str, float]:
    """The metrics of a split as `val/...` or `test/...`; of its fixed subset as `val_subset/...`.

    A number's name says what it was measured on: the subset during training and the whole split at the end are never
    one curve. In a stream it is that of the task that was trained last. Of several processes each scores all of it, and
    the first one's numbers count.
    """
    phase = f"{split}_subset" if subset else split
    with t.shares.rare("evaluation"), t.weights.evaluated() as model:
        stage = {"stage": t.stage_done} if t.task.stages > 1 else {}
        measured = t.task.evaluate(model, split, subset=subset, **stage)
    return t.world.told_by_first({f"{phase}/{name}": float(value) for name, value in measured.items()})
