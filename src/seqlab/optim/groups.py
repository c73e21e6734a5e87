"""Which parameters are trained, and with which settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from seqlab.optim.optimisers import Group, Optimiser
from seqlab.spec import SpecError, matching_paths

__all__ = ["freeze", "parameter_groups"]


def parameter_groups(model: nn.Module, optimiser: Optimiser) -> list[Group]:
    """The groups for `optimiser.build`: trainable parameters with equal settings, in the model's order.

    A module's method `param_groups()` claims parameters with settings of their own: dicts of `params` and `lr`
    (absolute) and/or `weight_decay`. Modules are asked from the outermost inwards and the first claim holds, so that
    a mixer can overrule, or repeat, what its filter asks for. A claimed `lr` was chosen for Adam: its parameter is
    not a hidden matrix. Frozen parameters are left out. Raises SpecError for a claim that cannot be meant.
    """
    claims = _claims(model)
    matrices = _hidden_matrices(model)
    groups: dict[tuple[tuple[str, Any], ...], Group] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        claim = claims.get(parameter, {})
        hidden = parameter in matrices and "lr" not in claim
        decays = optimiser.decay == "all" or parameter.ndim >= 2
        settings = {**optimiser.settings(hidden), "weight_decay": optimiser.weight_decay if decays else 0.0, **claim}
        group = groups.setdefault(tuple(settings.items()), {"params": [], "names": [], **settings})
        group["params"].append(parameter)
        group["names"].append(name)
    if not groups:
        raise SpecError("every parameter of the model is frozen; there is nothing to train.")
    return [{**group, "initial_lr": group["lr"]} for group in groups.values()]


def _claims(model: nn.Module) -> dict[nn.Parameter, dict[str, float]]:
    ours = set(model.parameters())
    claims: dict[nn.Parameter, dict[str, float]] = {}
    for path, module in model.named_modules():
        own: dict[nn.Parameter, dict[str, float]] = {}
        for group in getattr(module, "param_groups", list)():
            where = f"{type(module).__name__}.param_groups() at `{path}`"
            settings = {key: float(value) for key, value in group.items() if key != "params"}
            if not settings or not settings.keys() <= {"lr", "weight_decay"}:
                raise SpecError(f"{where} may set `lr` and `weight_decay`, not {sorted(settings)}.")
            for parameter in group["params"]:
                if parameter in own:
                    raise SpecError(f"{where} claims a parameter of shape {tuple(parameter.shape)} twice.")
                if parameter not in ours:
                    raise SpecError(f"{where} claims a tensor that is not a parameter of the model.")
                own[parameter] = settings
        claims = own | claims
    return claims


def _hidden_matrices(model: nn.Module) -> set[Tensor]:
    """The weights of linears, but for embeddings and modules marked `is_head = True`, tied ones included.

    Two axes alone make no matrix: the taps of a convolution of each feature have them too.
    """
    linears = {module.weight for module in model.modules() if isinstance(module, nn.Linear)}
    return linears - {
        parameter
        for module in model.modules()
        if isinstance(module, nn.Embedding) or getattr(module, "is_head", False)
        for parameter in module.parameters()
    }


def freeze(model: nn.Module, patterns: Sequence[str]) -> list[str]:
    """Stop training the parameters that the patterns name (see `seqlab.spec.matching_paths`); returns their paths.

    A tied parameter freezes under any of its paths. Raises SpecError naming the nearest paths for a pattern that
    matches nothing.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    frozen = matching_paths(parameters, patterns)
    for path in frozen:
        parameters[path].requires_grad_(False)
    return frozen
