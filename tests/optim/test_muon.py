"""Muon against a plain reference and against torch's, and its Newton-Schulz iteration."""

import math

import pytest
import torch
from torch import Tensor, nn

from seqlab.optim.groups import parameter_groups
from seqlab.optim.newton_schulz import COEFFICIENTS, compute_dtype, orthogonalise
from seqlab.optim.optimisers.muon import Muon

SHAPES = [(4, 4), (8, 4), (4, 8), (4, 4), (3, 5)]


def reference(matrix: Tensor, steps: int) -> Tensor:
    """One matrix at a time and never transposed: slow, obvious."""
    a, b, c = COEFFICIENTS
    x = matrix / (matrix.norm() + 1e-7)
    for _ in range(steps):
        x = a * x + b * x @ x.T @ x + c * x @ x.T @ x @ x.T @ x
    return x


@pytest.fixture
def matrices() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def test_batched_is_the_reference(matrices: list[Tensor]) -> None:
    for matrix, found in zip(matrices, orthogonalise(matrices, 5, torch.float64), strict=True):
        torch.testing.assert_close(found, reference(matrix, 5))


def test_singular_vectors_are_kept_and_values_come_near_one(matrices: list[Tensor]) -> None:
    for matrix, found in zip(matrices, orthogonalise(matrices, 5, torch.float64), strict=True):
        u, _, v = torch.linalg.svd(matrix, full_matrices=False)
        values = u.T @ found @ v.T
        torch.testing.assert_close(values, torch.diag(values.diagonal()))
        assert values.diagonal().min() > 0.3
        assert values.diagonal().max() < 1.3


def test_narrow_dtypes_stay_close_and_zero_stays_zero(matrices: list[Tensor]) -> None:
    narrow = [matrix.float() for matrix in matrices] + [torch.zeros(4, 4)]
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.bfloat16, 0.1)):
        *found, zero = orthogonalise(narrow, 5, dtype)
        assert torch.equal(zero, torch.zeros(4, 4))
        for matrix, result in zip(matrices, found, strict=True):
            assert result.dtype == torch.float32
            torch.testing.assert_close(result.double(), reference(matrix, 5), atol=tolerance, rtol=0)


def test_compute_dtype() -> None:
    cpu = torch.device("cpu")
    assert compute_dtype("auto", torch.float64, cpu) == torch.float64
    assert compute_dtype("bfloat16", torch.float64, cpu) == torch.float64
    assert compute_dtype("float32", torch.float32, cpu) == torch.float32
    assert compute_dtype("auto", torch.float32, torch.device("meta")) == torch.float32
    assert compute_dtype("auto", torch.float32, cpu) in (torch.float32, torch.bfloat16)


def descend(model: nn.Module, optimisers: list[torch.optim.Optimizer], steps: int) -> None:
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        for parameter in model.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        for optimiser in optimisers:
            optimiser.step()


def layers(dtype: torch.dtype) -> nn.ModuleList:
    torch.manual_seed(0)
    return nn.ModuleList([nn.Linear(inputs, outputs) for outputs, inputs in SHAPES]).to(dtype)


@pytest.mark.parametrize("match", ["spectral", "adamw"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_the_update_is_the_published_one(match: str, nesterov: bool) -> None:
    model, expected = layers(torch.float64), [layer.weight.clone().detach() for layer in layers(torch.float64)]
    spec = Muon(match=match, nesterov=nesterov, lr=0.01, weight_decay=0.1)
    descend(model, [spec.build(parameter_groups(model, spec))], 3)

    means = [torch.zeros_like(weight) for weight in expected]
    for step in range(3):
        generator = torch.Generator().manual_seed(step)
        for index, (outputs, inputs) in enumerate(SHAPES):
            gradient = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
            torch.randn(outputs, generator=generator, dtype=torch.float64)  # the bias's
            means[index] = 0.95 * means[index] + 0.05 * gradient
            update = 0.05 * gradient + 0.95 * means[index] if nesterov else means[index]
            scale = (
                math.sqrt(max(1, outputs / inputs)) if match == "spectral" else 0.2 * math.sqrt(max(outputs, inputs))
            )
            expected[index] = (1 - 0.01 * 0.1) * expected[index] - 0.01 * scale * reference(update, 5)
    for layer, weight in zip(model, expected, strict=True):
        torch.testing.assert_close(layer.weight.detach(), weight)


@pytest.mark.parametrize(("match", "torchs"), [("spectral", "original"), ("adamw", "match_rms_adamw")])
def test_close_to_torchs_muon_and_equal_to_its_adamw(match: str, torchs: str) -> None:
    ours, theirs = layers(torch.float32), layers(torch.float32)
    spec = Muon(match=match, lr=0.02, adamw_lr=3e-3, weight_decay=0.1, newton_schulz_dtype="bfloat16")
    descend(ours, [spec.build(parameter_groups(ours, spec))], 5)
    weights, biases = [layer.weight for layer in theirs], [layer.bias for layer in theirs]
    muon = torch.optim.Muon(weights, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn=torchs)
    adamw = torch.optim.AdamW(biases, lr=3e-3, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0, fused=True)
    descend(theirs, [muon, adamw], 5)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.weight, other.weight, atol=5e-3, rtol=0)
        assert torch.equal(mine.bias, other.bias)


def test_parameters_without_gradient_are_passed_over() -> None:
    model, spec = layers(torch.float32), Muon()
    before = [parameter.clone() for parameter in model.parameters()]
    optimiser = spec.build(parameter_groups(model, spec))
    assert optimiser.step(lambda: 1.5) == 1.5
    assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
