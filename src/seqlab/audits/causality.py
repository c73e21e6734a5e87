"""Does the model see what it is to predict? The accident behind a validation perplexity of 1.006."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.first_moved import first_moved
from seqlab.audits.shared.subject import Subject, moved
from seqlab.models.shared.layers import has_batch_statistics, layers, titled

__all__ = ["Causality"]

SHORT = 33
"""Inputs up to this length are cut after every position."""
CUT_FLOPS, CUT_SYMBOLS = 1e10, 2**15
"""Operations, and symbols to read, that cuts of one length may take: where they allow it, longer inputs are cut after
every position too."""
CAUSAL = ("causal=true", "bidirectional=false")
"""What mixers that can see both ways call it."""


class Causality(Audit):
    """No output may change when only later symbols change.

    Symbols after a position are replaced, by others and by the alphabet's first and last (padding), at many positions
    and lengths (short inputs too, where a kernel that wraps round shows itself), and all outputs up to that position
    are compared, in float64, in evaluation and in training mode. Where the inputs are cut because the model is large,
    two positions are looked at in whole ones. Where a batch norm shows later symbols in training, it warns.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        if not subject.task.forward_only:
            return not_applicable("the task does not ask for what comes next")
        model = subject.awake
        if not getattr(model, "causal", True):
            return failed(
                f"{_said_to_see(model)} not causal, so the model sees the symbols that it is to predict; make every "
                f"mixer causal{_by_which_fields(subject)}."
            )
        if not subject.output(model, subject.inputs(1)).isfinite().all():
            return failed(
                "the model's outputs are not numbers, so nothing can be said of what it sees; mend that first."
            )
        worst: dict[str, Any] = {"moved": 0.0}
        for length, cuts, trains in _looks(subject):
            worst = max(worst, _worst(subject, length, cuts, trains=trains), key=lambda leak: leak["moved"])
            if worst["moved"] > subject.tolerance:
                break
        measured = {**worst, "limit": subject.tolerance, "lengths": _lengths(subject)}
        if worst["moved"] > subject.tolerance:
            return failed(_sentence(worst), **measured)
        through_statistics = _moved_in_training_by_statistics(subject)
        if through_statistics > subject.tolerance:
            return warned(
                "in training the statistics of a batch norm carry later symbols of a row into the outputs before them, "
                f"which move by {through_statistics:.1e} of their size: evaluation, where nothing moves, cannot reach "
                "the training loss; a norm of each position does without (`model.layers.all.norm=rmsnorm`).",
                **measured | {"moved": through_statistics},
            )
        return passed(f"no output moves when later symbols change{_told_cut(subject)}", **measured)


Look = tuple[int, list[int], bool]
"""A length, positions after which symbols are replaced, and whether that is in training mode."""


def _looks(subject: Subject) -> list[Look]:
    """The long looks come first: what leaks at any length mostly leaks there."""
    length, whole = subject.length, subject.whole_length
    found: list[Look] = [(length, _cuts(length, subject), False) for length in reversed(_lengths(subject))]
    if length < whole:
        found = [found[0], (whole, [whole // 3, 2 * whole // 3], False), *found[1:]]
    if length >= 2 and not has_batch_statistics(subject.awake):
        found.append((length, _cuts(length, subject, share=0.25), True))
    return found


def _lengths(subject: Subject) -> list[int]:
    longest = subject.length
    return sorted({length for length in (2, 3, 17, longest // 2 + 1, longest) if 2 <= length <= longest})


def _cuts(length: int, subject: Subject, share: float = 1.0) -> list[int]:
    """All positions but the last where they can be afforded, else ends, middle and thirds, and as many neighbours as
    can be afforded, among which chunks end."""
    afforded = int(share * min(CUT_FLOPS / max(subject.flops(length), 1.0), CUT_SYMBOLS / length))
    if length <= max(SHORT, afforded):
        return list(range(length - 1))
    start = max(0, (length - afforded) // 2)
    return sorted({*_places(length), *range(start, min(start + afforded, length - 1))})


def _places(length: int) -> set[int]:
    half, third = length // 2, length // 3
    return {0, 1, 2, third, half - 2, half - 1, half, 2 * third, length - 3, length - 2}


def _worst(subject: Subject, length: int, cuts: list[int], *, trains: bool) -> dict[str, Any]:
    """The largest leak at a length: many cuts in the rows of one batch find it, a row of its own confirms it."""
    inputs = subject.inputs(1, length)
    others = [(cut, other) for cut in cuts for other in _others(subject, inputs, cut)[: 1 if trains else None]]
    worst: dict[str, Any] = {"moved": 0.0, "position": cuts[0], "length": length}
    at_once = max(1, 4096 // length)
    for start in range(0, len(others), at_once):
        batch = others[start : start + at_once]
        after = _output(subject, [other for _, other in batch], trains=trains)
        # In training mode each row may have a mask of its own, and is compared with the same row of another pass.
        before = _output(subject, [inputs] * (len(batch) if trains else 1), trains=trains).expand_as(after)
        for a, b, (cut, other) in zip(before, after, batch, strict=True):
            leak = {"moved": moved(a[: cut + 1], b[: cut + 1]), "position": cut, "length": length}
            if leak["moved"] > subject.tolerance:
                leak = _confirmed(subject, inputs, other, cut, trains=trains)
            if leak["moved"] > subject.tolerance:
                return leak
            worst = max(worst, leak, key=lambda leak: leak["moved"])
    return worst


def _others(subject: Subject, inputs: tuple[Tensor, ...], cut: int) -> list[tuple[Tensor, ...]]:
    """The input with all symbols after `cut` replaced: by others and, at the places where padding shows itself, by
    the first and the last of the alphabet."""
    first, *rest = inputs
    length = first.shape[1]
    with subject.drawing("causality", length, cut):
        found = [subject.disturbed(inputs, cut + 1)]
    if not first.is_floating_point() and (length <= SHORT or cut in _places(length)):
        for symbol in (0, subject.task.signature.vocabulary - 1):
            filled = first.clone()
            filled[:, cut + 1 :] = symbol
            found.append((filled, *rest))
    return found


def _output(subject: Subject, rows: Sequence[tuple[Tensor, ...]], *, trains: bool) -> Tensor:
    """The outputs of single rows, in one batch."""
    inputs = tuple(torch.cat(tensors) for tensors in zip(*rows, strict=True))
    return subject.output(_model(subject, trains=trains), inputs)


def _model(subject: Subject, *, trains: bool) -> nn.Module:
    """In training mode a new one for each pass, which may change what a model remembers."""
    return copy.deepcopy(subject.awake).train() if trains else subject.awake


def _confirmed(
    subject: Subject, inputs: tuple[Tensor, ...], others: tuple[Tensor, ...], cut: int, *, trains: bool
) -> dict[str, Any]:
    """How far the outputs of a row of its own move up to `cut` when the symbols after it change, and where in the
    model that begins."""
    before, after = (_output(subject, [given], trains=trains) for given in (inputs, others))
    leak = {"moved": moved(before[:, : cut + 1], after[:, : cut + 1]), "position": cut, "length": inputs[0].shape[1]}
    if leak["moved"] <= subject.tolerance:
        return leak
    where = first_moved(subject, _model(subject, trains=trains), inputs, others, positions=slice(cut + 1))
    return {**leak, "where": where, "mode": "training" if trains else "evaluation"}


def _moved_in_training_by_statistics(subject: Subject) -> float:
    """How far the first half of the outputs moves in training mode when the second half of the symbols changes, where
    a norm has statistics of the batch; 0 elsewhere."""
    half = subject.length // 2
    if half < 1 or not has_batch_statistics(subject.awake):
        return 0.0
    inputs = subject.inputs(1)
    other = _others(subject, inputs, half - 1)[0]
    # Two equal rows have the statistics of one, and there is a variance even where it is taken over rows alone.
    before, after = (_output(subject, [given, given], trains=True) for given in (inputs, other))
    return moved(before[:, :half], after[:, :half])


def _said_to_see(model: nn.Module) -> str:
    """The layers that say of themselves that they are not causal, as the subject of a sentence."""
    known = layers(model)
    guilty = [i for i, named in enumerate(known) if not getattr(getattr(named[1], "mixer", named[1]), "causal", True)]
    if not guilty:
        return "the model is"
    if len(guilty) == 1:
        return f"{titled(known[guilty[0]], model)} is"
    kinds = dict.fromkeys(type(getattr(known[i][1], "mixer", known[i][1])).__name__ for i in guilty)
    return f"{len(guilty)} of {len(known)} layers ({spans(guilty)}: {', '.join(kinds)}) are"


def _by_which_fields(subject: Subject) -> str:
    """The settings that make the experiment's mixers causal, in parentheses; nothing where they have none."""
    mixers = [getattr(block, "mixer", None) for block in getattr(subject.experiment.model, "layers", ())]
    known = [setting for setting in CAUSAL if any(hasattr(mixer, setting.partition("=")[0]) for mixer in mixers)]
    return f" ({', '.join(f'`model.layers.all.mixer.{setting}`' for setting in known)})" if known else ""


def spans(numbers: list[int]) -> str:
    """Rising numbers as people write them: 0, 2-7, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _sentence(leak: dict[str, Any]) -> str:
    mode = " in training mode" if leak["mode"] == "training" else ""
    return (
        f"the model sees the future{mode}: other symbols after position {leak['position']} of {leak['length']} move "
        f"the outputs up to it by {leak['moved']:.1e} of their size; it begins in {leak['where']}; a mixer that is not "
        "causal, a kernel that wraps round, or statistics over the whole length do that."
    )


def _told_cut(subject: Subject) -> str:
    """That inputs were cut for cost, where they were."""
    if subject.length == subject.whole_length:
        return ""
    return f"; inputs were cut to {subject.length} of {subject.whole_length} positions, and seen whole twice"
