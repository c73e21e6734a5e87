"""The shards of a folder: which tensor lies in which file, and that none of them is missing."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import torch

from seqlab.folders.shared.config import FolderError
from seqlab.folders.shared.stored import Stored, stored_in

__all__ = ["Shards", "dtype_of", "equal", "has_shards", "shards_of"]

INDEX = "model.safetensors.index.json"
NUMBERED = re.compile(r"model[-_](\d+)(?:-of-(\d+))?\.safetensors")
"""model-00001-of-00006.safetensors (Hugging Face), model_1.safetensors (NX-AI)."""

Shards = Mapping[str, Stored]


def shards_of(folder: Path) -> Shards:
    """All tensors of a folder by name; none of them is read. Raises FolderError for a shard that is missing or cut off,
    and for a tensor that two shards hold."""
    found: dict[str, Stored] = {}
    for file in _files(folder):
        for name, tensor in stored_in(file).items():
            if name in found:
                raise FolderError(
                    f"`{name}` is both in {found[name].file.name} and in {file}: two models in one folder."
                )
            found[name] = tensor
    if not found:
        raise FolderError(f"the shards of {folder} hold no tensors.")
    return found


def has_shards(folder: Path) -> bool:
    """Whether a folder has any weights."""
    return any(folder.glob("model*.safetensors*"))


def dtype_of(shards: Shards) -> torch.dtype:
    """The dtype of most of the numbers; float32 where there are none, and for float16, which no CPU computes in."""
    count: Counter[torch.dtype] = Counter()
    for tensor in shards.values():
        count[tensor.dtype] += math.prod(tensor.shape)
    most = count.most_common(1)[0][0] if count else torch.float32
    return torch.float32 if most == torch.float16 else most


def equal(one: Stored, other: Stored) -> bool:
    """Whether two stored tensors are the same; both are read."""
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return all(torch.equal(a, b) for (_, a), (_, b) in zip(one.pieces(), other.pieces(), strict=True))


def _files(folder: Path) -> list[Path]:
    index, whole = folder / INDEX, folder / "model.safetensors"
    if index.is_file():
        return _named_by(index)
    if whole.is_file():
        return [whole]
    matches = {path: NUMBERED.fullmatch(path.name) for path in sorted(folder.glob("model*.safetensors"))}
    numbers = {int(match[1]): path for path, match in matches.items() if match}
    if not numbers:
        raise FolderError(f"{folder} has no weights: neither model.safetensors nor shards model_N.safetensors.")
    promised = next((int(match[2]) for match in matches.values() if match and match[2]), None)
    first, last = (1, promised) if promised is not None else (min(min(numbers), 1), max(numbers))
    lacking = [number for number in range(first, last + 1) if number not in numbers]
    if lacking:
        raise FolderError(f"{folder} lacks the shard {lacking[0]} of {first} to {last}; get it again.")
    return list(numbers.values())


def _named_by(index: Path) -> list[Path]:
    """The files that an index names."""
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{index} is no index of shards (it needs a `weight_map`); get it again.") from error
    for name in names:
        if not (index.parent / name).is_file():
            raise FolderError(f"{index.parent} lacks the shard {name}, which {INDEX} names; get it again.")
    return [index.parent / name for name in names]
