"""A language model of ours as a folder of its own: any mixers, its linears in eight or four bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from seqlab.data.signature import Signature
from seqlab.folders import Contents, Folder, FolderError, Place
from seqlab.folders.shared.config import Config
from seqlab.folders.shared.shards import Shards
from seqlab.models.lm import LM, LanguageModel
from seqlab.models.shared.quantised import quantise_model
from seqlab.nn.quantised import Bits
from seqlab.nn.shapes_only import shapes_only
from seqlab.spec import SpecError, from_json, to_json

__all__ = ["SeqlabFolder"]

ARCHITECTURE = "seqlab"


class SeqlabFolder(Folder):
    """config.json with the model's spec as runs have it, and the weights as the model holds them."""

    @classmethod
    def recognises(cls, config: Config) -> bool:
        return config.architectures == [ARCHITECTURE]

    @classmethod
    def contents(cls, config: Config, shards: Shards) -> Contents:
        try:
            model = from_json(dict(config.part("model").values))
        except SpecError as error:
            raise FolderError(f"`model` in {config.file} is no model of this seqlab: {error}") from error
        bits = config.take(str, "bits")
        if not isinstance(model, LM) or bits not in get_args(Bits):
            raise FolderError(f"{config.file} is no language model in {' or '.join(get_args(Bits))}.")
        vocabulary, length = config.take(int, "vocabulary"), config.take(int, "length")
        contents = Contents(
            model=model,
            signature=Signature(vocabulary=vocabulary, length=length),
            places={},
            unknown=(),
            begin=config.optional(int, "begin"),
            end=config.optional(int, "end"),
            bits=cast(Bits, bits),
            symbols=dict(config.part("symbols").values) or None,
        )
        narrow = shapes_only(lambda: model.build(contents.signature))
        quantise_model(narrow, cast(Bits, bits))
        return contents.placed(places_of(narrow))

    @classmethod
    def configuration(
        cls, spec: LM, model: LanguageModel, bits: Bits, begin: int | None, end: int | None, symbols: Mapping[str, Any]
    ) -> dict[str, Any]:
        """config.json; symbols: as `seqlab.data.symbols.from_json` takes them, {} where nobody knows them or where a
        tokenizer.json lies in the folder."""
        return {
            "architectures": [ARCHITECTURE],
            "model": to_json(spec),
            "vocabulary": model.embedding.num_embeddings,
            "length": model.length,
            "bits": bits,
            "begin": begin,
            "end": end,
            "symbols": dict(symbols),
        }


def places_of(model: LanguageModel) -> dict[str, Place]:
    """Every tensor of a model, under its own name. Raises FolderError for one that has no rows to be read by."""
    held = model.state_dict()
    flat = next((name for name, tensor in held.items() if not tensor.ndim or not tensor.numel()), None)
    if flat is not None:
        raise FolderError(f"`{flat}` of this model is a single number or nothing, which a folder does not keep.")
    return {name: Place(name, tuple(tensor.shape)) for name, tensor in held.items()}
