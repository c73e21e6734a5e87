"""A folder written by its format's places: our tensors under their names, in shards, whole or not there at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor

from seqlab.folders.shared.config import FolderError
from seqlab.folders.shared.place import Place

__all__ = ["write_folder"]

SHARD_BYTES = 5 * 10**9


def write_folder(
    folder: Path, config: Mapping[str, Any], places: Mapping[str, Place], ours: Mapping[str, Tensor]
) -> None:
    """config.json and the weights, in shards of at most 5 GB with an index where there are several. Raises FolderError
    where the folder is already there, or cannot be written; nothing is left of one that was not finished."""
    if folder.exists():
        raise FolderError(f"{folder} is already there; choose another folder.")
    shards = list(_shards(places, ours))
    files = {f"model-{n:05}-of-{len(shards):05}.safetensors": names for n, names in enumerate(shards, 1)}
    if len(shards) == 1:
        files = {"model.safetensors": shards[0]}
    try:
        folder.mkdir(parents=True)
        for file, names in files.items():
            save_file({name: _stored(places[name], ours) for name in names}, folder / file, {"format": "pt"})
        if len(files) > 1:
            total = sum(_stored(place, ours).nbytes for place in places.values())
            index = {
                "metadata": {"total_size": total},
                "weight_map": {n: f for f, names in files.items() for n in names},
            }
            (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2))
        (folder / "config.json").write_text(json.dumps(dict(config), indent=2) + "\n")
    except Exception as error:  # safetensors raises classes of its own where the disk is full
        shutil.rmtree(folder, ignore_errors=True)
        raise FolderError(f"{folder} could not be written ({error}); nothing of it was left.") from error


def _stored(place: Place, ours: Mapping[str, Tensor]) -> Tensor:
    return ours[place.name][place.begin : place.begin + place.shape[0]].contiguous().clone()


def _shards(places: Mapping[str, Place], ours: Mapping[str, Tensor]) -> Iterator[list[str]]:
    """Names of tensors that fill a file each."""
    names: list[str] = []
    size = 0
    for name, place in places.items():
        tensor = ours[place.name]
        needed = tensor[:1].nbytes * place.shape[0]
        if names and size + needed > SHARD_BYTES:
            yield names
            names, size = [], 0
        names, size = [*names, name], size + needed
    yield names
