"""Every method is a pure function that changes what it reports and nothing else."""

import copy

import pytest
import torch
from torch import Tensor

from seqlab.methods import Change, Draws, Method, Units
from seqlab.spec import SpecError, find, names

METHODS = names("methods")
UNITS = {"layer": Units(incoming="in.weight", bias="in.bias", outgoing="out.weight")}


def method_of(name: str, **settings: object) -> Method:
    method = find("methods", name)(**settings)
    assert isinstance(method, Method)
    return method


def weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"in.weight": (6, 3), "in.bias": (6,), "out.weight": (2, 6)}
    return {path: torch.randn(shape, generator=generator) for path, shape in shapes.items()}


def moments() -> dict[str, dict[str, Tensor]]:
    means, squares = weights(1), weights(2)
    adam = {
        path: {"exp_avg": means[path], "exp_avg_sq": squares[path].square(), "step": torch.tensor(9.0)}
        for path in means
    }
    del adam["in.bias"]  # was never updated
    return adam


def act(method: Method, seed: int = 0) -> tuple[Change, dict[str, Tensor]]:
    """One act after some observed steps; checks that nothing given was changed."""
    draws = Draws(torch.Generator().manual_seed(seed), lambda: weights(100 + seed))
    given = (weights(0), moments(), method.begin(weights(0), UNITS))
    if method.watches():
        for step in range(5):
            activations = {"layer": torch.randn(8, 6, generator=torch.Generator().manual_seed(step))}
            given = (*given[:2], method.observe(given[2], activations))
    before = copy.deepcopy(given)
    change = method.change(*given, draws, UNITS)
    torch.testing.assert_close(given, before, rtol=0, atol=0)
    return change, given[0]


@pytest.mark.parametrize("name", METHODS)
def test_changes_what_it_reports(name: str) -> None:
    change, old = act(method_of(name))
    assert change.weights.keys() <= old.keys()
    differences = [change.weights[path] - old[path] for path in change.weights]
    for path, value in change.weights.items():
        assert value.shape == old[path].shape
        assert value.dtype == old[path].dtype
    assert all(value.shape == () for value in change.report.values())
    assert int(change.report["changed"]) == sum(int(difference.count_nonzero()) for difference in differences)
    total = sum(float(difference.square().sum()) for difference in differences) ** 0.5
    assert float(change.report["change_norm"]) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_changes_only_moments_that_are_there(name: str) -> None:
    change, _ = act(method_of(name))
    there = moments()
    for path, values in change.moments.items():
        for key, value in values.items():
            assert value.shape == there[path][key].shape


@pytest.mark.parametrize("name", METHODS)
def test_repeats_with_the_same_draws(name: str) -> None:
    first, second = act(method_of(name), seed=3)[0], act(method_of(name), seed=3)[0]
    torch.testing.assert_close(vars(first), vars(second), rtol=0, atol=0)


@pytest.mark.parametrize("name", METHODS)
def test_takes_randomness_from_the_draws_alone(name: str) -> None:
    state = torch.get_rng_state()
    act(method_of(name))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", METHODS)
def test_acts_when_it_is_told(name: str) -> None:
    by_steps = method_of(name, every_steps=10, every_tasks=None)
    assert [updates for updates in range(1, 31) if by_steps.due(updates, None)] == [10, 20, 30]
    by_tasks = method_of(name, every_steps=None, every_tasks=2)
    assert [tasks for tasks in (None, 1, 2, 3, 4) if by_tasks.due(7, tasks)] == [2, 4]
    for neither_or_both in ({"every_steps": None, "every_tasks": None}, {"every_steps": 1, "every_tasks": 1}):
        with pytest.raises(SpecError, match="needs either `every_steps` or `every_tasks`"):
            method_of(name, **neither_or_both)


def shrink(**settings: object) -> Change:
    return act(method_of("shrink_and_perturb", **settings))[0]


def test_shrink_and_perturb_is_the_published_formula() -> None:
    change, fresh = shrink(shrink=0.2, scale=0.5), weights(100)
    for path, old in weights(0).items():
        torch.testing.assert_close(change.weights[path], 0.8 * old + 0.5 * fresh[path])
    assert change.moments == {}


def test_shrink_and_perturb_of_nothing_is_nothing() -> None:
    report = shrink(shrink=0.0, scale=0.0).report
    assert (int(report["changed"]), float(report["change_norm"])) == (0, 0.0)


def test_shrink_and_perturb_with_normal_noise_where_it_is_told() -> None:
    change = shrink(shrink=1.0, scale=2.0, noise="normal", where=("in",), except_where=("in.bias",))
    assert change.weights.keys() == {"in.weight"}
    noise = torch.empty(6, 3).normal_(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(change.weights["in.weight"], 2 * noise)


def test_shrink_and_perturb_can_forget_the_moments() -> None:
    change = shrink(moments="zero")
    assert change.moments.keys() == {"in.weight", "out.weight"}
    assert all(not value.any() for values in change.moments.values() for value in values.values())
