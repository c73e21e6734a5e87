"""The made recall tasks against rows that the published generators drew."""

from pathlib import Path

import numpy as np
import pytest

from seqlab.data.recall import IGNORED, Recall, associative, induction, key_and_value_ranges

FILE = "hyena_synthetics.npz"


def cases(golden: Path) -> dict[str, dict[str, np.ndarray]]:
    """{task: {"train": (N, 2, T), "test": (N, 2, T), "vocab": (V,)}}: all that the file holds."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with np.load(golden / FILE) as file:
        for key in file.files:
            task, _, part = key.rpartition("/")
            if task != "sched":
                found.setdefault(task, {})[part] = file[key]
    return found


def is_induction(arrays: dict[str, np.ndarray]) -> bool:
    """Whether "=>" stands before the last place of some row's question."""
    trigger = len(arrays["vocab"]) - 1
    answers = answers_of(arrays)
    rows = arrays["test"][:, 0]
    return bool((rows[:, : -answers - 1] == trigger).any())


def answers_of(arrays: dict[str, np.ndarray]) -> int:
    """Scored targets of a test row."""
    (count,) = set((arrays["test"][:, 1] != IGNORED).sum(1).tolist())
    return int(count)


def expected(row: np.ndarray, trigger: int, answers: int) -> np.ndarray:
    """The answers to an induction row, by search: what followed the first "=>"."""
    first = int(np.flatnonzero(row == trigger)[0])
    return row[first + 1 : first + 1 + answers]


def test_the_file_holds_what_is_tested(golden: Path) -> None:
    found = cases(golden)
    kinds = {is_induction(arrays) for arrays in found.values()}
    assert kinds == {True, False}


def test_the_alphabet_is_sorted_as_here(golden: Path) -> None:
    for arrays in cases(golden).values():
        vocabulary = len(arrays["vocab"])
        numerals = sorted(str(number) for number in range(vocabulary - 2))
        assert arrays["vocab"].tolist() == [".", *numerals, "=>"]


def test_published_rows_are_answered_by_our_reading_of_the_task(golden: Path) -> None:
    for name, arrays in cases(golden).items():
        trigger, answers = len(arrays["vocab"]) - 1, answers_of(arrays)
        for inputs, targets in np.concatenate([arrays["train"], arrays["test"]]).astype(np.int64):
            if is_induction(arrays):
                np.testing.assert_array_equal(targets[-answers:], expected(inputs, trigger, answers), name)
            else:
                keys, values = key_and_value_ranges(len(arrays["vocab"]))
                assert set(inputs[:-2:2].tolist()) <= set(keys), name
                assert set(inputs[1:-2:2].tolist()) <= set(values), name
                at = int(np.flatnonzero(inputs[:-2:2] == inputs[-1])[0])
                assert targets[-1] == inputs[2 * at + 1], name


def drawn(arrays: dict[str, np.ndarray], rows: int) -> list[Recall]:
    """Rows of ours of the file's sizes."""
    vocabulary, answers, width = len(arrays["vocab"]), answers_of(arrays), arrays["test"].shape[2]
    random = np.random.default_rng(1)
    if not is_induction(arrays):
        return [associative(random, vocabulary, width - 2) for _ in range(rows)]
    all_rows = np.concatenate([arrays["train"], arrays["test"]])[:, 0]
    triggers = int((all_rows == vocabulary - 1).sum(1).max()) - 1
    return [induction(random, vocabulary, width - answers, answers, triggers) for _ in range(rows)]


def test_our_rows_have_the_published_form_and_answers(golden: Path) -> None:
    for arrays in cases(golden).values():
        trigger, answers, width = len(arrays["vocab"]) - 1, answers_of(arrays), arrays["test"].shape[2]
        for row in drawn(arrays, 200):
            assert row.inputs.shape == row.targets.shape == (width,)
            assert (row.targets != IGNORED).tolist() == [False] * (width - answers) + [True] * answers
            if is_induction(arrays):
                np.testing.assert_array_equal(row.targets[-answers:], expected(row.inputs, trigger, answers))
            else:
                at = int(np.flatnonzero(row.inputs[:-2:2] == row.inputs[-1])[0])
                assert row.targets[-1] == row.inputs[2 * at + 1]


@pytest.mark.parametrize("statistic", ["triggers", "first_place", "answer", "distinct"])
def test_our_rows_are_distributed_as_the_published_ones(golden: Path, statistic: str) -> None:
    """The means over the file's rows and over ours differ by less than 4.5 standard errors."""

    def measured(row: np.ndarray, target: int, trigger: int) -> float:
        places = np.flatnonzero(row == trigger)
        return {
            "triggers": float(len(places)),
            "first_place": float(places[0]),
            "answer": float(target),
            "distinct": float(len(np.unique(row))),
        }[statistic]

    for name, arrays in cases(golden).items():
        trigger = len(arrays["vocab"]) - 1
        theirs = [
            measured(row, row_targets[-1], trigger)
            for row, row_targets in np.concatenate([arrays["train"], arrays["test"]]).astype(np.int64)
        ]
        ours = [measured(row.inputs, int(row.targets[-1]), trigger) for row in drawn(arrays, 2000)]
        error = np.sqrt(np.var(theirs) / len(theirs) + np.var(ours) / len(ours))
        assert abs(np.mean(theirs) - np.mean(ours)) <= 4.5 * error + 1e-12, name
