"""Keyed recall: what is fixed, what is drawn, what can be known."""

from __future__ import annotations

import numpy as np
import pytest

from seqlab.data.recall import FIXED, IGNORED, NEW, SEEN
from seqlab.tasks.keyed_recall import KeyedRecall


def test_values_of_fixed_keys_never_change_and_others_hold_for_a_row() -> None:
    task = KeyedRecall(fixed=3, contextual=2, values=4, pairs=12).prepare()
    known: dict[int, int] = {}
    for index in range(40):
        row = task.row("train", index)
        keys, values = row.inputs[::2], row.targets[::2]
        assert (row.targets[1::2] == IGNORED).all()
        assert (row.inputs[1::2] == values[:-1]).all()
        assert keys.max() < 5
        assert values.min() >= 5
        own: dict[int, int] = {}
        for key, value, kind in zip(keys.tolist(), values.tolist(), row.difficulty[::2].tolist(), strict=True):
            assert kind == (FIXED if key < 3 else SEEN if key in own else NEW)
            assert (known if key < 3 else own).setdefault(key, value) == value
    assert len(known) == 3


def test_floors_are_what_can_be_known() -> None:
    task = KeyedRecall().prepare()
    rows = [task.row("val", index) for index in range(200)]
    kinds = np.concatenate([row.difficulty[::2] for row in rows])
    floors = task.floors()
    assert floors["chance"]["accuracy"] == 0.1
    assert floors["no_memory"]["accuracy"] == pytest.approx(1 - 0.9 * float((kinds != FIXED).mean()))
    assert floors["bayes"]["accuracy"] == pytest.approx(1 - 0.9 * float((kinds == NEW).mean()))
    assert set(task.metrics) == {
        "loss", "accuracy", "accuracy_of_fixed_keys", "accuracy_of_contextual_keys", "accuracy_of_new_keys",
    }  # fmt: skip
