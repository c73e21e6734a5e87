"""`seqlab generate FOLDER`: symbols in, symbols out, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import Cli, call

FOLDER = Path(__file__).parent.parent / "golden" / "data" / "xlstm_tiny"
PROMPT = ",".join(map(str, np.load(FOLDER / "golden.npz")["L37_input_ids"][0].tolist()))
GREEDY = np.load(FOLDER / "golden.npz")["L37_greedy"].tolist()


def written(*arguments: object) -> dict[str, Any]:
    result = call("generate", FOLDER, "--max-new", 20, "--greedy", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_symbols_are_those_of_the_folder() -> None:
    found = written("--ids", PROMPT)
    assert found["output_ids"] == GREEDY
    assert (found["stop_reason"], found["dtype"]) == ("length", "float32")
    assert found["state_bytes"] == 2 * (4 * (4 * 8 * 16 + 4 * 8 + 4) + 8)
    assert found["prefill_tokens_per_second"] == pytest.approx(37 / found["time_to_first_token_seconds"])
    assert found["decode_tokens_per_second"] > 0
    assert found["peak_memory_bytes"] > 2**20


def test_the_weights_in_another_dtype() -> None:
    found = written("--ids", PROMPT, "--dtype", "bfloat16")
    assert found["dtype"] == "bfloat16"
    assert found["state_bytes"] == written("--ids", PROMPT)["state_bytes"], "states stay in float32"
    assert found["output_ids"][:3] == GREEDY[:3]


def test_threads_are_as_asked() -> None:
    before = torch.get_num_threads()
    try:
        written("--ids", "5", "--threads", "3")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_one_symbol_has_no_rate_of_decoding(cli: Cli) -> None:
    found = json.loads(cli("generate", FOLDER, "--ids", "5,9,12", "--max-new", 1, "--json").stdout)
    assert len(found["output_ids"]) == 1
    assert found["decode_tokens_per_second"] is None


def test_a_run_in_another_dtype(cli: Cli) -> None:
    found = json.loads(cli("generate", "tiny", "--ids", "97,98", "--dtype", "bfloat16", "--json").stdout)
    assert found["dtype"] == "bfloat16"
    assert len(found["output_ids"]) == 200


def test_symbols_are_printed_where_there_is_no_alphabet(cli: Cli) -> None:
    said = cli("generate", FOLDER, "--ids", PROMPT, "--max-new", 3, "--greedy")
    assert said.stdout.split() == list(map(str, GREEDY[:3]))


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (("--ids", "5,128"), 1, "there is no symbol 128: "),
        (("--ids", "5,-1"), 1, "knows 0 to 127"),
        (("--ids", ""), 1, "the prompt is empty"),
        (("--ids", "5,a"), 2, "whole numbers between commas"),
        (("--ids", "5", "--prompt", "a"), 2, "either --prompt TEXT or --ids"),
        ((), 2, "either --prompt TEXT or --ids"),
        (("--prompt", "a"), 2, "has no tokenizer.json"),
    ],
)
def test_what_cannot_be_written(arguments: tuple[str, ...], code: int, expected: str, cli: Cli) -> None:
    assert expected in cli("generate", FOLDER, *arguments, code=code).stderr
