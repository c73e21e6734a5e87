"""Tensors out of a file, whoever wrote it: safetensors, or torch's own form, of which no code is run.

Checkpoints of Lightning hold, beside `state_dict`, objects of classes that need not be installed. Unpickling them
would import and call what the file names; here everything but tensors becomes an inert object.
"""

from __future__ import annotations

import collections
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch
import torch._utils
from safetensors.torch import load_file
from torch import Tensor

__all__ = ["read_tensors"]

_TENSORS = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}
"""All that a file may name and get."""


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU; of a checkpoint those of its `state_dict`. Raises ValueError where there are
    none, and what torch or safetensors raise for a damaged file."""
    if not zipfile.is_zipfile(path):
        return dict(load_file(path))
    content = torch.load(path, map_location="cpu", pickle_module=_Restricted, weights_only=False)
    found = content.get("state_dict", content) if isinstance(content, dict) else {}
    tensors = {name: value.detach() for name, value in found.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError("it holds no tensors, neither by themselves nor in a `state_dict`")
    return tensors


class _Inert(dict[Any, Any]):
    """What an object of any other class becomes: it takes all that unpickling does to it, and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    __hash__ = object.__hash__  # type: ignore[assignment]  # it may be a key

    def __setstate__(self, state: Any) -> None:
        """Forget it."""

    def append(self, item: Any) -> None:
        """Forget it."""

    extend = add = append


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _TENSORS.get((module, name), _Inert)


class _Restricted:
    """What torch.load takes for the pickle module."""

    Unpickler = _Unpickler
