"""`seqlab quantise`, and generation in eight and four bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TEXT = "to be quick is good and to be right is better still " * 4


@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_a_run_writes_in_few_bits(cli, dtype: str) -> None:  # type: ignore[no-untyped-def]
    found = json.loads(cli("generate", "tiny", "--ids", "97,98", "--dtype", dtype, "--max-new", 5, "--json").stdout)
    assert found["dtype"] == dtype
    assert len(found["output_ids"]) == 5


def test_what_fewer_bits_cost(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "held.txt"
    file.write_text(TEXT)
    rows = json.loads(cli("quantise", "tiny", "--file", file, "--length", 8, "--json").stdout)
    assert [row["dtype"] for row in rows] == ["float32", "bfloat16", "int8", "int4"]
    assert (rows[0]["change"], rows[0]["agreement"]) == (0, 1)
    assert all(abs(row["change"]) < 0.2 and row["agreement"] > 0.3 for row in rows)
    assert rows[1]["weight_bytes"] < rows[0]["weight_bytes"]
    shown = cli("quantise", "tiny", "--file", file, "--length", 8).stdout
    assert "same symbol" in shown


def test_a_text_that_fills_no_piece(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "short.txt"
    file.write_text("a")
    said = cli("quantise", "tiny", "--file", file, code=1)
    assert "a piece of 256 needs one more" in said.stderr
