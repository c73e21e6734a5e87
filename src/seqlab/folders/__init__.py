"""Folders of other programs: a configuration and shards of weights, as models of ours, one format a file."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import torch

from seqlab.data.signature import Signature
from seqlab.folders.shared.config import Config, FolderError, read_config
from seqlab.folders.shared.fill import fill, give_memory
from seqlab.folders.shared.place import Place
from seqlab.folders.shared.room import must_fit
from seqlab.folders.shared.shards import Shards, dtype_of, has_shards, shards_of
from seqlab.folders.shared.spread import Room, spread
from seqlab.folders.shared.spread_model import SpreadLanguageModel, parts_of
from seqlab.kernels.memory import available_memory
from seqlab.models.lm import LM, LanguageModel
from seqlab.models.shared.quantised import quantise_model
from seqlab.nn.narrow import PRECISIONS, bytes_in, plain
from seqlab.nn.quantised import Bits, weight_bytes
from seqlab.nn.shapes_only import shapes_only
from seqlab.spec import Part, find, names

__all__ = ["Contents", "Folder", "FolderError", "ModelFolder", "Place", "open_folder"]


@dataclass(frozen=True)
class Contents:
    """What a folder holds, told before any weight is read."""

    model: LM
    signature: Signature
    places: Mapping[str, Place]
    """For every stored tensor but those in `left_out`, by its name in the shards."""
    unknown: tuple[str, ...]
    """Fields of the configuration that mean nothing here, and were not used."""
    remarks: tuple[str, ...] = ()
    left_out: frozenset[str] = frozenset()
    """Tensors that repeat others."""
    begin: int | None = None
    """The symbol that texts begin with (BOS); none: there is no such symbol."""
    end: int | None = None
    """The symbol that ends a text."""
    bits: Bits | None = None
    """What the linears and the head are stored in; none: in the dtype of the shards."""
    symbols: Mapping[str, Any] | None = None
    """The alphabet, as `seqlab.data.symbols.from_json` takes it, where no tokenizer.json says it."""

    def placed(self, places: Mapping[str, Place]) -> Contents:
        """The same with these places."""
        return replace(self, places=places)


class Folder(Part, kind="folders"):
    """A format of folders."""

    @classmethod
    @abstractmethod
    def recognises(cls, config: Config) -> bool:
        """Whether a folder with this configuration is of this format."""

    @classmethod
    @abstractmethod
    def contents(cls, config: Config, shards: Shards) -> Contents:
        """What the folder holds. Raises FolderError for a setting that no model of ours has."""


@dataclass(frozen=True)
class ModelFolder:
    """A folder whose tensors are known to be all there, with the shapes that the model has."""

    path: Path
    format: type[Folder]
    contents: Contents
    shards: Shards
    dtype: torch.dtype
    """Of the weights: that of most of them."""

    @cached_property
    def shapes(self) -> LanguageModel:
        """The model on the meta device: shapes and no numbers."""
        model = shapes_only(lambda: self.contents.model.build(self.contents.signature))
        if self.contents.bits is not None:
            quantise_model(model, self.contents.bits)
        return model

    @property
    def dtype_name(self) -> str:
        """What the weights are kept in: int8."""
        return self.contents.bits or plain(self.dtype)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is to be known before the folder is used, each a sentence."""
        unknown = self.contents.unknown
        told = (f"fields of the configuration that mean nothing here: {', '.join(unknown)}.",) if unknown else ()
        return self.contents.remarks + told

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.shapes.parameters())

    def forecast(self) -> dict[str, int]:
        """The bytes of the weights in every dtype that the model can have, the widest first."""
        if self.contents.bits is not None:
            return {self.contents.bits: weight_bytes(self.shapes)}
        needed = {name: bytes_in(self.shapes, getattr(torch, name)) for name in PRECISIONS}
        for bits in get_args(Bits):
            narrow = copy.deepcopy(self.shapes)
            quantise_model(narrow, bits)
            needed[bits] = weight_bytes(narrow)
        return needed

    def load(self, dtype: torch.dtype | Bits | None = None) -> LanguageModel:
        """The model in evaluation mode, on the CPU, in that dtype [the weights' own]; what must be exact (norms, gates)
        stays in float32. With eight or four bits for its linears and head, all else is float32.

        Raises FolderError before anything is read where the memory does not suffice, and for a weight that is no
        number."""
        if self.contents.bits is not None:
            return self._load_narrow(self.contents.bits, dtype)
        dtype = dtype or self.dtype
        bits, wide = (dtype, torch.float32) if isinstance(dtype, str) else (None, dtype)
        must_fit(str(self.path), self.forecast(), bits or plain(wide), available_memory(torch.device("cpu")))
        model = shapes_only(lambda: self.contents.model.build(self.contents.signature))
        give_memory(model, wide)
        fill(model, self.shards, self.contents.places, bits)
        if bits is not None:
            quantise_model(model, bits)  # what is left: a tied head
        return model.eval()

    def _load_narrow(self, bits: Bits, dtype: torch.dtype | Bits | None) -> LanguageModel:
        if dtype not in (None, bits):
            asked = plain(dtype) if isinstance(dtype, torch.dtype) else dtype
            raise FolderError(f"{self.path} was saved in {bits} and cannot be had in {asked}: leave --dtype out.")
        must_fit(str(self.path), self.forecast(), bits, available_memory(torch.device("cpu")))
        model = shapes_only(lambda: self.contents.model.build(self.contents.signature))
        quantise_model(model, bits)
        give_memory(model, torch.float32)
        fill(model, self.shards, self.contents.places)
        return model.eval()

    def load_over(self, rooms: Sequence[Room], dtype: torch.dtype | None = None) -> LanguageModel:
        """As `load`, the parts in order over several devices as their memory allows; tokens and logits stay on the CPU.
        Raises FolderError where all of them together do not suffice."""
        if self.contents.bits is not None:
            raise FolderError(f"{self.path} is in {self.contents.bits}, which no GPU computes in here: --devices cpu.")
        chosen = dtype or self.dtype
        parts = parts_of(self.shapes)
        sizes = [sum(bytes_in(module, chosen) for module in part) for part in parts]
        devices = spread(str(self.path), sizes, rooms)
        model = shapes_only(lambda: SpreadLanguageModel(self.contents.model, self.contents.signature, devices))
        for part, device in zip(parts_of(model), devices, strict=True):
            for module in part:
                give_memory(module, chosen, device)
        fill(model, self.shards, self.contents.places)
        return model.eval()


def open_folder(path: Path, *, with_weights: bool = True) -> ModelFolder:
    """The folder at `path`; no weights are read. One that has none yet is taken where they are not wanted.

    Raises FolderError in one sentence: no configuration, an architecture that no format knows, a shard that is missing
    or cut off, a tensor that is missing, left over, or of another shape.
    """
    config = read_config(path)
    format = _format_of(config)
    shards = shards_of(path) if with_weights or has_shards(path) else {}
    contents = format.contents(config, shards)
    if shards:
        _check(contents, shards, path)
    return ModelFolder(path, format, contents, shards, dtype_of(shards))


def _format_of(config: Config) -> type[Folder]:
    formats = [find("folders", name) for name in names("folders")]
    for one in formats:
        assert issubclass(one, Folder)
        if one.recognises(config):
            return one
    told = ", ".join(config.architectures) or "no architecture that is known"
    raise FolderError(
        f"{config.file} is of {told}; seqlab reads xLSTMForCausalLM, NX-AI's xLSTM Large and the classic xLSTM, "
        "and what it saved itself."
    )


def _check(contents: Contents, shards: Shards, path: Path) -> None:
    places = contents.places
    missing = [name for name in places if name not in shards]
    if missing:
        raise FolderError(
            f"{path} has no tensor `{missing[0]}`{_more(missing)}; a shard is missing or of another model."
        )
    extra = sorted(shards.keys() - places.keys() - contents.left_out)
    if extra:
        raise FolderError(f"{path} has a tensor `{extra[0]}`{_more(extra)} that its configuration has no place for.")
    for name, place in places.items():
        stored = shards[name]
        if contents.bits is None and not stored.dtype.is_floating_point:
            raise FolderError(f"`{name}` in {stored.file} is {plain(stored.dtype)}; this format keeps floats.")
        if stored.shape != place.shape:
            raise FolderError(
                f"`{name}` in {stored.file} is {stored.shape} and must be {place.shape} by the configuration; "
                "one of the two belongs to another model."
            )


def _more(found: list[str]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
