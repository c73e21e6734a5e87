"""Filters over runs."""

import pytest

from seqlab.journal import JournalError, LabBook, Run, where


@pytest.fixture
def runs(book: LabBook) -> list[Run]:
    """Three runs: a is finished, b has failed, c has not begun."""
    made = {}
    for name, rate, mixer in (("a", 1e-3, "hyena"), ("b", 1e-4, "mlstm"), ("c", 3e-4, "hyena")):
        experiment = {
            "optim": {"lr": rate, "ema": None},
            "layers": [{"mixer": {"part": f"mixers/{mixer}", "heads": None}, "tied": name == "a"}],
        }
        made[name] = book.create(experiment, name=name, origin={}, tags=["demo", name], why=f"for {name}")
    with made["a"].attempt() as attempt:
        attempt.log(step=1, **{"val/loss": 1.5})
        attempt.summarise(parameters=1000)
    with made["b"].attempt() as attempt:
        attempt.log(step=1, **{"val/loss": 2.5})
        attempt.finish("failed")
    made["b"].note("wrong mask", "bug")
    return list(made.values())


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "abc"),
        (["optim.lr<1e-3"], "bc"),
        (["optim.lr <= 1e-3", "optim.lr>1e-4"], "ac"),
        (["optim.lr=0.001"], "a"),
        (["optim.lr>=.001"], "a"),
        (["optim.ema=null"], "abc"),
        (["layers.0.mixer=hyena"], "ac"),
        (["layers.0.mixer!=hyena"], "b"),
        (["layers.0.mixer=mixers/hyena"], "ac"),
        (["layers.0.mixer=heads"], ""),
        (["layers.0.mixer.heads=none"], "abc"),
        (["layers.0.tied=true"], "a"),
        (["layers~mlstm"], "b"),
        (["state=finished"], "a"),
        (["state!=finished"], "bc"),
        (["tags~demo", "tags~b"], "b"),
        (["tags~dem"], ""),
        (["why~for a"], "a"),
        (["name=c"], "c"),
        (["verdict=bug"], "b"),
        (["verdict!=bug"], "ac"),
        (["val/loss<=1.9"], "a"),
        (["val/loss!=1.5"], "bc"),
        (["parameters>=1000"], "a"),
        (["created>2000"], "abc"),
    ],
)
def test_select(runs: list[Run], filters: list[str], expected: str) -> None:
    assert "".join(run.name for run in where.select(runs, filters)) == expected


@pytest.mark.parametrize("text", ["", "optim.lr", "optim.lr<", "<3", "a b=c", "lr==3", "lr=>3", "lr=<3"])
def test_what_is_no_filter(text: str) -> None:
    with pytest.raises(JournalError, match=r"is no filter; write path, sign .*, value: optim\.lr<1e-3") as caught:
        where.parse(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_state() -> None:
    with pytest.raises(JournalError, match="there is no state 'done'; the states are queued, running"):
        where.parse("state=done")


def test_an_unknown_verdict() -> None:
    with pytest.raises(JournalError, match=r"there is no verdict 'bgu'; the verdicts are works, fails, .*, bug"):
        where.parse("verdict!=bgu")
    assert where.parse("verdict~bu").value == "bu"


def test_tags_are_many() -> None:
    with pytest.raises(JournalError, match="write tags~demo"):
        where.parse("tags=demo")


def test_sides_without_an_order(runs: list[Run]) -> None:
    with pytest.raises(JournalError, match=r"'layers\.0\.mixer\.part<3' compares \"mixers/hyena\" with 3; only two"):
        where.select(runs, ["layers.0.mixer.part<3"])


@pytest.mark.parametrize(
    ("text", "near"), [("optim.lrr<1", "optim.lr"), ("val/los<1", "val/loss"), ("paramters>1", "parameters")]
)
def test_a_field_that_no_run_has(runs: list[Run], text: str, near: str) -> None:
    with pytest.raises(JournalError, match=f"no run has .*did you mean {near}"):
        where.select(runs, [text])
