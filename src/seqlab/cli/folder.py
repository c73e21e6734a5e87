"""A folder of another program as `seqlab show` prints it: everything that is known before a weight is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import render
from seqlab.cli.card import print_card
from seqlab.cli.computed import Computed

if TYPE_CHECKING:
    from seqlab.folders import ModelFolder

__all__ = ["show_folder"]


def show_folder(path: Path, computed: Computed, as_json: bool) -> None:
    """Print what a folder holds, and how its model would be computed with these settings."""
    from seqlab.folders import open_folder
    from seqlab.nn.matrix_cell import compute_by

    folder = open_folder(path, with_weights=False)
    compute_by(folder.shapes, **computed)
    facts = _facts(folder)
    if as_json:
        render.json_out(facts)
    else:
        _print(facts)


def _facts(folder: ModelFolder) -> dict[str, Any]:
    import torch

    from seqlab.kernels.memory import available_memory
    from seqlab.nn.matrix_cell import resolved

    contents, shards = folder.contents, folder.shards
    return {
        "folder": str(folder.path),
        "format": folder.format.__name__.removesuffix("Folder"),
        "parameters": folder.parameters,
        "tensors": len(contents.places),
        "card": contents.model.card(folder.shapes),
        "dtype": folder.dtype_name if shards else None,
        "shards": len({tensor.file for tensor in shards.values()}),
        "bytes_on_disk": sum(tensor.nbytes for tensor in shards.values()),
        "bytes_in_memory": folder.forecast(),
        "memory_available": available_memory(torch.device("cpu")),
        "state_bytes": folder.shapes.state_bytes(1, contents.signature.length),
        "computed": resolved(folder.shapes),
        "begin": contents.begin,
        "end": contents.end,
        "tokenizer": (folder.path / "tokenizer.json").is_file(),
        "remarks": folder.remarks,
    }


def _print(facts: dict[str, Any]) -> None:
    click.echo(f"{click.style(facts['folder'], bold=True)}  {facts['format']}, {facts['tensors']} tensors")
    render.heading("Model")
    print_card(facts["card"], facts["parameters"])
    render.heading("Computed")
    render.pairs((name, render.plain(value)) for name, value in facts["computed"].items())
    free = facts["memory_available"]
    render.heading("Memory")
    render.pairs(
        [
            ("weights on disk", f"{render.size(facts['bytes_on_disk'])}, {facts['shards']} shards, {facts['dtype']}")
            if facts["shards"]
            else ("weights on disk", "none"),
            *((f"in {name}", _fits(size, free)) for name, size in facts["bytes_in_memory"].items()),
            ("state", f"{render.size(facts['state_bytes'])} a sequence"),
            ("free", render.size(free)),
        ]
    )
    render.heading("Text")
    render.pairs(
        [
            ("tokenizer", "tokenizer.json" if facts["tokenizer"] else "none: prompts and results are symbols"),
            ("begins with", f"symbol {facts['begin']}" if facts["begin"] is not None else "nothing"),
            ("ends with", f"symbol {facts['end']}" if facts["end"] is not None else "nothing that is known"),
        ]
    )
    for remark in facts["remarks"]:
        click.echo(render.indented(f"! {remark}"))


def _fits(size: int, free: int) -> str:
    return render.size(size) + ("" if size <= free else ", which does not fit")
