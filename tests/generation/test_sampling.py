"""Sampling against brute force over every symbol."""

import itertools

import pytest
import torch
from torch import Tensor

from seqlab.generation.sampling import Sampling

LOGITS = torch.tensor([2.0, 0.5, -1.0, 1.5, 0.0, 1.4])


def allowed(sampling: Sampling) -> list[float]:
    """The distribution by the definition: temperature, the k most likely, the fewest that reach the mass."""
    p = (LOGITS / sampling.temperature).softmax(-1).tolist()
    order = sorted(range(len(p)), key=lambda symbol: -p[symbol])[: sampling.top_k or len(p)]
    total = sum(p[symbol] for symbol in order)
    kept: list[int] = []
    for symbol in order:
        if sampling.top_p is None or sum(p[s] for s in kept) / total < sampling.top_p:
            kept.append(symbol)
    mass = sum(p[symbol] for symbol in kept)
    return [p[symbol] / mass if symbol in kept else 0.0 for symbol in range(len(p))]


def frequencies(sampling: Sampling, count: int = 20000) -> Tensor:
    drawn = sampling.draw(LOGITS.expand(count, -1), torch.Generator().manual_seed(0))
    return torch.bincount(drawn, minlength=len(LOGITS)) / count


def test_what_is_no_number_is_refused() -> None:
    for setting in ({"temperature": float("nan")}, {"temperature": -1.0}, {"top_p": float("nan")}, {"top_k": 0}):
        with pytest.raises(ValueError, match="it must be"):
            Sampling(**setting)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"),
    list(itertools.product([0.5, 1.0, 2.0], [None, 1, 3, 6, 9], [None, 0.3, 0.8, 1.0])),
)
def test_draws_follow_the_definition(temperature: float, top_k: int | None, top_p: float | None) -> None:
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    expected, found = torch.tensor(allowed(sampling)), frequencies(sampling)
    assert ((found > 0) == (expected > 0)).all()
    torch.testing.assert_close(found, expected, rtol=0, atol=0.015)


def test_greedy() -> None:
    assert Sampling(temperature=0).draw(torch.stack([LOGITS, -LOGITS]), torch.Generator()).tolist() == [0, 2]


def test_top_k_is_exact_among_equals() -> None:
    drawn = Sampling(top_k=2).draw(torch.zeros(2000, 5), torch.Generator().manual_seed(0))
    assert len(drawn.unique()) == 2


def test_rows_are_drawn_each_from_its_own() -> None:
    logits = torch.full((3, 4), -100.0)
    logits[0, 1] = logits[1, 3] = logits[2, 0] = 0
    assert Sampling(top_k=3, top_p=0.9).draw(logits, torch.Generator()).tolist() == [1, 3, 0]


def test_narrow_logits_are_widened() -> None:
    assert Sampling(top_p=0.5).draw(LOGITS.bfloat16()[None], torch.Generator().manual_seed(0)).shape == (1,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": -1.0}, "temperature is -1.0; it must be 0"),
        ({"top_k": 0}, "top-k is 0; it must be at least 1"),
        ({"top_p": 0.0}, "top-p is 0.0; it must be above 0"),
        ({"top_p": 1.5}, "top-p is 1.5"),
    ],
)
def test_settings_that_cannot_be(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Sampling(**fields)
