"""`seqlab eval` and `seqlab generate`: a run's model at work."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from calling import Cli, Place

from seqlab.journal import ReadOnly


def test_eval_repeats_the_result_of_the_run_and_keeps_it(cli: Cli, place: Place) -> None:
    found = json.loads(cli("eval", "tiny", "--json").output)
    trained = json.loads(cli("show", "tiny", "--json").output)
    assert found["metrics"]["val/loss"] == pytest.approx(trained["metrics"]["last"]["val/loss"], rel=1e-6)
    assert {"ngram", "bigram"} <= found["floors"].keys()
    newest = max((place.runs / "tiny/eval").iterdir())
    assert json.loads(newest.read_text())["metrics"] == found["metrics"]


def test_show_tells_which_way_the_kernels_went(cli: Cli) -> None:
    kernels = json.loads(cli("show", "tiny", "--json").output)["summary"]["kernels"]
    told = " ".join(cli("show", "tiny").output.partition("kernels ")[2].split())  # the line is broken where it is long
    assert kernels
    assert all(f"{name} {', '.join(ways)}" in told for name, ways in kernels.items())


def test_eval_shows_a_result_that_it_cannot_keep(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: Path, value: object) -> None:
        raise ReadOnly(f"cannot write {path}")

    monkeypatch.setattr("seqlab.journal.files.replace_json", read_only)
    said = cli("eval", "tiny").output
    assert "this run (val)" in said
    assert "not kept: cannot write" in said


def test_eval_on_another_text(cli: Cli, place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("ZEBRA! " * 300)
    said = cli("eval", "tiny@4", f"task.path={other}").output
    assert "this run (val)" in said
    assert "ngram" not in said
    assert "no split `test`" in cli("eval", "tiny", "--split", "test", code=1).stderr


def test_an_alphabet_is_the_runs_own(cli: Cli, place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("ZEBRA! " * 300)
    cli("run", place.recipe, "task.symbols=characters", "--name", "characters")
    assert "'!', 'A', 'B'" in cli("eval", "characters", f"task.path={other}", code=1).stderr
    assert "tiny reads bytes" in cli("eval", "tiny", "task.symbols=characters", code=1).stderr
    refused = cli("generate", "characters", "--prompt", "Zoo", code=1)
    assert "character 'Z'" in refused.stderr
    assert refused.stdout == ""


def test_a_prompt_is_the_bytes_that_were_typed(cli: Cli) -> None:
    typed = os.fsdecode(b"\xff")  # what the shell's argument is to Python
    assert cli("generate", "tiny", "--prompt", typed, "--symbols", "1").stdout_bytes.startswith(b"\xff")


def test_generate_writes_on_and_says_of_which_checkpoint(cli: Cli) -> None:
    result = cli("generate", "tiny", "--prompt", "the ", "--symbols", "5", "--temperature", "0")
    assert result.stdout.startswith("the ")
    assert "tiny at step 4" in result.stderr
    assert "5 symbols: the first after" in result.stderr
    assert cli("generate", "tiny@4", "--prompt", "the ", "--symbols", "5", "--temperature", "0").stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("tiny@9", "--prompt", "a"), "there are: 4"),
        (("tiny", "--prompt", ""), "the prompt is empty"),
        (("tiny", "--prompt", "a", "--top-p", "2"), "top-p is 2.0"),
        (("tiny", "--prompt", "a", "--temperature", "nan"), "temperature is nan"),
        (("tiny", "--prompt", "a", "--seed", str(2**64)), "must fit in 64 bits"),
    ],
)
def test_generate_refuses_in_a_sentence(arguments: tuple[str, ...], expected: str, cli: Cli) -> None:
    assert expected in cli("generate", *arguments, code=1).stderr
