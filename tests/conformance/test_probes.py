"""Every probe measures and changes nothing."""

import copy
import math

import pytest
import torch
from torch import nn

from seqlab.probes import Probe
from seqlab.spec import find, names

PROBES = names("probes")


def probe_of(name: str, **settings: object) -> Probe:
    probe = find("probes", name)(**settings)
    assert isinstance(probe, Probe)
    return probe


def model_with_gradients() -> tuple[nn.Module, tuple[torch.Tensor]]:
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)), (torch.randn(5, 3),)
    model(*inputs).square().sum().backward()
    return model.eval(), inputs


@pytest.mark.parametrize("name", PROBES)
def test_changes_nothing_and_repeats(name: str) -> None:
    probe, (model, inputs) = probe_of(name), model_with_gradients()
    before = copy.deepcopy(model.state_dict())
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    hooks = [len(module._forward_hooks) for module in model.modules()]
    with torch.no_grad():
        first, second = probe.measure(model, inputs), probe.measure(model, inputs)
    assert first == second
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    assert all(torch.equal(old, p.grad) for old, p in zip(gradients, model.parameters(), strict=True))
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert not model.training


@pytest.mark.parametrize("name", PROBES)
def test_gives_numbers_whose_names_carry_the_phase(name: str) -> None:
    probe, (model, inputs) = probe_of(name), model_with_gradients()
    with torch.no_grad():
        measures = probe.measure(model, inputs)
    assert measures
    assert all(key.startswith(f"{name}/{probe.phase}/") for key in measures)
    assert all(type(value) is float and math.isfinite(value) for value in measures.values())


@pytest.mark.parametrize("name", PROBES)
def test_comes_every_so_many_updates_and_at_the_last(name: str) -> None:
    probe = probe_of(name, every_steps=10)
    assert [update for update in range(1, 26) if probe.due(update, 25)] == [10, 20, 25]


def test_weight_norms() -> None:
    model = nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), (3.0, 4.0, 12.0, 0.0), strict=True):
            parameter.zero_().view(-1)[0] = value
    by_tensor = probe_of("weight_norms").measure(model, ())
    by_module = probe_of("weight_norms", by="module").measure(model, ())
    prefix = "weight_norms/after_update/"
    assert by_tensor == {
        prefix + key: value
        for key, value in (("0.weight", 3.0), ("0.bias", 4.0), ("1.weight", 12.0), ("1.bias", 0.0), ("total", 13.0))
    }
    assert by_module == {prefix + "0": 5.0, prefix + "1": 12.0, prefix + "total": 13.0}
