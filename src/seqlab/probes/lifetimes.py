"""How long hidden units are silent, how long they live, and which of them methods reset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from seqlab.journal.arrays import packed
from seqlab.kernels.firing import firing
from seqlab.nn.by_layer import named, of_layer
from seqlab.nn.firing import deciding
from seqlab.nn.units import Units
from seqlab.probes import Measures, Memory, Profile, Watcher
from seqlab.spec import Field

__all__ = ["LEVELS", "Lifetimes"]

LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Of the quantiles."""
QUANTILES = {"silent": "silent_batches", "age": "age_positions", "life": "life_steps"}
"""What is remembered of every unit, and what its quantiles are called."""


class Lifetimes(Watcher):
    """Of every layer of hidden units, since the last look, in training and whatever method resets them:

    `resets` and `reset_units`, how often units were reset and how many different ones; `never_fired`, the share that
    was above 0 at no position; quantiles (0, .05, .25, .5, .75, .95, 1) of `silent_batches`, batches since a unit fired
    last; of `age_positions`, which grows by the positions of a batch in which it is silent and else is positions over
    firings; of `life_steps` since the beginning or the last reset; of `lifetimes`, steps that those reset had lived;
    and of the `thresholds` of a method that has some. The two ages are those of ajozefiak/CL-transformers (`V1`, `V2`).
    """

    every_steps: int = Field(default=120, ge=1)
    """Look at every so many updates, say the steps of a task; also at the last. It watches every step in between."""
    events: bool = False
    """Whether every reset is kept: (step, unit, lifetime), steps counted from the last look, or where that is shorter a
    mask of bits (steps, units)."""
    tapped: int = Field(default=0, ge=0)
    """Units of each layer, spread over it evenly, whose `silent_batches` is kept at every step."""

    def begin(self, weights: Mapping[str, Tensor], units: Mapping[str, Units]) -> Memory:
        memory: Memory = {}
        for name, layer in units.items():
            like = weights[layer.incoming].new_zeros(layer.width(weights), dtype=torch.int64)
            memory |= named(name, {"silent": like, "age": like.double(), "life": like, **self._window(like)})
        return memory

    def _window(self, like: Tensor) -> Memory:
        """What is remembered from one look to the next."""
        none = like.new_zeros(0)
        window = {"fired": like, "resets": like, "ended": none, "threshold": none.double()}
        window |= {"mask": like.new_zeros(0, len(like), dtype=torch.bool)} if self.events else {}
        return window | ({"taps": like.new_zeros(0, len(self._places(like)))} if self.tapped else {})

    def _places(self, like: Tensor) -> Tensor:
        count = min(self.tapped, len(like))
        return torch.arange(count, device=like.device) * len(like) // max(count, 1)

    def see(self, memory: Memory, activations: Mapping[str, Tensor], units: Mapping[str, Units]) -> Memory:
        after = dict(memory)
        for name, before in activations.items():
            old = of_layer(memory, name)
            flat = deciding(before, units[name])
            firings, _ = firing(flat)
            silent = firings == 0
            after |= named(
                name,
                {
                    "silent": torch.where(silent, old["silent"] + 1, 0),
                    "age": torch.where(silent, old["age"] + len(flat), len(flat) / firings),
                    "fired": old["fired"] + ~silent,
                },
            )
        return after

    def follow(self, memory: Memory, resets: Mapping[str, Tensor], thresholds: Mapping[str, Tensor]) -> Memory:
        after = dict(memory)
        for name in _layers(memory):
            old = of_layer(memory, name)
            new = {"life": old["life"] + 1}
            if name in resets:
                new |= _reset(old | new, resets[name])
            if name in thresholds:
                new["threshold"] = thresholds[name].double()
            if self.events:
                none = torch.zeros_like(old["resets"], dtype=torch.bool)
                new["mask"] = torch.cat([old["mask"], resets.get(name, none)[None]])
            if self.tapped:
                places = self._places(old["silent"])
                new["taps"] = torch.cat([old["taps"], (old | new)["silent"][places][None]])
            after |= named(name, new)
        return after

    def tell(self, memory: Memory) -> tuple[Measures, Memory]:
        measures: dict[str, float | Profile] = {}
        after = dict(memory)
        for name in _layers(memory):
            state = of_layer(memory, name)
            measures[self.metric(name)] = _told(state) | self._kept(state)
            after |= named(name, self._window(state["resets"].new_zeros(len(state["resets"]))))
        return measures, after

    def _kept(self, state: Memory) -> Profile:
        """What is kept of every step."""
        found: Profile = {}
        if self.events and len(state["ended"]):
            found |= _events(state["mask"], state["ended"])
        if self.tapped:
            found["tapped_units"] = packed(self._places(state["resets"]).cpu().numpy().astype(np.uint16))
            found["tapped_ages"] = packed(state["taps"].clamp(max=65535).cpu().numpy().astype(np.uint16))
        return found

    def numbers_a_layer(self) -> dict[str, int]:
        rows = dict.fromkeys((*QUANTILES.values(), "lifetimes", "thresholds"), len(LEVELS))
        return {"resets": 1, "reset_units": 1, "never_fired": 1, **rows}

    def most_bytes(self, widths: Mapping[str, int]) -> int:
        each = [self.events * width / 8 + 2 * min(self.tapped, width) for width in widths.values()]
        return round(sum(each) * self.every_steps * 4 / 3)  # base64 of what does not compress


def _reset(state: Memory, mask: Tensor) -> Memory:
    return {
        "silent": torch.where(mask, 0, state["silent"]),
        "age": torch.where(mask, 0.0, state["age"]),
        "life": torch.where(mask, 0, state["life"]),
        "resets": state["resets"] + mask,
        "ended": torch.cat([state["ended"], state["life"][mask]]),
    }


def _told(state: Memory) -> Profile:
    resets = state["resets"]
    found: Profile = {
        "resets": float(resets.sum()),
        "reset_units": float((resets > 0).sum()),
        "never_fired": float((state["fired"] == 0).double().mean()),
    }
    for name, called in (*QUANTILES.items(), ("ended", "lifetimes"), ("threshold", "thresholds")):
        if len(state[name]):
            levels = torch.tensor(LEVELS, dtype=torch.float64, device=resets.device)
            found[called] = state[name].double().quantile(levels, interpolation="lower").tolist()
    return found


def _events(mask: Tensor, lives: Tensor) -> Profile:
    """The resets of a window, by whichever text is shorter. mask: (steps, units); lives: in the order of the mask."""
    places = np.column_stack([mask.nonzero().cpu().numpy(), lives.cpu().numpy()]).astype(np.uint32)
    forms = {"reset_events": packed(places), "reset_mask": packed(np.packbits(mask.cpu().numpy(), axis=1))}
    name = min(forms, key=lambda form: len(forms[form]))
    return {name: forms[name]}


def _layers(memory: Memory) -> Iterable[str]:
    return dict.fromkeys(name.partition("/")[2] for name in memory)
