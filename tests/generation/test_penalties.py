"""Penalties, stop strings and loops, each against its definition."""

import math
import random

import pytest
import torch

from seqlab.generation.loops import period
from seqlab.generation.penalties import Penalties
from seqlab.generation.sampling import Sampling
from seqlab.generation.stopping import StopStrings


def test_repetition_divides_what_is_positive_and_multiplies_the_rest() -> None:
    logits = torch.tensor([2.0, -2.0, 3.0, -3.0])
    weighed = Penalties(repetition=2.0).on(logits, [0, 1, 0])
    assert weighed.tolist() == [1.0, -4.0, 3.0, -3.0]
    assert logits.tolist() == [2.0, -2.0, 3.0, -3.0]
    assert Penalties().on(logits, [0, 1]) is logits


@pytest.mark.parametrize("n", [2, 3])
def test_no_ngram_comes_twice(n: int) -> None:
    penalties, draw = Penalties(no_repeat_ngram=n), random.Random(0)
    for _ in range(200):
        history = [draw.randrange(3) for _ in range(draw.randrange(12))]
        kept = penalties.on(torch.zeros(3), history).isfinite()
        grams = {tuple(history[at : at + n]) for at in range(len(history) - n + 1)}
        for symbol in range(3):
            repeats = len(history) >= n - 1 and (*history[len(history) - n + 1 :], symbol) in grams
            assert bool(kept[symbol]) is not repeats


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"repetition": 0.0}, "above 0"), ({"repetition": math.nan}, "above 0"), ({"no_repeat_ngram": 1}, "at least 2")],
)
def test_penalties_that_are_none(fields: dict[str, float], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Penalties(**fields)  # type: ignore[arg-type]


def test_min_p_keeps_what_is_likely_beside_the_likeliest() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    generator = torch.Generator().manual_seed(0)
    drawn = {int(Sampling(min_p=0.3).draw(logits, generator)) for _ in range(300)}
    assert drawn == {0, 1, 2}
    with pytest.raises(ValueError, match=r"min-p is 1\.5; it must be from 0 to 1"):
        Sampling(min_p=1.5)


def test_stop_strings_are_found_however_the_text_is_cut() -> None:
    draw = random.Random(0)
    for _ in range(300):
        text = "".join(draw.choice("ab") for _ in range(draw.randrange(1, 14)))
        stops = tuple({"".join(draw.choice("ab") for _ in range(draw.randrange(1, 5))) for _ in range(2)})
        passed, place, filtered = "", 0, StopStrings(stops)
        while place < len(text) and filtered.met is None:
            piece = text[place : place + draw.randrange(1, 4)]
            passed += filtered.feed(piece)
            place += len(piece)
        passed += filtered.flush()
        found = [text[:place].find(stop) for stop in stops if stop in text[:place]]
        assert passed == (text[: min(found)] if found else text)
        assert (filtered.met is not None) is bool(found)


def test_an_empty_stop_string_is_refused() -> None:
    with pytest.raises(ValueError, match="a stop string is empty"):
        StopStrings(("a", ""))


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ([1, 2, 3] * 8, 3),
        ([9, 9, 4, 1, 2, 3] + [1, 2, 3] * 8, 3),
        ([7] * 24, 1),
        ([7] * 23, None),
        (list(range(64)) * 4, 64),
        (list(range(65)) * 4, None),
        ([1, 2, 3] * 8 + [4], None),
        ([], None),
    ],
)
def test_loops(written: list[int], found: int | None) -> None:
    assert period(written) == found
