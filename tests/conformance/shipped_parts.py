"""Every shipped part of a kind, small, in the variants whose behaviour differs; a new file joins by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.filters.explicit import Explicit
from seqlab.filters.frequency import Frequency
from seqlab.filters.s4d import S4DKernel
from seqlab.filters.shift import ShiftKernel
from seqlab.mixers.dln import DLN
from seqlab.nn.matrix_cell import MatrixCell
from seqlab.nn.memory import Memory
from seqlab.spec import Part, find, names

# Overrides of the defaults that are worth a run of their own. A part that is not named here is tested as it is;
# a name that two kinds share is given with its kind.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "attention": [
        {},
        {"position": "rotary", "kv_heads": 2, "qk_norm": True, "bias": True},
        {"position": "alibi", "heads": 2, "kv_heads": 1},
        {"causal": False},
        {"causal": False, "position": "alibi"},
    ],
    "batchnorm": [{}, {"weight": False, "bias": False}],
    "explicit": [
        {},
        {"init": "double_exp", "squash": 0.003, "smooth": "time", "window": 3},
        {"smooth": "frequency"},
    ],
    "filters/s4d": [{"spectrum": "lin"}, {"discretisation": "bilinear", "spectrum": "legs", "states": 6}],
    "filters/shift": [{"states": 5}],
    "mixers/s4d": [{}, {"glu": True, "kernel": S4DKernel(states=6, discretisation="bilinear", spectrum="legs")}],
    "mixers/shift": [{"kernel": ShiftKernel(states=5)}],
    "dln": [{}, {"memory": Memory(trained=False)}],
    "lru": [{"states": 5, "inner_radius": 0.5, "outer_radius": 0.99}],
    "mlstm": [
        {"cell": MatrixCell(chunk=8)},
        {"qk_dim_factor": 0.75, "heads": 2, "bias": True, "cell": MatrixCell(input_gate="sigmoid", form="parallel")},
    ],
    "mlstm_classic": [{"taps": 3}],
    "tdln": [{}, {"levels": 2, "time_bias": -1.0, "memory": Memory(trained=False)}],
    "window": [
        {"window": 5, "position": "rotary", "qk_norm": True},
        {"window": 3, "sinks": 2, "position": "alibi"},
        {"window": 1, "memory": DLN(), "memory_dim": 6},
    ],
    "hyena": [
        {},
        {"order": 3, "short_filter": 1, "heads": 8, "filter": Explicit(init="double_exp")},
        {"order": 3, "bidirectional": True, "filter": Frequency()},
    ],
    "longconv": [{}, {"bidirectional": True, "channels": 1, "activation": "silu"}],
    "h3": [
        {},
        {"head_dim": 4, "shift": ShiftKernel(states=4), "kernel": S4DKernel(states=4, discretisation="bilinear")},
    ],
    "implicit": [{}, {"positions_lr": 0.0, "shift": 0.05}, {"normalise": True, "inner_layers": 0}],
    "layernorm": [{}, {"bias": False}, {"weight": False}, {"weight": False, "bias": False}],
    "rmsnorm": [{}, {"weight": False}],
}


def told(field: str, value: Any) -> str:
    """A changed field; of a part, what of it differs from its defaults."""
    if not isinstance(value, Part):
        return f"{field}={value}"
    usual = type(value)()
    changed = {name: own for name, own in vars(value).items() if own != getattr(usual, name)}
    return "-".join([f"{field}={type(value).__name__}", *map(told, changed, changed.values())])


def variants(kind: str, further: pytest.MarkDecorator | None = None) -> list[Any]:
    """The specs of a kind as parameters of a test, with readable ids. further: a mark of all but each part's first."""
    return [
        pytest.param(
            find(kind, name)(**changes),
            id="-".join([name, *map(told, changes, changes.values())]),
            marks=[further] if further is not None and place else [],
        )
        for name in names(kind)
        for place, changes in enumerate(VARIANTS.get(f"{kind}/{name}") or VARIANTS.get(name, [{}]))
    ]


def narrowed(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """The module in a narrower dtype, as precision does it: parts that keep float32 stay as they are."""
    for child in module.children():
        if not getattr(child, "keeps_float32", False):
            narrowed(child, dtype)
    for name, tensor in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
        if tensor.is_floating_point():
            replace = nn.Parameter(tensor.detach().to(dtype)) if isinstance(tensor, nn.Parameter) else tensor.to(dtype)
            setattr(module, name, replace)
    return module


def relative(got: Tensor, wanted: Tensor) -> float:
    """The largest difference in units of the largest entry."""
    return ((got.double() - wanted.double()).abs().max() / wanted.double().abs().max().clamp(min=1e-30)).item()
