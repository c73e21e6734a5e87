"""Does the model see what it is to predict? The accident behind a validation perplexity of 1.006."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.layers import Named, layers, listening, titled
from seqlab.audits.shared.subject import Subject, moved

__all__ = ["Causality"]


class Causality(Audit):
    """No output may change when only later symbols change.

    Symbols after a position are replaced, at several positions and lengths (short inputs too, where a kernel that
    wraps round shows itself), and all outputs up to that position are compared, in float64.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("model",)

    def examine(self, subject: Subject) -> Finding:
        if not subject.task.forward_only:
            return not_applicable("the task does not ask for what comes next")
        model = subject.awake
        if not getattr(model, "causal", True):
            return failed(
                f"{_said_to_see(model)} not causal: it sees the symbols that it is to predict; make every mixer causal "
                "(`model.layers.all.mixer.causal=true`)."
            )
        worst: dict[str, Any] = {"moved": 0.0}
        for length in _lengths(subject.length):
            for cut in sorted({0, length // 2, length - 2} & set(range(length - 1))):
                found = _leak(subject, model, length, cut)
                worst = max(worst, found, key=lambda leak: leak["moved"])
        measured = {**worst, "limit": subject.tolerance, "lengths": _lengths(subject.length)}
        if worst["moved"] > subject.tolerance:
            return failed(_sentence(worst), **measured)
        return passed("no output moves when later symbols change", **measured)


def _lengths(longest: int) -> list[int]:
    return sorted({length for length in (2, 3, 17, longest // 2 + 1, longest) if 2 <= length <= longest})


def _leak(subject: Subject, model: nn.Module, length: int, cut: int) -> dict[str, Any]:
    """How far the outputs up to `cut` move when the symbols after it change, and where in the model that begins."""
    inputs = subject.inputs(1, length)
    with subject.drawing("causality", length, cut):
        others = subject.disturbed(inputs, cut + 1)
    known = layers(model)
    before, after = (_heard(subject, model, known, given) for given in (inputs, others))
    moves = {path: moved(before[path][:, : cut + 1], after[path][:, : cut + 1]) for path in before}
    first = next((path for path, move in moves.items() if path and move > subject.tolerance), "")
    where = next((titled(named, model) for named in known if named[0] == first), "outside the layers")
    return {"moved": moves[""], "position": cut, "length": length, "where": where}


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
    guilty = [named for named in layers(model) if not getattr(getattr(named[1], "mixer", named[1]), "causal", True)]
    if not guilty:
        return "the model is"
    names = ", ".join(titled(named, model) for named in guilty)
    return f"{names} {'is' if len(guilty) == 1 else 'are'}"


def _sentence(leak: dict[str, Any]) -> str:
    return (
        f"the model sees the future: other symbols after position {leak['position']} of {leak['length']} move the "
        f"outputs up to it by {leak['moved']:.1e} of their size; it begins in {leak['where']}; a mixer that is not "
        "causal, a kernel that wraps round, or statistics over the whole length do that."
    )
