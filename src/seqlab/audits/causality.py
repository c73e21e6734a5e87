"""Does the model see what it is to predict? The accident behind a validation perplexity of 1.006."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.layers import Named, has_batch_statistics, layers, listening, titled
from seqlab.audits.shared.subject import Subject, moved

__all__ = ["Causality"]

EVERY_CUT = 33
"""Inputs up to this length are cut after every position; longer ones at some, neighbours among them."""


class Causality(Audit):
    """No output may change when only later symbols change.

    Symbols after a position are replaced, by others and by the alphabet's first and last (padding), at many positions
    and lengths (short inputs too, where a kernel that wraps round shows itself), and all outputs up to that position
    are compared, in float64, in evaluation and in training mode.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("model",)

    def examine(self, subject: Subject) -> Finding:
        if not subject.task.forward_only:
            return not_applicable("the task does not ask for what comes next")
        model = subject.awake
        if not getattr(model, "causal", True):
            return failed(
                f"{_said_to_see(model)} not causal, so the model sees the symbols that it is to predict; make every "
                "mixer causal (`model.layers.all.mixer.causal=true`)."
            )
        if not subject.output(model, subject.inputs(1)).isfinite().all():
            return failed(
                "the model's outputs are not numbers, so nothing can be said of what it sees; mend that first."
            )
        worst: dict[str, Any] = {"moved": 0.0}
        for length in _lengths(subject.length):
            worst = max(worst, _worst(subject, model, length), key=lambda leak: leak["moved"])
        if worst["moved"] <= subject.tolerance and not has_batch_statistics(model):
            worst = max(worst, _in_training(subject, model), key=lambda leak: leak["moved"])
        measured = {**worst, "limit": subject.tolerance, "lengths": _lengths(subject.length)}
        if worst["moved"] > subject.tolerance:
            return failed(_sentence(worst), **measured)
        return passed("no output moves when later symbols change", **measured)


def _lengths(longest: int) -> list[int]:
    return sorted({length for length in (2, 3, 17, longest // 2 + 1, longest) if 2 <= length <= longest})


def _cuts(length: int) -> list[int]:
    if length <= EVERY_CUT:
        return list(range(length - 1))
    half, third = length // 2, length // 3
    return sorted({0, 1, 2, third, half - 2, half - 1, half, 2 * third, length - 3, length - 2})


def _worst(subject: Subject, model: nn.Module, length: int) -> dict[str, Any]:
    """The largest leak at a length: many cuts in the rows of one batch find it, a row of its own confirms it."""
    inputs, cuts = subject.inputs(1, length), _cuts(length)
    others = [(cut, other) for cut in cuts for other in _others(subject, inputs, cut)]
    before = _many(subject, model, [inputs] * len(others))
    after = _many(subject, model, [other for _, other in others])
    moves = [moved(a[: cut + 1], b[: cut + 1]) for a, b, (cut, _) in zip(before, after, others, strict=True)]
    index = max(range(len(moves)), key=moves.__getitem__)
    cut, other = others[index]
    if moves[index] <= subject.tolerance:
        return {"moved": moves[index], "position": cut, "length": length}
    return _leak(subject, model, inputs, other, cut)


def _others(subject: Subject, inputs: tuple[Tensor, ...], cut: int) -> list[tuple[Tensor, ...]]:
    """The input with all symbols after `cut` replaced: by others, and by the first and the last of the alphabet."""
    with subject.drawing("causality", inputs[0].shape[1], cut):
        found = [subject.disturbed(inputs, cut + 1)]
    first, *rest = inputs
    if not first.is_floating_point():
        for symbol in (0, subject.task.signature.vocabulary - 1):
            filled = first.clone()
            filled[:, cut + 1 :] = symbol
            found.append((filled, *rest))
    return found


def _many(subject: Subject, model: nn.Module, rows: list[tuple[Tensor, ...]]) -> list[Tensor]:
    """The outputs of many single rows, a few batches at a time."""
    at_once = max(1, 2048 // rows[0][0].shape[1])
    found: list[Tensor] = []
    for start in range(0, len(rows), at_once):
        together = zip(*rows[start : start + at_once], strict=True)
        found += list(subject.output(model, tuple(torch.cat(tensors) for tensors in together)))
    return found


def _leak(
    subject: Subject, model: nn.Module, inputs: tuple[Tensor, ...], others: tuple[Tensor, ...], cut: int
) -> dict[str, Any]:
    """How far the outputs up to `cut` move when the symbols after it change, and where in the model that begins."""
    known = layers(model)
    before, after = (_heard(subject, model, known, given) for given in (inputs, others))
    moves = {path: moved(before[path][:, : cut + 1], after[path][:, : cut + 1]) for path in before}
    first = next((path for path, move in moves.items() if path and move > subject.tolerance), "")
    where = next((titled(named, model) for named in known if named[0] == first), "outside the layers")
    return {"moved": moves[""], "position": cut, "length": inputs[0].shape[1], "where": where}


def _in_training(subject: Subject, model: nn.Module) -> dict[str, Any]:
    """The leak in training mode, where a model may do something else; whatever it draws, it draws the same."""
    length = subject.length
    if length < 2:
        return {"moved": 0.0}
    inputs, cut = subject.inputs(1), (length - 1) // 2
    others = _others(subject, inputs, cut)[0]
    before, after = (subject.output(copy.deepcopy(model).train(), given) for given in (inputs, others))
    move = moved(before[:, : cut + 1], after[:, : cut + 1])
    return {"moved": move, "position": cut, "length": length, "where": "training mode only"}


def _heard(subject: Subject, model: nn.Module, known: list[Named], inputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    """The output of every layer that keeps positions, by path, and last, by "", the model's own."""
    with listening(known) as heard:
        output = subject.output(model, inputs)
    length = inputs[0].shape[1]
    found = {
        path: at.output
        for path, at in heard.items()
        if at.output is not None and at.output.ndim >= 2 and at.output.shape[1] == length
    }
    return {**found, "": output}


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
    return (
        f"the model sees the future: other symbols after position {leak['position']} of {leak['length']} move the "
        f"outputs up to it by {leak['moved']:.1e} of their size; it begins in {leak['where']}; a mixer that is not "
        "causal, a kernel that wraps round, or statistics over the whole length do that."
    )
