"""How far back every mixer and the model look, by gradients."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from seqlab.models.shared.influence import by_distance, influence
from seqlab.models.shared.layers import Heard, Named, layers, listening, mixers
from seqlab.probes import Measures, Probe, Profile
from seqlab.probes.shared.spread import octaves
from seqlab.spec import Field

__all__ = ["ReceptiveField"]


class ReceptiveField(Probe):
    """Of the last position's output of every mixer, and of the whole model: within how many positions, its own counted
    as 1, half (`half`) and nine tenths (`most`) of the influence of the others lie, `farthest`, within how many all
    of it, and `octaves`, the shares of the influence at distances from 1, 2 to 3, 4 to 7 ... on.

    The influence of a position is the norm of the gradient there, for a random sum of the output; one row is looked
    at. A model without mixers is looked at layer by layer.
    """

    looks_at: ClassVar[Literal["weights", "passes"]] = "passes"

    every_steps: int = Field(default=500, ge=1)
    """Measure at every so many updates; also at the last. A look costs about half a step."""

    def measure(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Measures:
        parts = mixers(model) or layers(model)
        first = _where_it_begins(model)
        with torch.enable_grad():
            with listening([*parts, *first, ("", model)]) as heard:
                model(*(tensor[:1] for tensor in inputs))
            looks = {path: _look(heard[path], _entered(heard[path])) for path, _ in parts}
            for path, module in first:
                source = heard[path].output if isinstance(module, nn.Embedding) else _entered(heard[path])
                looks["model"] = looks.get("model") or _look(heard[""], source)
        return {self.metric(path): look for path, look in looks.items() if look}


def _where_it_begins(model: nn.Module) -> list[Named]:
    """Where the stream may begin: the embeddings, which it leaves, or the first layer, which it enters."""
    return [named for named in model.named_modules() if isinstance(named[1], nn.Embedding)] + layers(model)[:1]


def _entered(heard: Heard) -> Tensor | None:
    return next(iter(heard.inputs), None)


def _look(heard: Heard, source: Tensor | None) -> Profile:
    """What the last position of an output looks at; nothing where there are no positions or no gradient."""
    output = heard.output
    if output is None or source is None or any(x.ndim != 3 or not x.requires_grad for x in (output, source)):
        return {}
    if output.shape[1] != source.shape[1] or output.shape[1] < 2:
        return {}
    last = output.shape[1] - 1
    within = by_distance(influence(output, source, last), last)
    others = within[1:]
    if not others.any():
        return {"half": 1.0, "most": 1.0, "farthest": 1.0}
    held = (others.cumsum(0) / others.sum()).nan_to_num(0.0)
    distance = torch.arange(1, last + 1, device=within.device)
    return {
        "half": float((held < 0.5).sum() + 2),
        "most": float((held < 0.9).sum() + 2),
        "farthest": float(others.nonzero().max() + 2),
        "octaves": octaves(distance.float(), others)[1:],
    }
