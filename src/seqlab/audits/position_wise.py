"""Do norms and channel mixers act on each position by itself? A norm over length and features sees the future."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from torch import Tensor, nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.layers import Named, is_norm, listening, titled
from seqlab.audits.shared.subject import Subject, moved
from seqlab.models import BlockModule

__all__ = ["PositionWise"]


class PositionWise(Audit):
    """What a norm or a channel mixer makes of one position may not depend on another position, in evaluation mode."""

    depends_on: ClassVar[tuple[str, ...]] = ("model",)

    def examine(self, subject: Subject) -> Finding:
        model = subject.awake
        listened = list(_wise(model))
        with listening(listened) as heard:
            subject.output(model, subject.inputs(1))
        moves = {
            named[0]: _moved_by_later_positions(subject, named[1], heard[named[0]].inputs[0])
            for named in listened
            if heard[named[0]].inputs and _is_sequence(heard[named[0]].inputs[0], subject)
        }
        if not moves:
            return not_applicable("the model has no norm and no channel mixer over positions")
        worst = max(moves, key=lambda path: moves[path])
        measured = {"moved": moves[worst], "limit": subject.tolerance, "modules": len(moves)}
        if moves[worst] > subject.tolerance:
            named = next(named for named in listened if named[0] == worst)
            return failed(
                f"{titled(named, model)}: {type(named[1]).__name__} at `{worst}` mixes positions: changing the later "
                f"half of its input moves the earlier half of its output by {moves[worst]:.1e} of its size; one norm "
                "over length and features together does that.",
                **measured,
            )
        return passed("norms and channel mixers see one position at a time", **measured)


def _wise(model: nn.Module) -> Iterator[Named]:
    """The modules that must act on each position by itself: those of blocks that are no mixer, and all norms."""
    known: set[int] = set()
    for path, module in model.named_modules():
        if isinstance(module, BlockModule):
            for name, child in module.named_children():
                if name != "mixer":
                    known.add(id(child))
                    yield f"{path}.{name}", child
        elif is_norm(module) and id(module) not in known:
            yield path, module
    norm = getattr(model, "norm", None)
    if isinstance(norm, nn.Module) and not is_norm(norm):
        yield "norm", norm


def _is_sequence(x: Tensor, subject: Subject) -> bool:
    return x.ndim == 3 and x.shape[1] == subject.length > 1 and x.is_floating_point()


def _moved_by_later_positions(subject: Subject, module: nn.Module, x: Tensor) -> float:
    half = x.shape[1] // 2
    changed = x.clone()
    changed[:, half:] = 2 * changed[:, half:].flip(-1) + 1
    before, after = (
        subject.output(module, (given,)) if _has_parameters(module) else module(given) for given in (x, changed)
    )
    return moved(before[:, :half], after[:, :half])


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
