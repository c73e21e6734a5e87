"""Clients take turns."""

import pytest

from seqlab.serve.waiting import Full, Waiting


def test_clients_take_turns_and_each_line_keeps_its_order() -> None:
    line: Waiting[str] = Waiting(10)
    for client, item in [("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("b", "b2")]:
        line.add(client, item)
    assert [line.next() for _ in range(6)] == ["a1", "b1", "c1", "a2", "b2", "a3"]
    with pytest.raises(IndexError):
        line.next()


def test_who_leaves_is_not_called_and_a_full_line_is_closed() -> None:
    line: Waiting[str] = Waiting(2)
    line.add("a", "a1")
    line.add("b", "b1")
    with pytest.raises(Full, match="2 requests wait already; try again later"):
        line.add("c", "c1")
    assert [line.remove("a1"), line.remove("a1"), len(line), line.next()] == [True, False, 1, "b1"]
