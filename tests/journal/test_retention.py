"""Which checkpoints stay, what a removal leaves behind, and the sizes, ages and quotas around it."""

import json
import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from seqlab.journal import JournalError, LabBook, Run
from seqlab.journal import removal as removing
from seqlab.journal.age import older, parse_age
from seqlab.journal.checkpoints import fault, sha256, steps_of
from seqlab.journal.leftovers import SETTLED_SECONDS, leftovers_of_book, leftovers_of_run, others_of_book
from seqlab.journal.quota import quota, room_left, set_quota
from seqlab.journal.removal import carry_out, plan
from seqlab.journal.retention import Keep, choose, parse_keep
from seqlab.journal.space import bytes_of, parse_size

STEPS = (100, 150, 200, 250)


def stays(rule: str, *, resumable: bool = False, best: tuple[int, ...] = (), newest: int | None = 250) -> list[int]:
    choice = choose(
        STEPS,
        parse_keep(rule),
        newest=newest,
        best=dict.fromkeys(best, "the best"),
        resumable=resumable,
        needed={},
    )
    assert sorted([*choice.goes, *choice.stays]) == list(STEPS) == choice.all_steps()
    return list(choice.stays)


def test_the_rules() -> None:
    assert stays("last") == [250]
    assert stays("best", best=(150,)) == [150]
    assert stays("last,best", best=(150,)) == [150, 250]
    assert stays("every:100") == [100, 200]
    assert stays("every:100,best", best=(150,)) == [100, 150, 200]
    assert stays("none") == stays("none", resumable=True) == []


def test_a_run_that_can_be_resumed_keeps_what_it_is_resumed_from() -> None:
    assert stays("best", best=(150,), resumable=True) == [150, 250]
    assert stays("every:100", resumable=True) == [100, 200, 250]
    assert stays("last", newest=200) == [200], "a damaged newest one is not the last that can be used"


def test_no_rule_but_none_takes_the_only_one() -> None:
    assert stays("every:1000") == [250]
    assert stays("best") == [250]


def test_what_another_run_needs_stays_under_every_rule() -> None:
    needed = {150: "child starts from it", 999: "a checkpoint that is not there"}
    choice = choose(STEPS, Keep(), newest=250, best={}, resumable=False, needed=needed)
    assert choice.stays == {150: "child starts from it"}


@pytest.mark.parametrize("text", ["", "lasst", "every:0", "every:x", "last,", "none,last"])
def test_a_rule_that_is_none_is_one_sentence(text: str) -> None:
    with pytest.raises(JournalError, match=r"is no rule; write none, or some of last, best, every:STEPS"):
        parse_keep(text)


def test_sizes_and_ages() -> None:
    assert [parse_size(text) for text in ("50GB", "1.5 kb", "800", "2 TB")] == [50 * 10**9, 1500, 800, 2 * 10**12]
    assert parse_age("30d") == timedelta(days=30)
    assert parse_age("90min") == timedelta(minutes=90)
    for wrong in ("many", "-1GB", "5 apples", ""):
        with pytest.raises(JournalError, match="is no size"):
            parse_size(wrong)
    for wrong in ("30", "d", "1.5d", "3 years"):
        with pytest.raises(JournalError, match="is no age"):
            parse_age(wrong)


def checkpoint(run: Run, step: int) -> Path:
    folder = run.folder / "checkpoints" / str(step)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"w" * 100)
    files = {"model.safetensors": {"bytes": 100, "sha256": sha256(folder / "model.safetensors")}}
    (folder / "MANIFEST.json").write_text(json.dumps({"files": files}))
    return folder


def ended(run: Run, state: str, steps: tuple[int, ...] = STEPS) -> Run:
    with run.attempt() as attempt:
        for step in steps:
            attempt.log(step=step, **{"val_subset/loss": abs(step - 150) / 100})
            checkpoint(run, step)
        attempt.finish(state)
    return run


def test_a_plan_touches_nothing_and_its_removal_is_written_down(book: LabBook, run: Run) -> None:
    ended(run, "finished")
    planned = plan(book, [run], ["checkpoints"], parse_keep("last,best"))
    (removal,) = planned.removals
    assert removal.choice is not None
    assert removal.choice.goes == (100, 200)
    assert removal.choice.stays == {150: "the best val_subset/loss, 0", 250: "the last"}
    assert steps_of(run.folder) == list(STEPS)
    assert carry_out(removal) is None
    assert steps_of(run.folder) == [150, 250]
    (told,) = run.removals()
    assert (told["what"], told["steps"], told["bytes"]) == ("checkpoints", [100, 200], removal.bytes)
    assert told["time"].startswith("20")
    assert run.notes() == []
    assert run.metrics.step == 250


def test_a_damaged_newest_checkpoint_is_not_what_stays(book: LabBook, run: Run) -> None:
    ended(run, "stopped")
    (run.folder / "checkpoints/250/model.safetensors").write_bytes(b"v" * 100)
    assert fault(run.folder / "checkpoints/250") == "model.safetensors does not have the content that was written"
    (removal,) = plan(book, [run], ["checkpoints"], parse_keep("last")).removals
    assert removal.choice is not None
    assert list(removal.choice.stays) == [200]


def test_a_run_that_trains_is_left_alone(book: LabBook, run: Run) -> None:
    ended(run, "stopped")
    (before,) = plan(book, [run], ["checkpoints"], parse_keep("none")).removals
    with run.attempt():
        planned = plan(book, [run], ["checkpoints"], parse_keep("none"))
        assert planned == ([], {run.name: "it is running"})
        told = carry_out(before)
        assert told is not None
        assert "is being trained by pid" in told
    assert steps_of(run.folder) == list(STEPS)
    checkpoint(run, 300)
    assert carry_out(before) == "its checkpoints have changed meanwhile"


def test_a_child_without_a_checkpoint_of_its_own_keeps_its_start(book: LabBook, run: Run) -> None:
    ended(run, "finished")
    start = {"run": run.name, "step": 150, "checkpoint": "x"}
    child = book.create({"seed": 2}, name="child", origin={}, parent=start)
    renamed = book.rename(run.name, "parent")

    def kept() -> dict[int, str]:
        (removal,) = plan(book, [renamed], ["checkpoints"], Keep()).removals
        assert removal.choice is not None
        return removal.choice.stays

    assert kept() == {150: "child starts from it and has none of its own yet"}
    book.archive("child")
    assert list(kept()) == [150]
    ended(book.unarchive("child"), "stopped", (10,))
    assert kept() == {}
    assert child.name == "child"


def test_a_kill_in_the_middle_of_a_removal(book: LabBook, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written down, out of sight, and half deleted: no checkpoint any more, and gone with the leftovers."""
    ended(run, "finished")
    (removal,) = plan(book, [run], ["checkpoints"], parse_keep("last")).removals

    def killed(path: Path) -> None:
        (path / "MANIFEST.json").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        carry_out(removal)
    monkeypatch.undo()
    assert steps_of(run.folder) == [150, 200, 250]
    assert run.removals()[0]["steps"] == [100, 150, 200]
    (hidden,) = (run.folder / "checkpoints").glob(".*")
    aged(hidden)
    (rest,) = plan(book, [run], ["leftovers"], Keep()).removals
    assert rest.paths == (hidden,)
    carry_out(rest)
    assert not hidden.exists()
    assert len(run.removals()) == 1


def aged(path: Path, seconds: float = SETTLED_SECONDS + 60) -> Path:
    os.utime(path, (time.time() - seconds,) * 2)
    return path


def test_leftovers_are_old_and_everything_else_is_named(book: LabBook, run: Run) -> None:
    ended(run, "stopped", (1,))
    for name in (".making-1-a", ".making-2-b"):
        (book.root / name).mkdir()
    aged(book.root / ".making-1-a")
    (book.root / "stray.txt").write_text("abc")
    (run.folder / ".summary.json.7.tmp").write_text("{")
    (run.folder / "attempts/1/ballast").write_bytes(b"x")
    assert leftovers_of_run(run) == []
    wanted = [run.folder / ".summary.json.7.tmp", run.folder / "attempts/1/ballast"]
    for path in wanted:
        aged(path)
    assert sorted(leftover.path for leftover in leftovers_of_run(run)) == wanted
    assert [leftover.path.name for leftover in leftovers_of_book(book)] == [".making-1-a"]
    assert others_of_book(book) == {"stray.txt": 3, ".making-2-b": 0}
    (removal,) = removing.plan_for_book(book)
    carry_out(removal)
    assert sorted(path.name for path in book.root.iterdir()) == [".making-2-b", run.name, "stray.txt"]


def test_the_quota_is_a_file_and_room_is_what_it_leaves(book: LabBook, run: Run) -> None:
    assert (quota(book.root), room_left(book.root)) == (None, None)
    set_quota(book.root, 10**6)
    assert room_left(book.root) == 10**6 - bytes_of(book.root)
    set_quota(book.root, 0)
    assert (room_left(book.root) or 0) < 0
    assert [one.name for one in book.runs()] == [run.name]
    set_quota(book.root, None)
    assert quota(book.root) is None
    (book.root / ".quota.json").write_text('{"bytes": "much"}')
    with pytest.raises(JournalError, match="says no number of bytes"):
        quota(book.root)


def test_age_counts_from_the_end_of_the_last_attempt(run: Run) -> None:
    assert not older(run, timedelta(days=1))
    ended(run, "stopped", (1,))
    path = run.folder / "attempts/1/exit.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "time": "2020-01-01T00:00:00.000000+00:00"}))
    assert older(run, timedelta(days=1))
