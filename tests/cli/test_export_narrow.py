"""Weights saved in few bits: read again they are the same, with the alphabet beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from calling import Cli

from seqlab.folders import FolderError, open_folder

FOLDER = Path(__file__).parent.parent / "golden" / "data" / "xlstm_tiny"
ASKED = "--max-new", 12, "--greedy", "--json"


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_the_same_symbols_as_made_at_loading(bits: str, cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    cli("export", FOLDER, saved, "--dtype", bits)
    loaded, made = (
        json.loads(cli("generate", *source, "--ids", "5,9,12", *ASKED).stdout)
        for source in ((saved,), (FOLDER, "--dtype", bits))
    )
    for name in ("output_ids", "dtype", "state_bytes"):
        assert loaded[name] == made[name]
    assert loaded["dtype"] == bits
    shown = json.loads(cli("show", saved, "--json").stdout)
    assert (shown["dtype"], shown["end"]) == (bits, 0)
    assert list(shown["bytes_in_memory"]) == [bits]
    assert shown["bytes_on_disk"] == shown["bytes_in_memory"][bits] < (FOLDER / "model.safetensors").stat().st_size


def test_a_run_with_attention_and_its_alphabet(cli: Cli, tmp_path: Path) -> None:
    cli("export", "tiny", tmp_path / "saved", "--dtype", "int8")
    asked = "--prompt", "the ", "--symbols", 9, "--greedy"
    narrow = cli("generate", tmp_path / "saved", *asked).stdout
    assert narrow == cli("generate", "tiny", "--dtype", "int8", *asked).stdout


def test_what_was_saved_narrow_stays_narrow(cli: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    cli("export", FOLDER, saved, "--dtype", "int8")
    assert (
        "was saved in int8 and cannot be had in float32"
        in cli("generate", saved, "--ids", "5", "--dtype", "float32", code=1).stderr
    )
    fields = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps(fields | {"bits": "int3"}))
    with pytest.raises(FolderError, match="is no language model in int8 or int4"):
        open_folder(saved)
    (saved / "config.json").write_text(json.dumps(fields | {"vocabulary": 127}))
    with pytest.raises(FolderError, match=r"is \(128, 64\) and must be \(127, 64\)"):
        open_folder(saved)
