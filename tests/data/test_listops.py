"""ListOps: the evaluator on expressions worked out by hand, and drawn forests against it and against the grammar."""

import numpy as np
import pytest

from seqlab.data import DataError
from seqlab.data.listops import ARGUMENTS, CLOSE, MIN, WORDS, draw, evaluate
from seqlab.data.ragged import Ragged


def symbols(text: str) -> np.ndarray:
    return np.array([WORDS.index(word) for word in text.split()], np.uint8)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
        ("[SM 8 7 [MED 1 9 ] ]", 0),
        ("[MED 4 1 8 ]", 4),
        ("[MED 4 1 8 7 ]", 5),
        ("[MIN [SM 9 9 9 ] [MAX 8 9 ] ]", 7),
    ],
)
def test_values_worked_out_by_hand(text: str, value: int) -> None:
    assert evaluate(symbols(text)) == value


@pytest.mark.parametrize(("shortest", "longest"), [(4, 60), (501, 1999)])
def test_drawn_expressions_have_their_values_and_lengths(shortest: int, longest: int) -> None:
    expressions, values = draw(np.random.default_rng(0), shortest, longest)
    assert len(expressions) == len(values) > 50
    assert shortest <= expressions.lengths.min() <= expressions.lengths.max() <= longest
    for index in range(len(values)):
        row = expressions.row(index)
        assert evaluate(row) == values[index]
        assert (row >= MIN).sum() == 2 * (row == CLOSE).sum()


def test_a_generator_in_one_state_draws_one_forest() -> None:
    (first, values), (again, same), (other, _) = (draw(np.random.default_rng(seed), 4, 200) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.symbols, again.symbols)
    np.testing.assert_array_equal(values, same)
    assert not np.array_equal(first.symbols[:200], other.symbols[:200])


def test_the_grammar() -> None:
    """Among all trees that end by themselves: a quarter of 4096 roots are operators, of the four kinds alike, and
    an operator of digits alone has 2 to 10 arguments, shorter ones likelier as (3/4)^k says."""
    expressions, _ = draw(np.random.default_rng(3), 1, 10_000)
    roots = np.array([expressions.row(index)[0] for index in range(len(expressions))])
    digits = int((roots < MIN).sum())
    assert abs(digits - 0.75 * 4096) < 4 * np.sqrt(0.75 * 0.25 * 4096)
    assert np.bincount(roots[roots < MIN]).min() > 0.8 * digits / 10
    kinds = np.bincount(roots[roots >= MIN] - MIN, minlength=4)
    assert np.abs(kinds - kinds.mean()).max() < 4 * np.sqrt(kinds.mean())
    rows = [expressions.row(index) for index in range(len(expressions))]
    flat = [len(row) - 2 for row in rows if len(row) > 1 and (row >= MIN).sum() == 2]
    law = 0.25 / 9 * 0.75 ** np.arange(2, ARGUMENTS + 1) * 4096
    found = np.bincount(flat, minlength=ARGUMENTS + 1)[2:]
    assert (np.abs(found - law) < 4.5 * np.sqrt(law)).all()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[MAX 1 2", "a list is not closed"),
        ("1 2", "something follows"),
        ("1 ]", "symbol 2 closes"),
        ("[SM ]", "no arg"),
    ],
)
def test_what_is_no_expression(text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        evaluate(symbols(text))


def test_rows_of_unequal_length() -> None:
    rows = Ragged(np.array([1, 2, 3, 4, 5, 6], np.uint8), np.array([3, 1, 2]))
    assert rows.row(2).tolist() == [5, 6]
    taken = rows.taken(np.array([2, 0]))
    assert (taken.symbols.tolist(), taken.lengths.tolist()) == ([5, 6, 1, 2, 3], [2, 3])
    assert rows.padded(0, 3).tolist() == [[1, 2, 3], [4, 0, 0], [5, 6, 0]]
    assert rows.padded(9, 2).tolist() == [[1, 2], [4, 9], [5, 6]]
