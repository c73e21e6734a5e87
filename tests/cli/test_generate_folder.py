"""`seqlab generate FOLDER`: symbols in, symbols out, and what they cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import Cli, call
from click.testing import CliRunner
from safetensors.torch import load_file, save_file

from seqlab.cli.main import main
from wikitext_folder import write_tokenizer

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


def test_eight_bits() -> None:
    found = written("--ids", PROMPT, "--dtype", "int8")
    assert found["dtype"] == "int8"
    assert len(found["output_ids"]) == 20


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


@pytest.fixture
def talking(tmp_path: Path) -> Path:
    """A folder with a tokenizer of 259 symbols, the last of which is `<|endoftext|>`."""
    fields = json.loads((FOLDER / "config.json").read_text()) | {"vocab_size": 264}
    (tmp_path / "config.json").write_text(json.dumps(fields))
    weights = load_file(FOLDER / "model.safetensors")
    drawn = torch.randn(2, 264, 64, generator=torch.Generator().manual_seed(0))
    weights |= {"backbone.embeddings.weight": drawn[0].clone(), "lm_head.weight": drawn[1].clone()}
    save_file(weights, tmp_path / "model.safetensors")
    write_tokenizer(tmp_path)
    return tmp_path


def test_a_text_begins_with_the_end_of_the_one_before(talking: Path, cli: Cli) -> None:
    by_text = cli("generate", talking, "--prompt", " be", "--max-new", 8, "--greedy", "--past-end", "--json")
    by_ids = cli("generate", talking, "--ids", "258,257", "--max-new", 8, "--greedy", "--json")
    assert json.loads(by_text.stdout)["output_ids"] == json.loads(by_ids.stdout)["output_ids"]
    said = cli("generate", talking, "--prompt", "be", "--max-new", 8, "--seed", 3)
    assert said.stdout.startswith("be")


def test_a_text_ends_where_the_model_ends_it(talking: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, written, reason in (
        (("--prompt", "be"), [100, 0], "end_of_text"),
        (("--prompt", "be", "--past-end"), [100, 0, 258, 101], "length"),
        (("--ids", "1"), [100, 0, 258, 101], "length"),
        (("--ids", "1", "--until-end"), [100, 0], "end_of_text"),
        (("--ids", "1", "--stop-id", "0"), [100], "stop_symbol"),
    ):
        drawn = iter([100, 0, 258, 101])
        monkeypatch.setattr("seqlab.generation.sampling.Sampling.draw", lambda *_, drawn=drawn: next(drawn))
        found = json.loads(cli("generate", talking, *arguments, "--max-new", 4, "--json").stdout)
        assert (found["output_ids"], found["stop_reason"]) == (written, reason)


def test_a_chat_follows_the_template_and_what_was_said_before(talking: Path) -> None:
    template = "{% for one in messages %}<{{ one.role }}>{{ one.content }}{% endfor %}<assistant>"
    (talking / "chat_template.jinja").write_text(template)
    asked = "--symbols", 5, "--greedy"
    one = CliRunner().invoke(main, list(map(str, ["generate", talking, "--chat", "--prompt", "Hi", *asked])))
    plain = call("generate", talking, "--prompt", "<user>Hi<assistant>", *asked)
    assert one.stdout == plain.stdout.removeprefix("<user>Hi<assistant>")
    two = CliRunner().invoke(main, list(map(str, ["generate", talking, "--chat", "--json", *asked])), "Hi\nYou?\n")
    first, second = json.loads(two.stdout)["texts"]
    said = one.stdout.removesuffix("\n")
    whole = f"<user>Hi<assistant>{said}<user>You?<assistant>"
    again = call("generate", talking, "--prompt", whole, "--json", *asked)
    assert second["output_ids"] == json.loads(again.stdout)["output_ids"]
    assert len(first["output_ids"]) == 5
    nothing = CliRunner().invoke(main, ["generate", str(talking), "--chat"], "")
    assert (nothing.exit_code, "nothing was said" in nothing.stderr) == (1, True)


def test_a_text_is_scored_by_a_folder(talking: Path, tmp_path: Path, cli: Cli) -> None:
    (file := tmp_path / "some.txt").write_text("to be or not to be")
    found = json.loads(cli("eval", talking, "text", "--file", file, "--json").stdout)
    assert found["bytes"] == 18
    assert found["bits_per_byte"] > 0
    assert found["begin"] == 258
    assert "no tokenizer.json" in cli("eval", FOLDER, "text", "--file", file, code=1).stderr
    run = json.loads(cli("eval", "tiny", "text", "--file", file, "--json").stdout)
    assert run["bytes"] == 17


def test_a_tokenizer_of_another_model(tmp_path: Path, cli: Cli) -> None:
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((FOLDER / name).read_bytes())
    write_tokenizer(tmp_path)
    assert "has 259 symbols and the model 128" in cli("generate", tmp_path, "--ids", "1", code=1).stderr
