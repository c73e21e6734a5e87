"""Asking a task about models whose answers are known."""

from __future__ import annotations

import torch

from seqlab.audits.shared.stubs import Stub, Uniform
from seqlab.audits.shared.subject import Subject
from seqlab.tasks import Batch

__all__ = ["asked", "evaluated", "few_rows", "is_askable"]

MOST_LOGITS = 6e7
"""Logits of two rows up to which stubs are asked: they write every one of them out."""
ROWS = 8


def is_askable(subject: Subject) -> bool:
    """Whether the task takes logits (B, L, V) and asks for the next symbol, so that stubs can answer it."""
    task = subject.task
    if not task.forward_only or 2 * task.row_tokens * task.signature.vocabulary > MOST_LOGITS:
        return False
    try:
        asked(subject, Uniform(task.signature.vocabulary))
    except Exception:  # a task that wants something else of its model: it has nothing to be asked here
        return False
    return True


def few_rows(subject: Subject) -> Batch:
    """A training batch of a few rows, two at least."""
    task, wanted = subject.task, min(max(subject.experiment.batch.size, 2), ROWS)
    fitting = int(MOST_LOGITS // (task.row_tokens * task.signature.vocabulary))
    return task.batch(subject.experiment.seed, 0, max(2, min(wanted, fitting)))


def asked(subject: Subject, stub: Stub) -> float:
    """The training loss of a stub on a few rows, as the loop logs it: in nats a symbol."""
    batch = few_rows(subject)
    with torch.no_grad():
        loss, _ = subject.task.loss(stub, batch)
    return float(loss) / batch.scored


def evaluated(subject: Subject, stub: Stub) -> dict[str, float]:
    """The metrics of a stub on the validation subset."""
    return {name: float(value) for name, value in subject.task.evaluate(stub.eval(), "val", subset=True).items()}
