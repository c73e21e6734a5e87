"""Every method is a pure function that changes what it reports and nothing else, unit by unit."""

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.methods import Change, Draws, Method, Units
from seqlab.nn.units import gated
from seqlab.spec import SpecError, find, names

METHODS = names("methods")
H = 6
UNITS = {
    "layer": Units(
        incoming="in.weight",
        bias="in.bias",
        outgoing="out.weight",
        norm_weight="norm.weight",
        norm_bias="norm.bias",
    ),
    "gated": Units(incoming="both.weight", bias=None, outgoing="down.weight", parts=2, activation=gated(torch.relu)),
    "maps": Units(incoming="conv.weight", bias="conv.bias", outgoing="flat.weight"),
}
SHAPES = {
    "in.weight": (H, 3),
    "in.bias": (H,),
    "norm.weight": (H,),
    "norm.bias": (H,),
    "out.weight": (2, H),
    "both.weight": (2 * H, 3),
    "down.weight": (3, H),
    "conv.weight": (H, 2, 3, 3),
    "conv.bias": (H,),
    "flat.weight": (2, H * 4),
    "other.weight": (3, 3),
}
OF_UNITS = [name for name in METHODS if find("methods", name).of_units]
# Settings under which each resets some units, and not all, of those that are made here.
BUSY: dict[str, list[dict[str, Any]]] = {
    "snr": [
        {"tail_prob": 0.6, "initial_threshold": 2.0, "update_every_steps": 3},
        {"tail_prob": 0.6, "initial_threshold": 2.0, "update_every_steps": 3, "silence": "first", "silent_share": 0.9},
        {"tail_prob": 0.6, "initial_threshold": 2.0, "update_every_steps": 3, "silence": "last", "zero_fires": False},
    ],
    "snr_v2": [{"tail_prob": 0.45, "update_every_steps": 2}],
    "snr_histogram": [{"initial_threshold": 16, "shortest": 1, "longest": 40, "update_every_steps": 3}],
    "redo": [{"every_steps": 1, "threshold": 0.3}, {"every_steps": 1, "threshold": 0.1, "normalisation": "sum"}],
    "cbp": [
        {"replacement_rate": 0.3, "maturity_steps": 2},
        {"replacement_rate": 0.3, "maturity_steps": 2, "utility": "contribution", "counting": "probabilistic"},
    ],
    "cbp_notebook": [{"replacement_rate": 0.3, "maturity_steps": 2}],
    "reinitialise": [{"share": 0.5}],
}


def busy(*, extra: Mapping[str, Any] | None = None) -> list[Any]:
    """Every method of units under settings that reset some, as parameters of a test."""
    return [
        pytest.param(method_of(name, **settings, **(extra or {})), id=f"{name}-{index}")
        for name in OF_UNITS
        for index, settings in enumerate(BUSY.get(name, [{}]))
    ]


def method_of(name: str, **settings: object) -> Method:
    method = find("methods", name)(**settings)
    assert isinstance(method, Method)
    return method


def weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {path: torch.randn(shape, generator=generator) for path, shape in SHAPES.items()}


def moments() -> dict[str, dict[str, Tensor]]:
    means, squares = weights(1), weights(2)
    adam = {
        path: {"exp_avg": means[path], "exp_avg_sq": squares[path].square(), "step": torch.tensor(9.0)}
        for path in means
    }
    del adam["conv.bias"]  # was never updated
    return adam


def activations(step: int) -> dict[str, Tensor]:
    """Pre-activations of 4 rows of 3 positions: units from seldom to nearly always active, some silent for long."""
    generator = torch.Generator().manual_seed(step)
    shift = torch.linspace(-2.5, 1.5, H)
    found = {}
    for place, (name, layer) in enumerate(UNITS.items()):
        values = torch.randn(4, 3, layer.parts, H, generator=generator) + shift.roll(place)
        values[..., 0, place] = -1.0 if step % 5 else 1.0
        found[name] = values.flatten(-2)
    return found


def act(method: Method, seed: int = 0) -> tuple[Change, dict[str, Tensor]]:
    """One act after some observed steps; checks that nothing given was changed."""
    draws = Draws(torch.Generator().manual_seed(seed), lambda: weights(100 + seed))
    given = (weights(0), moments(), method.begin(weights(0), UNITS))
    if method.watches():
        for step in range(5):
            given = (*given[:2], method.observe(given[2], activations(step), UNITS))
    before = copy.deepcopy(given)
    change = method.change(*given, draws, UNITS)
    torch.testing.assert_close(given, before, rtol=0, atol=0)
    return change, given[0]


def course(
    method: Method, order: Tensor | None = None, steps: int = 10, drift: float = 0.0
) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]], dict[str, Tensor], list[Change]]:
    """Weights, moments and statistics after some steps, and their changes. order: of the units of each layer; drift:
    how far an update before each act moves the weights."""
    old, state = permuted(weights(0), order), moments()
    state = {path: permuted(values, order, path) for path, values in state.items()}
    statistics = method.begin(old, UNITS)
    changes = []
    for step in range(steps):
        seen = {name: of_units(value, order, UNITS[name].parts) for name, value in activations(step).items()}
        if method.watches(True):
            statistics = method.observe(statistics, seen, UNITS)
        update = permuted(weights(200 + step), order)
        old = {path: value + drift * update[path] for path, value in old.items()}
        fresh = permuted(weights(100 + step), order)
        draws = Draws(torch.Generator().manual_seed(step), lambda fresh=fresh: fresh)
        change = method.change(old, state, statistics, draws, UNITS)
        changes.append(change)
        old, statistics = old | change.weights, change.statistics
        state = {path: values | change.moments.get(path, {}) for path, values in state.items()}
    return old, state, statistics, changes


def of_units(values: Tensor, order: Tensor | None, parts: int = 1, axis: int = -1) -> Tensor:
    """Values whose axis is (parts, H, whatever), its units in another order."""
    if order is None:
        return values
    split = values.movedim(axis, -1)
    split = split.unflatten(-1, (parts, H, -1))[..., order, :].flatten(-3)
    return split.movedim(-1, axis)


def permuted(tensors: dict[str, Tensor], order: Tensor | None, path: str | None = None) -> dict[str, Tensor]:
    """All tensors (of one parameter's state, where `path` is given) with the units of each layer in another order."""
    found = dict(tensors)
    for layer in UNITS.values():
        for name in layer.parameters():
            axis, parts = (1, 1) if name == layer.outgoing else (0, layer.parts)
            for key in tensors if path == name else [name] if path is None else []:
                if found[key].ndim:
                    found[key] = of_units(found[key], order, parts, axis)
    return found


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


@pytest.mark.parametrize("name", METHODS)
def test_switched_off_it_changes_no_bit(name: str) -> None:
    kind = find("methods", name)
    assert kind.off, "every method says with which settings it does nothing"
    old, state, _, changes = course(method_of(name, **kind.off))
    assert [int(change.report["changed"]) for change in changes] == [0] * len(changes)
    torch.testing.assert_close(old, weights(0), rtol=0, atol=0)
    torch.testing.assert_close(state, moments(), rtol=0, atol=0)


@pytest.mark.parametrize("method", busy())
def test_resets_some_units_and_leaves_the_others_bit_for_bit(method: Method) -> None:
    old, state, statistics, changes = course(method)
    resets = {name: statistics[f"resets/{name}"] for name in UNITS}
    assert any(values.any() for values in resets.values())
    for name, layer in UNITS.items():
        counted = sum(int(change.report[f"units/{name}"]) for change in changes)
        assert counted == int(resets[name].sum())
        never = resets[name] == 0
        for path, axis, parts in (
            (layer.incoming, 0, layer.parts),
            (layer.bias, 0, layer.parts),
            (layer.outgoing, 1, 1),
        ):
            if path is None:
                continue
            for now, then in [
                (old[path], weights(0)[path]),
                *((state[path][key], value) for key, value in moments().get(path, {}).items() if value.ndim),
            ]:
                now, then = (t.movedim(axis, 0).reshape(parts, H, -1)[:, never] for t in (now, then))
                assert now.equal(then), path
    assert sum(int(change.report["units"]) for change in changes) == sum(int(r.sum()) for r in resets.values())
    for path in ("other.weight", "norm.weight", "norm.bias"):
        assert old[path].equal(weights(0)[path])


@pytest.mark.parametrize("method", busy())
def test_a_reset_is_the_stated_one(method: Method) -> None:
    for before, after in zip(_until(method), _until(method, after=True), strict=True):
        change = after
        for name, layer in UNITS.items():
            mask = (change.statistics[f"resets/{name}"] - before[2][f"resets/{name}"]).bool()
            if not mask.any():
                continue
            fresh = weights(100 + int(before[2]["acts"]))
            rows = mask.repeat(layer.parts)
            assert change.weights[layer.incoming][rows].equal(fresh[layer.incoming][rows])
            if layer.bias is not None:
                assert not change.weights[layer.bias][rows].any()
            read, given = (t[layer.outgoing].unflatten(1, (H, -1))[:, mask] for t in (change.weights, fresh))
            assert read.equal(given if getattr(method, "draws_outgoing", False) else torch.zeros_like(given))
            for path in (layer.incoming, layer.outgoing):
                assert "step" not in change.moments[path]
            assert not change.moments[layer.incoming]["exp_avg_sq"][rows].any()
            assert not change.moments[layer.outgoing]["exp_avg"].unflatten(1, (H, -1))[:, mask].any()


def _until(method: Method, after: bool = False) -> list[Any]:
    """What each act of a course was given, or what it made of it."""
    kept: list[Any] = []
    statistics, old, state = method.begin(weights(0), UNITS), weights(0), moments()
    for step in range(6):
        if method.watches(True):
            statistics = method.observe(statistics, activations(step), UNITS)
        given = (dict(old), state, dict(statistics))
        draws = Draws(torch.Generator().manual_seed(step), lambda step=step: weights(100 + step))
        change = method.change(*given, draws, UNITS)
        kept.append(change if after else given)
        old, statistics = old | change.weights, change.statistics
        state = {path: values | change.moments.get(path, {}) for path, values in state.items()}
    return kept


@pytest.mark.parametrize("method", busy(extra={"norms": "initial", "optimiser_step": "zero"}))
def test_norms_and_counts_of_steps_where_it_is_asked(method: Method) -> None:
    old, state, statistics, _ = course(method)
    mask = statistics["resets/layer"].bool()
    assert mask.any()
    assert old["norm.weight"].equal(torch.where(mask, 1.0, weights(0)["norm.weight"]))
    assert old["norm.bias"].equal(torch.where(mask, 0.0, weights(0)["norm.bias"]))
    assert state["in.weight"]["step"] == 0
    assert state["other.weight"]["step"] == 9


@pytest.mark.parametrize("method", busy(extra={"moments": "keep"}))
def test_moments_can_be_kept(method: Method) -> None:
    torch.testing.assert_close(course(method)[1], moments(), rtol=0, atol=0)


@pytest.mark.parametrize("method", [p for p in busy() if not str(p.id).startswith("reinitialise")])
def test_permuting_units_permutes_the_result(method: Method) -> None:
    """Given permuted draws; a choice at random among the units has none that could be permuted."""
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    plain, other = course(method, drift=0.1), course(method, order, drift=0.1)
    torch.testing.assert_close(permuted(plain[0], order), other[0], rtol=1e-6, atol=1e-7)
    states = {path: permuted(values, order, path) for path, values in plain[1].items()}
    torch.testing.assert_close(states, other[1], rtol=1e-6, atol=1e-7)
    for name in UNITS:
        assert plain[2][f"resets/{name}"][order].equal(other[2][f"resets/{name}"])


@pytest.mark.parametrize("method", busy())
def test_where_chooses_layers(method: Method) -> None:
    some = replace(method, where=("in", "both"), except_where=("both",))
    assert list(some.layers(UNITS)) == ["layer"]
    change = course(some)[3][-1]
    assert {name for name in change.report if name.startswith("units/")} == {"units/layer"}
    with pytest.raises(SpecError, match="`inn` matches no parameter"):
        replace(method, where=("inn",)).layers(UNITS)


@pytest.mark.parametrize(("rate", "most"), [(0.4, {0, 1, 2}), (0.1, {0, 1})])
def test_a_fraction_beside_whole_units_is_dropped_where_it_is_a_probability(rate: float, most: set[int]) -> None:
    """Dohare's code: int(0.4 * 6) = 2 of six mature units, or one of 0.6 with that probability."""
    method = method_of("cbp", replacement_rate=rate, maturity_steps=0, counting="probabilistic")
    counts = {int(change.report["units/layer"]) for change in course(method, steps=40)[3]}
    assert counts <= most
    assert max(counts) == max(most)


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
    noise = torch.empty(H, 3).normal_(generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(change.weights["in.weight"], 2 * noise)


def test_shrink_and_perturb_can_forget_the_moments() -> None:
    change = shrink(moments="zero")
    assert change.moments.keys() == SHAPES.keys() - {"conv.bias"}
    assert all(not value.any() for values in change.moments.values() for value in values.values())
