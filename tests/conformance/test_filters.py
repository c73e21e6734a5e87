"""The contract of filters (seqlab/filters/__init__.py), for every file of the folder."""

from __future__ import annotations

import pytest
import torch
from shipped_parts import relative, variants
from torch import Tensor

from seqlab.filters import Filter, LongFilter, RecurrentFilter
from seqlab.spec import from_json, to_json

CHANNELS, LENGTH = 6, 12
pytestmark = pytest.mark.parametrize("spec", variants("filters"))


def build(spec: Filter, seed: int = 0, length: int = LENGTH) -> LongFilter:
    torch.manual_seed(seed)
    return spec.build(channels=CHANNELS, length=length).double()


@pytest.mark.parametrize("length", [1, 2, 7, LENGTH])
def test_fewer_taps_are_the_first_taps(spec: Filter, length: int) -> None:
    taps = build(spec)
    assert taps(length).shape == (CHANNELS, length)
    assert relative(taps(length), taps(LENGTH)[:, :length]) <= 1e-12


def test_one_tap_is_enough(spec: Filter) -> None:
    assert build(spec, length=1)(1).isfinite().all()


def test_too_many_taps_raise(spec: Filter) -> None:
    with pytest.raises(ValueError, match=f"{LENGTH} taps"):
        build(spec)(LENGTH + 1)


def test_gradients_are_right(spec: Filter) -> None:
    taps = build(spec, length=4)
    names = [name for name, _ in taps.named_parameters()]

    def f(*values: Tensor) -> Tensor:
        return torch.func.functional_call(taps, dict(zip(names, values, strict=True)), (4,))

    assert torch.autograd.gradcheck(f, tuple(taps.parameters()), fast_mode=True)


def test_every_parameter_has_a_group_of_its_own_settings(spec: Filter) -> None:
    taps = build(spec)
    grouped = [id(parameter) for group in taps.param_groups() for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in taps.parameters())
    assert all(set(group) - {"params"} <= {"lr", "weight_decay"} for group in taps.param_groups())


def test_narrow_parameters_still_give_float32_taps(spec: Filter) -> None:
    assert build(spec).bfloat16()(LENGTH).dtype == torch.float32


def test_spec_survives_json(spec: Filter) -> None:
    assert from_json(to_json(spec)) == spec


def test_seeds_and_resets(spec: Filter) -> None:
    first, again, other = build(spec, 1), build(spec, 1), build(spec, 2)
    assert torch.equal(first(LENGTH), again(LENGTH))
    assert relative(first(LENGTH), other(LENGTH)) > 1e-3
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.fill_(float("nan"))
    first.reset_parameters()
    assert first(LENGTH).isfinite().all()


def test_a_recurrence_gives_the_same_convolution(spec: Filter) -> None:
    taps = build(spec)
    if not isinstance(taps, RecurrentFilter):
        pytest.skip("no recurrence")
    length = LENGTH + 5  # a recurrence has no limit
    u, kernel = torch.randn(2, length, CHANNELS, dtype=torch.float64), taps.taps(length)
    assert relative(kernel[:, :LENGTH], taps(LENGTH)[:, : kernel.shape[1]]) <= 1e-12
    memory = taps.init_memory(2)
    for t in range(length):
        y, memory = taps.step(u[:, t], memory)
        reached = range(max(t + 1 - kernel.shape[1], 0), t + 1)
        assert relative(y, torch.stack([kernel[:, t - s] * u[:, s] for s in reached]).sum(0)) <= 1e-12
        after = taps.memory_after(u, torch.tensor([t, t]), torch.tensor([t + 1, t + 1]))
        assert relative(memory, after) <= 1e-12
