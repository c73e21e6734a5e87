"""Does a method reset units now and then, or much of a layer at every step? SNR-V2 at its tuned .55 reset 41 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    ever: float = Field(default=0.9, gt=0, le=1)
    """Largest share of a layer that any act resets: a rate that is small in the mean may come in bursts."""

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
        trained = subject.stage == "trained"
        for method, name in acting:
            shares = _recorded(subject, name) if trained else _foreseen(subject.training, method)
            measured[name] = max((share.mean for share in shares), default=0.0)
            at_once = max((share.largest for share in shares if share.largest is not None), default=None)
            if at_once is not None:
                measured[f"{name}_at_once"] = at_once
            each_step = method.every_steps == 1
            limit = self.each_step if each_step else self.at_once
            if measured[name] > limit and (each_step or not method.renews_all):
                return warned(self._told(name, method, shares, trained), limit=limit, **measured)
            if at_once is not None and at_once > self.ever and not method.renews_all:
                return warned(_burst(name, shares, trained), limit=self.ever, **measured)
        return passed("methods reset a small share of each layer at a time", **measured)

    def _told(self, name: str, method: Method, shares: Sequence[Share], trained: bool) -> str:
        most = max(shares, key=lambda share: share.mean)
        when = "at each step" if method.every_steps == 1 else "at each act"
        stays = "" if trained else ", if the model stayed as it is"
        advice = (
            "a layer that is drawn anew all the time learns nothing; act between tasks (`every_tasks`)."
            if method.renews_all
            else "that is no test for rare units, it keeps the layer fresh, or off; compare with methods/reinitialise."
        )
        did, layer = _did(trained), most.layer
        return f"the method {name} {did} {most.mean:.0%} of the units of `{layer}` {when} in the mean{stays}: {advice}"


@dataclass(frozen=True)
class Share:
    """Of a layer's units that acts reset."""

    layer: str
    mean: float
    """Over the acts."""
    largest: float | None
    """By one act; None where the record does not tell, as that of earlier versions."""
    units: int
    """H."""


def _did(trained: bool) -> str:
    return "reset" if trained else "would reset"


def _burst(name: str, shares: Sequence[Share], trained: bool) -> str:
    most = max(shares, key=lambda share: share.largest or 0.0)
    count, stays = round((most.largest or 0.0) * most.units), "" if trained else ", if the model stayed as it is"
    return (
        f"the method {name} {_did(trained)} {count} of the {most.units} units of `{most.layer}` in one act, and "
        f"{most.mean:.1%} of them at each in the mean{stays}: what a layer has learnt is gone at once; make it reset "
        "fewer (its rate or threshold), or compare with methods/reinitialise, which is meant to do so."
    )


def _foreseen(t: Training, method: Method) -> list[Share]:
    return [Share(one.layer, one.share, one.largest / one.units, one.units) for one in foreseen(t, method)]


def _recorded(subject: Subject, name: str) -> list[Share]:
    """Of what was trained. A line without a largest share tells nothing of it, and not that it was 0."""
    assert subject.run is not None
    t = subject.training
    weights = dict(t.model.named_parameters())
    lines = [line for line in subject.run.metrics.lines() if f"method/{name}_acts" in line]
    acts = sum(line[f"method/{name}_acts"] for line in lines)
    found = []
    for layer, units in hidden_units(t.model).items() if acts else ():
        width, key = units.width(weights), f"method/{name}_units/{layer}"
        mean = sum(line.get(key, 0.0) for line in lines) / (acts * width)
        told = f"method/{name}_largest_share/{layer}"
        found.append(Share(layer, mean, max((line[told] for line in lines if told in line), default=None), width))
    return found
