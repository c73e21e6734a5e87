"""Which layer of a model moves first."""

from __future__ import annotations

from torch import Tensor, nn

from seqlab.audits.shared.subject import Subject, moved
from seqlab.models.shared.layers import layers, listening, titled

__all__ = ["first_moved"]

EVERYTHING = slice(None)


def first_moved(
    subject: Subject,
    model: nn.Module,
    before: tuple[Tensor, ...],
    after: tuple[Tensor, ...],
    rows: slice = EVERYTHING,
    positions: slice = EVERYTHING,
    draws: tuple[int, int] = (0, 0),
) -> str:
    """The title of the first layer of which these rows, at these positions, move between two inputs or two draws."""
    known = layers(model)
    outputs = []
    for given, draw in ((before, draws[0]), (after, draws[1])):
        with listening(known) as heard:
            subject.output(model, given, draw)
        outputs.append({path: at.output for path, at in heard.items() if at.output is not None})
    for named in known:
        a, b = (found.get(named[0]) for found in outputs)
        if a is None or b is None or (positions != EVERYTHING and a.shape[1:2] != before[0].shape[1:2]):
            continue  # it is never called, or its second axis holds no positions
        part = (rows, positions) if positions != EVERYTHING else rows
        if moved(a[part], b[part]) > subject.tolerance:
            return titled(named, model)
    return "a part outside the layers"
