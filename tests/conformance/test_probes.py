"""Every probe measures and changes nothing."""

import copy
import math
from collections.abc import Iterator, Mapping

import pytest
import torch
from torch import nn

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.mlstm import MLSTM
from seqlab.mixers.s4d import S4D
from seqlab.mixers.tdln import TDLN
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.shared.layers import listening
from seqlab.nn.units import hidden_units
from seqlab.probes import Measures, Probe, Watcher
from seqlab.spec import find, names

PROBES = names("probes")
LENGTH = 12


def probe_of(name: str, **settings: object) -> Probe:
    probe = find("probes", name)(**settings)
    assert isinstance(probe, Probe)
    return probe


def plain_model() -> tuple[nn.Module, tuple[torch.Tensor]]:
    """No sequence, no mixer, a norm with statistics; with gradients."""
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)), (torch.randn(5, 3),)
    model(*inputs).square().sum().backward()
    return model.eval(), inputs


def language_model() -> tuple[nn.Module, tuple[torch.Tensor]]:
    """A mixer of every kind that a probe looks for; with gradients."""
    torch.manual_seed(0)
    mixers = Attention(heads=2), TDLN(levels=1), Hyena(), MLSTM(heads=2), S4D()
    layers = tuple(Block(mixer=mixer, channel=MLP(activation="relu")) for mixer in mixers)
    model = LM(dim=8, layers=layers).build(Signature(vocabulary=7, length=LENGTH))
    inputs = (torch.randint(7, (3, LENGTH)),)
    model(*inputs).square().sum().backward()
    return model.eval(), inputs


def measured(probe: Probe, model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Measures:
    """As the loop does it."""
    torch.manual_seed(1)
    with torch.no_grad():
        if probe.compares:
            return probe.compare(model, {name: 0.9 * p for name, p in model.named_parameters()})
        if isinstance(probe, Watcher):
            return watched(probe, model, inputs)
        return probe.measure(model, inputs)


def watched(probe: Watcher, model: nn.Module, inputs: tuple[torch.Tensor, ...]) -> Measures:
    """What it tells of one step, after which the first unit of the first layer is reset."""
    layers, weights = hidden_units(model), dict(model.named_parameters())
    memory = probe.begin(weights, layers)
    modules = {name: (name, model.get_submodule(layer.watched)) for name, layer in layers.items()}
    with listening(list(modules.values())) as heard:
        model(*inputs)
    memory = probe.see(memory, {name: heard[name].output for name in layers}, layers)
    first = next(iter(layers))
    mask = torch.arange(layers[first].width(weights)) == 0
    return probe.tell(probe.follow(memory, {first: mask}, {}))[0]


def numbers(measures: Measures) -> Iterator[float]:
    for value in measures.values():
        for part in value.values() if isinstance(value, Mapping) else [value]:
            yield from part if isinstance(part, list) else [part]


@pytest.mark.parametrize("subject", [plain_model, language_model])
@pytest.mark.parametrize("name", PROBES)
def test_changes_nothing_and_repeats(name: str, subject: object) -> None:
    probe, (model, inputs) = probe_of(name), subject()  # type: ignore[operator]
    before = copy.deepcopy(model.state_dict())
    gradients = {path: p.grad.clone() for path, p in model.named_parameters() if p.grad is not None}
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    first, second = measured(probe, model, inputs), measured(probe, model, inputs)
    assert first == second
    torch.testing.assert_close(dict(model.state_dict()), dict(before), rtol=0, atol=0)
    after = {path: p.grad for path, p in model.named_parameters() if p.grad is not None}
    assert after.keys() == gradients.keys()
    assert all(torch.equal(gradients[path], gradient) for path, gradient in after.items())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()] == hooks
    assert not model.training


@pytest.mark.parametrize("name", PROBES)
def test_gives_numbers_whose_names_carry_the_phase(name: str) -> None:
    probe, (model, inputs) = probe_of(name), language_model()
    measures = measured(probe, model, inputs)
    assert measures
    assert all(key.startswith(f"{name}/{probe.phase}/") for key in measures)
    assert all(type(value) is float and math.isfinite(value) for value in numbers(measures))


@pytest.mark.parametrize("name", PROBES)
def test_a_model_that_is_no_number_any_more_breaks_no_probe(name: str) -> None:
    probe, (model, inputs) = probe_of(name), language_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(math.nan)
    assert measured(probe, model, inputs).keys()


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
