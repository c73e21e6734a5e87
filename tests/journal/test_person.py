"""A person's own loop."""

from pathlib import Path

import pytest

from seqlab.journal import JournalError, LabBook, open_run


def test_an_own_loop_is_a_normal_run(tmp_path: Path) -> None:
    with open_run("my-test", {"lr": 1e-3}, runs=tmp_path) as run:
        run.log(step=1, tokens=8, **{"train/loss": 2.0})
        run.note("warm", "works")
    [found] = LabBook(tmp_path).runs()
    assert found.name == "my-test"
    assert found.experiment == {"config": {"lr": 1e-3}}
    assert found.state().name == "finished"
    assert found.metrics.last == {"train/loss": 2.0}
    assert found.verdict == "works"


def test_it_resumes_where_the_loop_goes_on(tmp_path: Path) -> None:
    for steps in (range(1, 5), range(5, 7), range(4, 6)):
        with open_run("my-test", {}, runs=tmp_path) as run:
            for step in steps:
                run.log(step=step, **{"train/loss": step / len(steps)})
    steps_seen, values = LabBook(tmp_path).open("my-test").metrics.curve("train/loss")
    assert steps_seen == [1, 2, 3, 4, 5]
    assert values == [0.25, 0.5, 0.75, 2.0, 2.5]
    with open_run("my-test", {}, runs=tmp_path):
        pass  # looking in, without logging, drops nothing
    assert LabBook(tmp_path).open("my-test").metrics.step == 5


def test_its_error_is_recorded_and_travels_on(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_run("my-test", {}, runs=tmp_path):
        _ = 1 / 0
    assert LabBook(tmp_path).open("my-test").state().name == "failed"


def test_another_config_is_not_swallowed(tmp_path: Path) -> None:
    with open_run("my-test", {"lr": 1e-3, "betas": (0.9, 0.99)}, runs=tmp_path):
        pass
    with open_run("my-test", {"lr": 1e-3, "betas": (0.9, 0.99)}, runs=tmp_path):
        pass
    with (
        pytest.raises(JournalError, match="was made with another config"),
        open_run("my-test", {"lr": 1e-2}, runs=tmp_path),
    ):
        pass
