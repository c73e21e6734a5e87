"""What a model is made of, and the data that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqlab.report.page import Block, Cell, Facts, Table
from seqlab.wording import plain

__all__ = ["data_facts", "layer_rows", "model_blocks"]


def model_blocks(card: Mapping[str, Any], parameters: int | None) -> list[Block]:
    """The layers as a table, then the model's other facts."""
    columns, rows = layer_rows(card)
    facts: list[tuple[str, Cell]] = [("parameters", parameters)] if parameters is not None else []
    others = [
        (key.replace("_", " "), plain(value).rpartition("/")[2]) for key, value in card.items() if key != "layers"
    ]
    table: list[Block] = [Table(["layer", *columns], rows)] if rows else []
    return [*table, Facts([*facts, *others])]


def layer_rows(card: Mapping[str, Any]) -> tuple[list[str], list[list[Cell]]]:
    """What is known of the layers, and a row for each; those that are alike share one: `0-3`."""
    layers = card.get("layers", [])
    columns = list(dict.fromkeys(key for layer in layers for key in layer if key != "layer"))
    rows: list[list[Cell]] = [
        [f"{first}" if first == last else f"{first}-{last}", *(_cell(layer.get(key)) for key in columns)]
        for first, last, layer in _alike(layers)
    ]
    return columns, rows


def _cell(value: Any) -> Cell:
    return value if isinstance(value, int) and not isinstance(value, bool) else plain(value)


def _alike(layers: list[dict[str, Any]]) -> list[tuple[int, int, dict[str, Any]]]:
    """Neighbours that differ in nothing but their number, together: (first, last, what they are)."""
    found: list[tuple[int, int, dict[str, Any]]] = []
    for index, layer in enumerate(layers):
        what = {key: value for key, value in layer.items() if key != "layer"}
        if found and found[-1][2] == what:
            found[-1] = (found[-1][0], index, what)
        else:
            found.append((index, index, what))
    return found


def data_facts(data: Mapping[str, str]) -> Facts:
    """Each data set with the hash of its bytes."""
    return Facts([(name, f"sha256 {digest[:12]}") for name, digest in data.items()])
