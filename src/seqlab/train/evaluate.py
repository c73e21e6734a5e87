"""Evaluation, in evaluation mode, named by what was scored: held-out data, and what a stream asks for besides."""

from __future__ import annotations

import torch

from seqlab.train.training import Training

__all__ = ["evaluate", "score_after_update", "score_end_of_task"]


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


def score_end_of_task(t: Training) -> dict[str, float]:
    """The metrics of the whole of the splits that are asked for, on the task of a stream that has just ended, as
    `test_at_end_of_task/...`; of no other step and no single task."""
    if not t.ends_a_task:
        return {}
    found: dict[str, float] = {}
    for split in t.experiment.evaluation.end_of_task:
        measured = evaluate(t, split)
        found |= {f"{split}_at_end_of_task/{name.partition('/')[2]}": value for name, value in measured.items()}
    return found


def score_after_update(t: Training) -> dict[str, float]:
    """The metrics of the last step's batch with the weights as they are now, as `train_after_update/...`, where that
    is asked for."""
    if not t.experiment.evaluation.after_update:
        return {}
    with t.shares.rare("evaluation"), t.weights.evaluated() as model, torch.no_grad():
        batch = t.last_batch()
        loss, others = t.task.loss(model, batch)
    found = {"loss": loss, **others}
    return t.world.told_by_first(
        {f"train_after_update/{name}": float(value) / batch.scored for name, value in found.items()}
    )
