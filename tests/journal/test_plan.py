"""The plan: folded events, ids that stay, and runs that are linked."""

import json
import subprocess
from collections.abc import Callable

import pytest

from seqlab.journal import JournalError, LabBook, Run, RunNotFound, planning
from seqlab.journal.plan import linked_runs, read_plan

PLANNER = """
import sys
from seqlab.journal import LabBook, planning
for number in range(20):
    planning.add(LabBook(sys.argv[1]), f"{sys.argv[2]} {number}")
"""


@pytest.fixture
def planned(book: LabBook) -> LabBook:
    """1 has the parts 2 and 3, and 3 the part 4; 5 stands beside 1."""
    for text, under in (("one", None), ("two", 1), ("three", 1), ("four", 3), ("five", None)):
        planning.add(book, text, under)
    return book


def shape(book: LabBook, *, pending: bool = False) -> object:
    """The ids of the tree, nested."""

    def ids(branches: list[dict[str, object]]) -> list[object]:
        return [(branch["id"], ids(branch["items"])) if branch["items"] else branch["id"] for branch in branches]  # type: ignore[arg-type]

    return ids(read_plan(book).tree(pending=pending))


def append(book: LabBook, *events: object) -> None:
    with (book.root / ".plan.jsonl").open("a") as file:
        file.writelines((event if isinstance(event, str) else json.dumps(event)) + "\n" for event in events)


def test_items_nest_and_keep_their_ids_when_they_move(planned: LabBook) -> None:
    assert shape(planned) == [(1, [2, (3, [4])]), 5]
    planning.move(planned, 3, 5)
    assert shape(planned) == [(1, [2]), (5, [(3, [4])])]
    planning.move(planned, 3, None)
    assert shape(planned) == [(1, [2]), (3, [4]), 5]
    assert planning.add(planned, "six", 4).id == 6


def test_an_item_moves_neither_under_itself_nor_under_its_parts(planned: LabBook) -> None:
    for under, told in ((1, "under itself"), (4, "under 4, which stands under 1")):
        with pytest.raises(JournalError, match=f"item 1 cannot be moved {told}; choose another place"):
            planning.move(planned, 1, under)
    assert shape(planned) == [(1, [2, (3, [4])]), 5]


def test_states_are_what_people_said_with_their_notes(planned: LabBook) -> None:
    assert planning.change(planned, 4, "running").state == "running"
    item = planning.change(planned, 4, "done", "it was the mask")
    assert (item.state, [note["text"] for note in item.notes]) == ("done", ["it was the mask"])
    with pytest.raises(JournalError, match="item 4 is done already; add --note"):
        planning.change(planned, 4, "done")
    again = planning.change(planned, 4, "done", "and the seed")
    assert again.since == item.since
    assert [note["text"] for note in again.notes] == ["it was the mask", "and the seed"]


def test_what_is_pending_is_shown_with_what_it_is_a_part_of(planned: LabBook) -> None:
    for number, state in ((1, "done"), (2, "dropped"), (3, "done"), (5, "done")):
        planning.change(planned, number, state)
    assert shape(planned, pending=True) == [(1, [(3, [4])])]
    planning.change(planned, 4, "done")
    assert shape(planned, pending=True) == []


def test_runs_are_linked_found_under_their_new_names_and_missed_when_gone(planned: LabBook, run: Run) -> None:
    assert planning.link(planned, 2, [run.name]).runs == ["calm-lake-1"]
    with pytest.raises(JournalError, match="item 2 is linked to calm-lake-1 already"):
        planning.link(planned, 2, [run.name])
    with pytest.raises(RunNotFound, match=r"no run 'calm-lake-2' in .*; did you mean calm-lake-1"):
        planning.link(planned, 2, ["calm-lake-2"])
    renamed = planned.rename("calm-lake-1", "first")
    (found,) = linked_runs(planned, read_plan(planned).item(2)).values()
    assert found is not None
    assert found.name == "first"
    with pytest.raises(JournalError, match="item 2 is linked to first already"):
        planning.link(planned, 2, ["first"])
    with pytest.raises(JournalError, match="item 2 is not linked to other; its runs are calm-lake-1"):
        planning.unlink(planned, 2, ["other"])
    (renamed.folder / "experiment.json").unlink()
    assert linked_runs(planned, read_plan(planned).item(2)) == {"calm-lake-1": None}
    assert planning.unlink(planned, 2, ["calm-lake-1"]).runs == []


def test_a_link_is_taken_back_by_the_present_name(planned: LabBook, run: Run) -> None:
    planning.link(planned, 2, [run.name])
    planned.rename(run.name, "first")
    assert planning.unlink(planned, 2, ["first"]).runs == []


def test_a_run_of_another_lab_book_is_not_linked(planned: LabBook) -> None:
    stranger = LabBook(planned.root / "elsewhere").create({}, name="stranger", origin={})
    with pytest.raises(JournalError, match="lies outside of"):
        planning.link(planned, 1, [str(stranger.folder)])


def test_a_mistake_writes_nothing(book: LabBook) -> None:
    for mistake in (
        lambda: planning.add(book, " "),
        lambda: planning.add(book, "x", under=3),
        lambda: planning.change(book, 1, "done"),
        lambda: planning.move(book, 1, None),
        lambda: planning.link(book, 1, []),
    ):
        with pytest.raises(JournalError):
            mistake()
    assert not book.root.exists()


def test_an_unknown_id_names_the_nearest(planned: LabBook) -> None:
    with pytest.raises(JournalError, match=r"there is no item 9 in the plan; near it: 1, 2, 3, 4, 5 \(`seqlab plan`"):
        planning.change(planned, 9, "done")


def test_damaged_lines_and_untrue_events_are_left_out_and_counted(planned: LabBook) -> None:
    append(
        planned,
        "{half a line",
        {"event": "explode", "id": 1},
        {"event": "state", "id": 77, "state": "done", "time": "t"},
        {"event": "state", "id": 1, "state": "perhaps", "time": "t"},
        {"event": "move", "id": 1, "under": 4},
        {"event": "add", "id": 2, "text": "again", "under": None, "time": "t"},
        {"event": "add", "id": 90, "text": "lost", "under": 80, "time": "t"},
        {"no": "event"},
    )
    with (planned.root / ".plan.jsonl").open("a") as file:
        file.write('{"event": "state", "id": 5, "sta')  # torn: a writer was killed
    plan = read_plan(planned)
    assert plan.skipped == 8
    assert shape(planned) == [(1, [2, (3, [4])]), 5]
    assert planning.add(planned, "next").id == 91, "an id that stands in any line is never given again"
    assert read_plan(planned).skipped == 9, "the torn line has become a damaged one"


def test_two_who_plan_at_once_get_different_ids(book: LabBook, python: Callable[..., "subprocess.Popen[str]"]) -> None:
    writers = [python(PLANNER, str(book.root), str(number)) for number in range(2)]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, "")
    items = read_plan(book).items
    assert list(items) == list(range(1, 41))
    for number in "01":
        assert [item.text for item in items.values() if item.text[0] == number] == [f"{number} {k}" for k in range(20)]
