"""Potts models of low rank against all their couplings laid out."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from compare_kernels import agree, ways
from torch import Tensor

from seqlab.kernels.potts_logits import potts_logits
from seqlab.kernels.potts_logits.reference import couplings, potts_logits_reference
from seqlab.kernels.potts_penalty import potts_penalty
from seqlab.kernels.potts_penalty.reference import potts_penalty_reference
from seqlab.kernels.potts_pseudo_likelihood import potts_pseudo_likelihood
from seqlab.kernels.potts_pseudo_likelihood.native import NATIVE
from seqlab.kernels.potts_pseudo_likelihood.reference import potts_pseudo_likelihood_reference

SHAPES = [(1, 1, 1, 2, 1), (2, 3, 6, 4, 5), (1, 2, 17, 3, 1), (3, 5, 33, 21, 2)]
FORMS = ["all", "before", "before_scaled"]
# bfloat16 is left out: differences of sums lose its few digits, so models compute these in float32.
DTYPES = [torch.float64, torch.float32]
native_and_torch = ways(NATIVE)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("b", "heads", "length", "size", "rows"), SHAPES)
def test_values_and_gradients(
    b: int, heads: int, length: int, size: int, rows: int, form: Any, dtype: torch.dtype
) -> None:
    left, right = torch.randn(2, b, heads, length, size)
    fields, letters = torch.randn(b, length, size), torch.randint(size, (b, rows, length))

    def logits(f: Any) -> Any:
        return lambda *given: f(*given, letters, form)

    agree(logits(potts_logits), logits(potts_logits_reference), left, right, fields, dtype=dtype)
    agree(
        lambda *given: potts_penalty(*given, form), lambda *given: potts_penalty_reference(*given, form), left, right,
        dtype=dtype,
    )  # fmt: skip


def energy(left: Tensor, right: Tensor, fields: Tensor, letters: Tensor) -> Tensor:
    """sum_i h_i(x_i) + sum_{i<j} J_ij(x_i, x_j), pair by pair."""
    j, places = couplings(left[None], right[None])[0], range(len(letters))
    total = sum((fields[i, letters[i]] for i in places), torch.tensor(0.0))
    return total + sum((j[i, letters[i], k, letters[k]] for i in places for k in places if i < k), torch.tensor(0.0))


def test_conditionals_are_those_of_the_energy_and_steps_multiply_to_a_distribution() -> None:
    factors, fields = torch.randn(3, 4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    everything = torch.tensor(list(product(range(3), repeat=4)))
    given = factors[None], factors[None], fields[None], everything[None]
    log_p = potts_logits(*given).log_softmax(-1)[0]
    energies = torch.stack([energy(factors, factors, fields, letters) for letters in everything]).view(3, 3, 3, 3)
    for site in range(4):
        exact = energies.log_softmax(site).flatten()
        torch.testing.assert_close(log_p[:, site].gather(1, everything[:, site, None])[:, 0], exact)
    for form in ("before", "before_scaled"):
        steps = potts_logits(*given, form).log_softmax(-1)[0].gather(2, everything[..., None])[..., 0].sum(1)  # type: ignore[arg-type]
        assert float(steps.exp().sum()) == pytest.approx(1.0, abs=1e-12)


def test_padding_has_no_part() -> None:
    left, right = torch.randn(2, 1, 3, 9, 4, dtype=torch.float64)
    fields, letters = torch.randn(1, 9, 4, dtype=torch.float64), torch.randint(4, (1, 2, 9))
    real = torch.arange(9) < 6
    padded = potts_logits(left * real[:, None], right * real[:, None], fields, letters)
    alone = potts_logits(left[:, :, :6], right[:, :, :6], fields[:, :6], letters[:, :, :6])
    torch.testing.assert_close(padded[:, :, :6], alone, rtol=1e-12, atol=1e-12)


@native_and_torch
@pytest.mark.parametrize("seen", ["all", "before"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("length", "size", "rows"), [(3, 2, 1), (2, 21, 3), (7, 4, 9), (12, 20, 5), (5, 32, 4)])
def test_pseudo_likelihood(length: int, size: int, rows: int, dtype: torch.dtype, seen: Any) -> None:
    fields, couplings = torch.randn(length, size), torch.randn(length * (length - 1) // 2, size, size)
    letters, weights = torch.randint(size + 1, (rows, length)), torch.rand(rows)  # some are no letter
    letters[0, :2] = 0
    agree(
        lambda *given: potts_pseudo_likelihood(*given, letters, weights.to(dtype), seen),
        lambda *given: potts_pseudo_likelihood_reference(*given, letters, weights.double(), seen),
        fields, couplings, dtype=dtype,
    )  # fmt: skip


def test_letters_and_pairs_that_are_not_there_are_refused() -> None:
    fields, couplings, weights = torch.randn(3, 4), torch.randn(3, 4, 4), torch.ones(1)
    with pytest.raises(ValueError, match="letters are 0 to 4, and here from 0 to 5"):
        potts_pseudo_likelihood(fields, couplings, torch.tensor([[0, 1, 5]]), weights)
    with pytest.raises(ValueError, match="3 sites have 3 pairs, and there are 2"):
        potts_pseudo_likelihood(fields, couplings[:2], torch.tensor([[0, 1, 2]]), weights)
