"""Are two runs the same: their parameters, what they compute, and their curves."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.data.streams import stream_seed
from seqlab.journal import Run
from seqlab.spec import SpecError
from seqlab.train.load import load_model

__all__ = ["Curve", "Loaded", "Parameters", "curves", "loaded", "logits", "parameters", "to_json"]

ROWS, LENGTH = 2, 64
FORGOTTEN = ("speed/", "memory/")
"""Metrics that the machine decides."""


class Parameters(NamedTuple):
    """How far the weights of two models are apart."""

    compared: int
    """Tensors that both have in one shape."""
    worst: str
    difference: float
    """The largest absolute difference, in the tensor `worst`."""
    only: list[str]
    """Tensors that one of them lacks, or has in another shape."""


class Curve(NamedTuple):
    """How far two curves of one metric are apart."""

    metric: str
    steps: int
    """Steps that both have."""
    difference: float
    first_step: int | None
    """The first step at which they differ by more than the tolerance; None: nowhere."""


def parameters(a: nn.Module, b: nn.Module) -> Parameters:
    """The largest absolute difference between tensors of the same name and shape."""
    left, right = a.state_dict(), b.state_dict()
    common = [name for name in left if name in right and left[name].shape == right[name].shape]
    only = sorted((left.keys() | right.keys()) - set(common))
    apart = {name: _apart(left[name], right[name]) for name in common}
    worst = max(apart, key=lambda name: apart[name], default="")
    return Parameters(len(common), worst, apart.get(worst, 0.0), only)


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).abs().max()) if a.numel() else 0.0


def logits(a: nn.Module, b: nn.Module, runs: tuple[Run, Run]) -> float:
    """The largest absolute difference of outputs on the same random inputs. Raises SpecError where none fit both."""
    one, other = (Signature.from_json(run.origin["signature"]) for run in runs)
    if (one.vocabulary, one.shape, one.classes) != (other.vocabulary, other.shape, other.classes):
        raise SpecError(f"{runs[0].name} and {runs[1].name} read other alphabets; nothing can be computed with both.")
    generator = torch.Generator().manual_seed(stream_seed(0, "same"))
    if one.shape is not None:
        inputs = torch.rand(ROWS, *one.shape, generator=generator)
    else:
        length = min(LENGTH, one.length, other.length)
        inputs = torch.randint(one.vocabulary, (ROWS, length), generator=generator)
    with torch.no_grad():
        return _apart(a(inputs), b(inputs))


def curves(a: Run, b: Run, tolerance: float) -> list[Curve]:
    """Every metric that both recorded, at the steps that both have."""
    names = [name for name in a.metrics.last if name in b.metrics.last and not name.startswith(FORGOTTEN)]
    return [_curve(a, b, name, tolerance) for name in names]


def _curve(a: Run, b: Run, name: str, tolerance: float) -> Curve:
    left, right = (dict(zip(*run.metrics.curve(name), strict=True)) for run in (a, b))
    common = sorted(left.keys() & right.keys())
    apart = {step: _difference(left[step], right[step]) for step in common}
    first = next((step for step in common if apart[step] > tolerance), None)
    return Curve(name, len(common), max(apart.values(), default=0.0), first)


def _difference(a: float, b: float) -> float:
    if math.isfinite(a) and math.isfinite(b):
        return abs(a - b)
    return 0.0 if str(a) == str(b) else math.inf


class Loaded(NamedTuple):
    """A run's model, and the checkpoint that it comes from."""

    model: nn.Module
    step: int
    skipped: list[str]
    """A sentence for each newer checkpoint that could not be used."""


def loaded(run: Run, step: int | None) -> Loaded:
    """The model of the checkpoint of a step, or of the newest that can be used."""
    model, checkpoint, skipped = load_model(run, step)
    return Loaded(model, checkpoint.step, skipped)


def to_json(found: Parameters, outputs: float | None, measured: list[Curve]) -> dict[str, Any]:
    """Plain values."""
    return {"parameters": found._asdict(), "logits": outputs, "curves": [curve._asdict() for curve in measured]}
