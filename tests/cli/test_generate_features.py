"""`seqlab generate`: where prompts come from, where texts end, what is told of them, and sessions."""

from __future__ import annotations

import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import Cli, call
from click.testing import CliRunner

from seqlab.cli.main import main

FOLDER = Path(__file__).parent.parent / "golden" / "data" / "xlstm_tiny"
GOLDEN = np.load(FOLDER / "golden.npz")
IDS = GOLDEN["L37_input_ids"][0].tolist()
GREEDY = GOLDEN["L37_greedy"].tolist()
INTERFACE = {
    "output_ids", "stop_reason", "prefill_tokens_per_second", "decode_tokens_per_second", "time_to_first_token_seconds",
    "peak_memory_bytes", "state_bytes", "dtype",
}  # fmt: skip


def typed(ids: list[int]) -> str:
    return ",".join(map(str, ids))


def written(*arguments: object) -> dict[str, Any]:
    result = call("generate", FOLDER, "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def text_of(cli: Cli, *arguments: object) -> str:
    return cli("generate", "tiny", "--symbols", 6, "--seed", 4, *arguments).stdout


def test_what_others_rely_on_and_no_more() -> None:
    found = written("--ids", typed(IDS), "--max-new", 20, "--greedy", "--dtype", "float32", "--threads", 1)
    assert found.keys() == INTERFACE
    assert found["output_ids"] == GREEDY


def test_a_prompt_from_an_argument_a_file_and_the_standard_input(cli: Cli, tmp_path: Path) -> None:
    (file := tmp_path / "prompt.txt").write_text("the cat\n")
    wanted = text_of(cli, "--prompt", "the cat")
    assert text_of(cli, "--file", file) == wanted
    piped = CliRunner().invoke(main, ["generate", "tiny", "--symbols", "6", "--seed", "4", "--file", "-"], "the cat\n")
    assert piped.stdout == wanted
    assert "cannot be read: No such file" in cli("generate", "tiny", "--file", tmp_path / "none", code=1).stderr


def test_prompts_of_unequal_lengths_are_each_what_they_are_alone() -> None:
    prompts = [IDS, IDS[:3], [5], IDS[:20], IDS[:20]]
    asked = [word for ids in prompts for word in ("--ids", typed(ids))]
    found = written(*asked, "--max-new", 6, "--greedy", "--together", 2)
    alone = [written("--ids", typed(ids), "--max-new", 6, "--greedy")["output_ids"] for ids in prompts]
    assert [text["output_ids"] for text in found["texts"]] == alone
    assert found.keys() == INTERFACE - {"output_ids", "stop_reason"} | {"texts"}


def test_every_line_of_a_file_is_a_prompt(cli: Cli, tmp_path: Path) -> None:
    (file := tmp_path / "prompts.txt").write_text("the\n\nand a\n")
    said = cli("generate", "tiny", "--file", file, "--lines", "--symbols", 3, "--greedy")
    assert said.stdout.startswith("the")
    assert "\nand a" in said.stdout
    assert said.stderr.splitlines()[-1].startswith("6 symbols: ")


def test_a_text_stops_before_a_string_and_is_told_up_to_it(cli: Cli) -> None:
    whole = text_of(cli, "--prompt", "the").removeprefix("the").removesuffix("\n")
    stop = whole[2:4]
    found = cli("generate", "tiny", "--prompt", "the", "--symbols", 6, "--seed", 4, "--stop", stop)
    assert found.stdout == f"the{whole[: whole.index(stop)]}\n"
    assert "stopped by stop_string" in found.stderr
    assert "no text to --stop at" in cli("generate", FOLDER, "--ids", "5", "--stop", "a", code=2).stderr


def test_penalties_and_min_p_act() -> None:
    plain = written("--ids", typed(IDS), "--max-new", 20, "--greedy")["output_ids"]
    pairs = list(pairwise([*IDS, *plain]))
    assert len(set(pairs)) < len(pairs)
    free = written("--ids", typed(IDS[:2]), "--max-new", 20, "--greedy", "--no-repeat-ngram", 2)["output_ids"]
    pairs = list(pairwise(free))
    assert len(set(pairs)) == len(pairs)
    assert written("--ids", typed(IDS), "--max-new", 20, "--greedy", "--repetition-penalty", 9)["output_ids"] != plain
    assert written("--ids", typed(IDS), "--max-new", 20, "--min-p", 1)["output_ids"] == GREEDY


def test_log_probabilities_are_told() -> None:
    found = written("--ids", typed(IDS), "--max-new", 2, "--greedy", "--log-probabilities", 3)["log_probabilities"]
    logits = GOLDEN["L37_logits"].reshape(len(IDS), -1)[-1].astype(np.float64)
    logs = logits - np.log(np.exp(logits).sum())
    assert [one["symbol"] for one in found] == GREEDY[:2]
    assert found[0]["log_probability"] == pytest.approx(logs.max(), abs=1e-4)
    assert [symbol for symbol, _ in found[0]["likeliest"]] == np.argsort(-logs)[:3].tolist()


def test_a_loop_is_told_and_ends_the_text_where_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.generation.sampling.Sampling.draw", lambda *_: 7)
    said = call("generate", FOLDER, "--ids", "5", "--max-new", 40, "--json")
    assert "a piece of 1 symbols came again and again" in said.stderr
    assert json.loads(said.stdout)["output_ids"] == [7] * 40
    found = written("--ids", "5", "--max-new", 40, "--stop-loops")
    assert (found["output_ids"], found["stop_reason"]) == ([7] * 24, "loop")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--min-p", "2"), "min-p is 2.0; it must be from 0 to 1."),
        (("--repetition-penalty", "0"), "the repetition penalty is 0.0; it must be above 0"),
        (("--no-repeat-ngram", "1"), "it must be at least 2 symbols"),
        (("--seed", str(2**64)), "it must fit in 64 bits"),
        (("--stop", ""), "a stop string is empty"),
        (("--log-probabilities", "2"), "goes with --json"),
        (("--lines",), "--lines goes with --file"),
        (("--system", "a"), "--system goes with --chat"),
        (("--ids", "6", "--save", "a"), "--save go with one prompt"),
    ],
)
def test_what_makes_no_sense(arguments: tuple[str, ...], expected: str) -> None:
    result = call("generate", FOLDER, "--ids", "5", *arguments)
    assert result.exit_code in (1, 2)
    assert expected in result.stderr


def test_a_session_goes_on_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    file = tmp_path / "session"
    drawn = "--seed", 3, "--ids", typed(IDS)
    whole = written(*drawn, "--max-new", 12)["output_ids"]
    first = written(*drawn, "--max-new", 7, "--save", file)["output_ids"]
    rest = written("--continue", file, "--max-new", 5)["output_ids"]
    assert first + rest == whole
    assert file.stat().st_size < 2**15


def test_a_prompt_is_read_once_and_gone_on_from_often(tmp_path: Path) -> None:
    read = tmp_path / "read"
    assert written("--ids", typed(IDS[:30]), "--max-new", 0, "--save", read)["output_ids"] == []
    for _ in range(2):
        found = written("--continue", read, "--ids", typed(IDS[30:]), "--max-new", 20, "--greedy")
        assert found["output_ids"] == GREEDY
    assert len(written("--continue", read, "--max-new", 3)["output_ids"]) == 3


def test_a_session_of_another_model_or_none(tmp_path: Path, cli: Cli) -> None:
    (broken := tmp_path / "broken").write_text("no session")
    written("--ids", "5", "--max-new", 1, "--save", file := tmp_path / "session")
    for source, session, arguments, expected in (
        ("tiny", file, (), "xlstm_tiny, and this is another model"),
        (FOLDER, file, ("--dtype", "bfloat16"), "the same in another --dtype"),
        (FOLDER, broken, (), "is no session that seqlab saved"),
        (FOLDER, tmp_path / "none", (), "there is no session"),
    ):
        assert expected in cli("generate", source, "--continue", session, *arguments, code=1).stderr


def test_a_disk_that_is_full_keeps_the_session_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written("--ids", "5", "--max-new", 1, "--save", file := tmp_path / "session")
    before = file.read_bytes()

    def full(descriptor: int, data: bytes) -> None:
        os.write(descriptor, data[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqlab.journal.files.write_whole", full)
    result = call("generate", FOLDER, "--ids", "5", "--max-new", 1, "--save", file)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: cannot save the session {file}: the disk is full")
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_a_base_model_has_no_chat() -> None:
    result = call("generate", FOLDER, "--chat", "--prompt", "Hi")
    assert (result.exit_code, "it is a base model" in result.stderr) == (1, True)


def test_what_was_written_is_kept_and_shown_side_by_side(cli: Cli, tmp_path: Path) -> None:
    runs = "--runs", tmp_path
    assert "nothing was written yet" in cli("generations", *runs).stdout
    asked = "--ids", typed(IDS), "--max-new", 4, "--greedy", *runs
    assert "(generation 1)" in cli("generate", FOLDER, *asked).stderr
    cli("generate", FOLDER, *asked, "--dtype", "bfloat16", "--ids", "7", "--json")
    first, second, third = json.loads(cli("generations", *runs, "--json").stdout)[::-1]
    assert [record["id"] for record in (first, second, third)] == [1, 2, 3]
    assert (first["prompt_ids"], first["output_ids"], first["stop_reason"]) == (IDS, GREEDY[:4], "length")
    assert first["settings"]["greedy"] is True
    assert (first["dtype"], second["dtype"], third["together"]) == ("float32", "bfloat16", 2)
    assert first["cell"]["sequence"] == "chunkwise"
    assert first["kernels"]["step"]
    assert first["state_bytes"] > 0
    both = cli("generations", 1, 2, *runs).stdout
    assert next(line for line in both.splitlines() if line.startswith("  dtype")).split() == [
        "dtype", "*", "float32", "bfloat16",
    ]  # fmt: skip
    assert "there is no generation 9" in cli("generations", 9, *runs, code=1).stderr
