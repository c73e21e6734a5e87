"""Every optimiser descends, resumes bit for bit, and keeps the settings of its groups."""

import copy

import pytest
import torch
from torch import Tensor, nn

from seqlab.optim.groups import parameter_groups
from seqlab.optim.optimisers import Optimiser
from seqlab.spec import find, names

OPTIMISERS = names("optim/optimisers")


class Net(nn.Module):
    """An embedding, hidden matrices of one shape and its transpose, vectors and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.up, self.down = nn.Linear(4, 8), nn.Linear(8, 4)
        self.head = nn.Linear(4, 7)
        self.head.is_head = True

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        return self.head(x + self.down(torch.tanh(self.up(x))))


def net(dtype: torch.dtype = torch.float32) -> Net:
    torch.manual_seed(0)
    return Net().to(dtype)


def optimiser_of(name: str, **settings: object) -> Optimiser:
    optimiser = find("optim/optimisers", name)(**settings)
    assert isinstance(optimiser, Optimiser)
    return optimiser


def train(model: Net, optimiser: torch.optim.Optimizer, steps: range) -> list[float]:
    losses = []
    for step in steps:
        tokens = torch.randint(0, 7, (16,), generator=torch.Generator().manual_seed(step))
        loss = nn.functional.cross_entropy(model(tokens), (tokens + 1) % 7)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", OPTIMISERS)
def test_reduces_a_quadratic(name: str) -> None:
    torch.manual_seed(1)
    model, target = nn.Linear(3, 5).double(), torch.randn(5, 3, dtype=torch.float64)
    spec = optimiser_of(name, lr=0.02, weight_decay=0.0)
    optimiser = spec.build(parameter_groups(model, spec))

    def distance() -> Tensor:
        return (model.weight - target).square().sum() + model.bias.square().sum()

    first = distance().item()
    for _ in range(200):
        optimiser.zero_grad()
        distance().backward()
        optimiser.step()
    assert distance().item() < 0.1 * first


@pytest.mark.parametrize("name", OPTIMISERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resumes_bit_for_bit(name: str, dtype: torch.dtype, tmp_path) -> None:
    spec = optimiser_of(name)
    whole = net(dtype)
    train(whole, spec.build(parameter_groups(whole, spec)), range(8))

    first = net(dtype)
    optimiser = spec.build(parameter_groups(first, spec))
    train(first, optimiser, range(4))
    torch.save(optimiser.state_dict(), tmp_path / "state.pt")

    second = copy.deepcopy(first)
    resumed = spec.build(parameter_groups(second, spec))
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    train(second, resumed, range(4, 8))
    for expected, found in zip(whole.parameters(), second.parameters(), strict=True):
        assert torch.equal(expected, found)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_learns_and_leaves_frozen_parameters_alone(name: str) -> None:
    model, spec = net(), optimiser_of(name)
    model.up.weight.requires_grad_(False)
    before = model.up.weight.clone()
    losses = train(model, spec.build(parameter_groups(model, spec)), range(60))
    assert losses[-1] < losses[0]
    assert torch.equal(model.up.weight, before)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_groups_keep_their_names_and_rates(name: str) -> None:
    model, spec = net(), optimiser_of(name)
    optimiser = spec.build(parameter_groups(model, spec))
    parameters = dict(model.named_parameters())
    named = {path for group in optimiser.param_groups for path in group["names"]}
    assert named == parameters.keys()
    for group in optimiser.param_groups:
        assert group["lr"] == group["initial_lr"] > 0
        assert [id(parameters[path]) for path in group["names"]] == [id(p) for p in group["params"]]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_rate_of_zero_changes_nothing(name: str) -> None:
    model, spec = net(), optimiser_of(name)
    optimiser = spec.build(parameter_groups(model, spec))
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    train(model, optimiser, range(2))
    for expected, found in zip(net().parameters(), model.parameters(), strict=True):
        assert torch.equal(expected, found)
