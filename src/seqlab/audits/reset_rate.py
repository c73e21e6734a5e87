"""Does a method reset units now and then, or much of a layer at every step? SNR-V2 at its tuned .55 reset 41 %."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from seqlab.audits import Audit, Finding, not_applicable, passed, warned
from seqlab.audits.shared.subject import Subject
from seqlab.methods import Method
from seqlab.nn.units import hidden_units
from seqlab.spec import Field
from seqlab.train.foresight import foreseen
from seqlab.train.interventions import distinct_names
from seqlab.train.training import Training

__all__ = ["ResetRate"]


class ResetRate(Audit):
    """A method of hidden units resets a small share of a layer at each step, and not most of it at once.

    Before training it is foreseen for the model as it is; of what was trained, the record tells. A method that is meant
    to renew a layer may, but not at each step.
    """

    each_step: float = Field(default=0.05, gt=0, le=1)
    """Largest share of a layer that is reset at a step in the mean, at steps that act."""
    at_once: float = Field(default=0.5, gt=0, le=1)
    """Largest share of a layer that one act of a method that acts more seldom resets in the mean."""

    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "batch", "methods", "seed", "precision")

    def examine(self, subject: Subject) -> Finding:
        methods = subject.experiment.methods
        acting = [
            (method, name) for method, name in zip(methods, distinct_names(methods), strict=True) if method.of_units
        ]
        if not acting:
            return not_applicable("no method resets hidden units")
        if subject.stage == "trained" and subject.run is None:
            return not_applicable("there is no record of the training")
        measured: dict[str, Any] = {}
        for method, name in acting:
            shares = dict(
                _recorded(subject, name) if subject.stage == "trained" else _foreseen(subject.training, method)
            )
            measured[name] = max(shares.values(), default=0.0)
            each_step = method.every_steps == 1
            limit = self.each_step if each_step else self.at_once
            if measured[name] > limit and (each_step or not method.renews_all):
                return warned(self._told(name, method, shares, subject.stage == "trained"), limit=limit, **measured)
        return passed("methods reset a small share of each layer at a time", **measured)

    def _told(self, name: str, method: Method, shares: Mapping[str, float], trained: bool) -> str:
        layer = max(shares, key=lambda layer: shares[layer])
        when = "at each step" if method.every_steps == 1 else "at each act"
        did = "reset" if trained else "would reset"
        stays = "" if trained else ", if the model stayed as it is"
        advice = (
            "a layer that is drawn anew all the time learns nothing; act between tasks (`every_tasks`)."
            if method.renews_all
            else "that is no test for rare units, it keeps the layer fresh, or off; compare with methods/reinitialise."
        )
        return (
            f"the method {name} {did} {shares[layer]:.0%} of the units of `{layer}` {when} in the mean{stays}: {advice}"
        )


def _foreseen(t: Training, method: Method) -> Iterator[tuple[str, float]]:
    """The share of each layer that an act resets in the mean."""
    yield from ((layer.layer, layer.share) for layer in foreseen(t, method))


def _recorded(subject: Subject, name: str) -> Iterator[tuple[str, float]]:
    """The same of what was trained."""
    assert subject.run is not None
    t = subject.training
    weights = dict(t.model.named_parameters())
    lines = [line for line in subject.run.metrics.lines() if f"method/{name}_acts" in line]
    acts = sum(line[f"method/{name}_acts"] for line in lines)
    for layer, units in hidden_units(t.model).items():
        resets = sum(line.get(f"method/{name}_units/{layer}", 0.0) for line in lines)
        if acts:
            yield layer, resets / (acts * units.width(weights))
