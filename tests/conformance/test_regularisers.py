"""Every regulariser is a smooth scalar of the weights that it selects, and changes nothing."""

import pytest
import torch
from torch import Tensor

from seqlab.regularisers import Regulariser
from seqlab.spec import SpecError, find, names

REGULARISERS = names("regularisers")


def regulariser_of(name: str, **settings: object) -> Regulariser:
    regulariser = find("regularisers", name)(**settings)
    assert isinstance(regulariser, Regulariser)
    return regulariser


def weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"in.weight": (4, 3), "in.bias": (4,), "out.weight": (2, 4)}
    return {path: torch.randn(shape, generator=generator, dtype=torch.float64) for path, shape in shapes.items()}


def reference_for(regulariser: Regulariser) -> dict[str, Tensor]:
    return {} if regulariser.compares_with() == "nothing" else weights(1)


@pytest.mark.parametrize("name", REGULARISERS)
def test_gradient_equals_finite_differences(name: str) -> None:
    regulariser = regulariser_of(name, strength=0.3)
    parameters, reference = weights(0), reference_for(regulariser)
    leaves = [parameter.requires_grad_() for parameter in parameters.values()]
    assert torch.autograd.gradcheck(
        lambda *tensors: regulariser.penalty(dict(zip(parameters, tensors, strict=True)), reference), leaves
    )


@pytest.mark.parametrize("name", REGULARISERS)
def test_a_scalar_that_changes_nothing(name: str) -> None:
    regulariser = regulariser_of(name)
    parameters, reference = weights(0), reference_for(regulariser)
    penalty = regulariser.penalty(parameters, reference)
    assert penalty.shape == ()
    assert penalty.item() >= 0
    assert penalty.dtype == torch.float64
    assert torch.equal(penalty, regulariser.penalty(parameters, reference))
    for path, value in weights(0).items():
        assert torch.equal(parameters[path], value)


@pytest.mark.parametrize("name", REGULARISERS)
def test_acts_only_where_it_is_told(name: str) -> None:
    regulariser = regulariser_of(name, where=("in",), except_where=("*.bias",))
    parameters = {path: value.requires_grad_() for path, value in weights(0).items()}
    regulariser.penalty(parameters, reference_for(regulariser)).backward()
    assert [path for path, parameter in parameters.items() if parameter.grad is not None] == ["in.weight"]


@pytest.mark.parametrize("name", REGULARISERS)
def test_strength_is_a_factor_and_zero_is_none(name: str) -> None:
    penalties = []
    for strength in (0.0, 0.5, 1.0):
        regulariser = regulariser_of(name, strength=strength)
        penalties.append(regulariser.penalty(weights(0), reference_for(regulariser)).item())
    assert penalties[0] == 0.0
    assert 2 * penalties[1] == pytest.approx(penalties[2])


@pytest.mark.parametrize("name", REGULARISERS)
def test_a_pattern_without_effect_is_an_error(name: str) -> None:
    regulariser = regulariser_of(name, where=("inn",))
    with pytest.raises(SpecError, match="`inn` matches no parameter; did you mean"):
        regulariser.penalty(weights(0), reference_for(regulariser))


@pytest.mark.parametrize(("half", "factor"), [(False, 2.0), (True, 1.0)])
def test_the_two_conventions_of_l2(half: bool, factor: float) -> None:
    parameters = {path: value.requires_grad_() for path, value in weights(0).items()}
    regulariser_of("l2", strength=0.1, half=half).penalty(parameters, {}).backward()
    for parameter in parameters.values():
        torch.testing.assert_close(parameter.grad, factor * 0.1 * parameter.detach())
