"""The golden folder of xLSTM Large, written anew in every form that such a folder may have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

__all__ = ["LAYERS", "TINY", "configuration", "fused", "tensors", "write"]

TINY = Path(__file__).parent.parent / "golden" / "data" / "xlstm_tiny"
LAYERS = 2


def configuration(**changes: Any) -> dict[str, Any]:
    """The fields of the golden folder, changed; None takes one away."""
    fields = json.loads((TINY / "config.json").read_text()) | changes
    return {name: value for name, value in fields.items() if value is not None}


def tensors() -> dict[str, Tensor]:
    return dict(load_file(TINY / "model.safetensors"))


def write(folder: Path, fields: Mapping[str, Any], *shards: Mapping[str, Tensor], names: str = "") -> Path:
    """A folder of that configuration; several shards by an index, or under `names` such as model_{}.safetensors."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(fields)))
    files = [names.format(number) for number in range(1, len(shards) + 1)] if names else ["model.safetensors"]
    if len(shards) > 1 and not names:
        files = [f"model-{number:05}-of-{len(shards):05}.safetensors" for number in range(1, len(shards) + 1)]
        index = {name: file for file, shard in zip(files, shards, strict=True) for name in shard}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    for file, shard in zip(files, shards, strict=True):
        save_file(
            {name: tensor.contiguous().clone() for name, tensor in shard.items()}, folder / file, {"format": "pt"}
        )
    return folder


def fused(single: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with the names and tensors of `weight_mode: fused`."""
    found = dict(single)
    for layer in range(LAYERS):
        below = f"backbone.blocks.{layer}."
        for name, parts in (
            ("mlstm_layer.qkv_opreact.weight", ("q", "k", "v", "ogate_preact")),
            ("mlstm_layer.ifgate_preact.weight", ("igate_preact", "fgate_preact")),
            ("mlstm_layer.ifgate_preact.bias", ("igate_preact", "fgate_preact")),
            ("ffn.proj_up_gate_z.weight", ("proj_up_gate", "proj_up")),
        ):
            part, _, kind = name.partition(".")[0], "", name.rpartition(".")[2]
            found[below + name] = torch.cat([found.pop(f"{below}{part}.{one}.{kind}") for one in parts])
    return found
