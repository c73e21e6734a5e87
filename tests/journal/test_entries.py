"""The entries of the lab book: what they say of a run, and which runs they are of."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from seqlab.journal import JournalError, LabBook, Run, days, planning
from seqlab.journal.entries import read_entries
from seqlab.journal.entry import Entry
from seqlab.journal.notebook import notebook_of
from seqlab.journal.plan import Plan, read_plan

MACHINE = {"host": "hut", "device": "cpu", "processor": "abacus", "threads": 2, "torch": "3", "python": "3.99"}


def made(book: LabBook, name: str, recipe: str | None = "hyena:wt103", lr: float = 1e-3, **more: Any) -> Run:
    """A run as the command line makes it."""
    origin = {"recipe": recipe, "argv": ["main.py", "run", "hyena:wt103"], "overrides": [], "environment": MACHINE}
    return book.create({"optim": {"lr": lr}, "seed": 1}, name=name, origin=origin, **more)


def dated(run: Run, created: str) -> None:
    """Make as if the run were of that time."""
    path = run.folder / "origin.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"created": created}))


def names(book: LabBook, *asked: str, **narrowed: Any) -> list[str]:
    return [entry.name for entry in read_entries(book, Plan(), asked, **narrowed).entries]


def only(book: LabBook, name: str) -> Entry:
    (entry,) = read_entries(book, read_plan(book), [name]).entries
    return entry


def test_an_entry_says_what_happened(book: LabBook) -> None:
    run = made(book, "first", why="is it causal?", tags=["demo"])
    with run.attempt() as attempt:
        attempt.log(step=3, tokens=30, **{"val/loss": 2.5})
        attempt.summarise(steps=3, step=3, tokens=30, wall_seconds=1.5, floors={"uniform": {"nats_per_symbol": 5.5}})
    run.note("it is", "works")
    planning.add(book, "check causality")
    planning.link(book, 1, ["first"])
    entry = only(book, "first")
    assert (entry.name, entry.notebook, entry.why, entry.tags) == ("first", "hyena", "is it causal?", ["demo"])
    assert entry.day == datetime.now().date().isoformat()
    assert entry.command == "seqlab run hyena:wt103"
    assert entry.machines == [{name: value for name, value in MACHINE.items() if name != "python"}]
    assert (entry.state, entry.step, entry.steps, entry.tokens, entry.attempts) == ("finished", 3, 3, 30, 1)
    assert (entry.wall_seconds, entry.metrics["last"], entry.floors) == (
        1.5, {"val/loss": 2.5}, {"uniform": {"nats_per_symbol": 5.5}},
    )  # fmt: skip
    assert (entry.verdict, entry.taint, [note["text"] for note in entry.notes]) == ("works", None, ["it is"])
    assert entry.plan == [{"id": 1, "text": "check causality", "state": "open"}]
    assert (entry.parent, entry.changes, entry.audits, entry.damage) == (None, None, {}, None)


def test_a_fork_says_what_differs_from_its_parent_even_when_that_was_renamed_or_archived(book: LabBook) -> None:
    made(book, "first")
    made(book, "second", lr=1e-4, parent={"run": "first", "step": 3, "inherited": ["weights"]})
    assert only(book, "second").changes == {"optim.lr": (1e-3, 1e-4)}
    book.rename("first", "mother")
    book.archive("mother")
    assert only(book, "second").changes == {"optim.lr": (1e-3, 1e-4)}
    (book.open("mother").folder / "experiment.json").write_text("{")
    second = only(book, "second")
    assert (second.changes, second.damage) == (None, None)


def test_a_bug_taints_what_descends_from_it_out_of_the_archive_too(book: LabBook) -> None:
    made(book, "first").note("the mask was wrong", "bug")
    made(book, "second", parent={"run": "first", "step": 3})
    book.archive("first")
    assert only(book, "second").taint == "it descends from first, whose verdict is bug"
    assert only(book, "first").taint == "its verdict is bug"
    assert names(book) == ["second"]


def test_every_machine_that_an_attempt_ran_on_is_named_once(book: LabBook) -> None:
    run = made(book, "first")
    for host in ("hut", "hut", "barn"):
        with run.attempt(origin=MACHINE | {"host": host}):
            pass
    assert [machine["host"] for machine in only(book, "first").machines] == ["hut", "barn"]


def test_a_persons_own_loop_has_at_least_a_host(book: LabBook) -> None:
    from seqlab.journal.lease import host
    from seqlab.journal.person import open_run

    with open_run("own", {"lr": 1}, runs=book.root) as own:
        own.log(step=1, **{"mine/score": 0.5})
    entry = only(book, "own")
    assert (entry.machines, entry.notebook, entry.recipe, entry.command) == ([{"host": host()}], None, None, None)


def test_audits_are_told_in_short(book: LabBook) -> None:
    run = made(book, "first")
    passed = {"name": "shape", "status": "pass", "measured": {}, "message": ""}
    leak = {"name": "causality", "status": "fail", "measured": {}, "message": "layer 2 sees the future"}
    slow = {"name": "floor", "status": "warn", "measured": {}, "message": "above the unigram"}
    kept = {"schema": 1, "before": [passed, leak], "trained": [passed, slow], "accepted": ["causality"]}
    (run.folder / "audits.json").write_text(json.dumps(kept))
    assert only(book, "first").audits == {
        "passed": 2,
        "alarms": [
            {"stage": "before", "name": "causality", "status": "fail", "message": leak["message"], "accepted": True},
            {"stage": "trained", "name": "floor", "status": "warn", "message": slow["message"], "accepted": False},
        ],
    }


def test_nobody_types_what_a_worker_of_a_sweep_was_called_with(book: LabBook) -> None:
    told = {"argv": ["worker.py", "runs/.sweeps/rates"], "recipe": "demo:letters", "sweep": {"name": "rates"}}
    book.create({"seed": 0}, name="rates-1", origin=told)
    assert only(book, "rates-1").command is None


def test_a_command_can_be_pasted_though_a_word_of_it_has_lines(book: LabBook) -> None:
    argv = ["seqlab", "run", "demo:letters", "--why", "it's\nso\\far"]
    book.create({}, name="first", origin={"recipe": "demo:letters", "argv": argv})
    assert only(book, "first").command == r"seqlab run demo:letters --why $'it\'s\nso\\far'"


@pytest.mark.parametrize("file", ["origin", "summary", "parent"])
def test_a_damaged_run_is_shown_as_such_among_the_others(file: str, book: LabBook) -> None:
    made(book, "first").note("wrong", "bug")
    made(book, "second", parent={"run": "first", "step": 1})
    (book.root / f"second/{file}.json").write_text('{"half')
    first, second = sorted(read_entries(book, Plan()).entries, key=lambda entry: entry.name)
    assert (first.damage, first.taint) == (None, "its verdict is bug")
    assert f"{file}.json is damaged" in (second.damage or "")
    assert names(book, notebook="hyena", since="1999-01-01") == (
        ["second", "first"] if file == "origin" else ["first", "second"]
    )


def test_a_damaged_run_that_no_filter_can_judge_is_left_out_by_name(book: LabBook) -> None:
    made(book, "first")
    (made(book, "second").folder / "experiment.json").write_text('{"half')
    found = read_entries(book, Plan(), filters=["optim.lr<1"])
    assert [entry.name for entry in found.entries] == ["first"]
    assert list(found.left_out) == ["second"]
    assert "experiment.json is damaged" in found.left_out["second"]


def test_entries_are_chosen_by_name_day_notebook_tag_and_filter_oldest_first(book: LabBook) -> None:
    for number, recipe in ((2, "hyena:wt103"), (3, "./mine.py:trial"), (1, None)):
        run = made(book, f"run-{number}", recipe, lr=number, tags=["odd"] * (number % 2))
        at = datetime(2026, 11, number, 0, 30).astimezone()  # half past midnight, by the clock on the wall
        dated(run, at.astimezone(UTC).isoformat())
    assert names(book) == ["run-1", "run-2", "run-3"]
    assert names(book, "run-3", "run-1", "run-3") == ["run-1", "run-3"]
    assert names(book, since="2026-11-02") == ["run-2", "run-3"]
    assert names(book, until="2026-11-02") == ["run-1", "run-2"]
    assert names(book, since="2026-11-02", until="2026-11-02") == ["run-2"]
    assert names(book, notebook="mine") == ["run-3"]
    assert names(book, filters=["tags~odd", "optim.lr>1"]) == ["run-3"]
    with pytest.raises(JournalError, match="no run belongs to the notebook 'dln'; the notebooks are hyena, mine"):
        names(book, notebook="dln")
    with pytest.raises(JournalError, match=r"no run has 'optim\.lrr'; did you mean optim.lr"):
        names(book, filters=["optim.lrr<1"])


@pytest.mark.parametrize(
    ("recipe", "notebook"),
    [
        ("hyena:wt103", "hyena"),
        ("demo:letters", "demo"),
        ("recipes.demo:letters", "demo"),
        ("./mine.py:trial", "mine"),
        ("/some/where/a.b.py:x", "a.b"),
        (None, None),
    ],
)
def test_a_notebook_is_the_recipes_file(recipe: str | None, notebook: str | None) -> None:
    assert notebook_of(recipe) == notebook


def test_a_fork_belongs_to_the_notebook_of_what_it_descends_from(book: LabBook) -> None:
    made(book, "first", "mine.py:trial")
    made(book, "second", None, parent={"run": "first", "step": 1})
    made(book, "third", None, parent={"run": "second", "step": 1})
    made(book, "own", "demo:letters", parent={"run": "first", "step": 1})
    made(book, "circle", None, parent={"run": "circle", "step": 1})
    book.rename("first", "mother")
    book.archive("second")
    assert names(book, notebook="mine") == ["mother", "third"]
    assert [only(book, name).notebook for name in ("third", "own", "circle")] == ["mine", "demo", None]


def test_days_are_dates_or_days_ago() -> None:
    today = date(2026, 3, 1)
    assert days.parse("2026-11-01", today) == "2026-11-01"
    assert days.parse("3d", today) == "2026-02-26"
    assert days.parse("today", today) == "2026-03-01"
    assert days.parse("yesterday", today) == "2026-02-28"
    assert days.parse("1d") == (date.today() - timedelta(days=1)).isoformat()
    for wrong in ("2026-13-01", "2026-02-30", "20261101", "3w", "", "soon"):
        with pytest.raises(JournalError, match=f"{wrong!r} is no day; write 2026-11-25, today, yesterday, or 3d"):
            days.parse(wrong)
