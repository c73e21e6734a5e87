"""A model as a folder, with its tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from seqlab.cli.writer import Writer, writer_of

if TYPE_CHECKING:
    from seqlab.models.lm import LM
    from seqlab.nn.quantised import Bits

__all__ = ["DTYPES", "write_model"]

DTYPES = ("float32", "bfloat16", "int8", "int4")
BESIDE = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
"""Files of a folder that go along."""


def write_model(source: str, folder: Path, dtype: str | None, runs: Path | None) -> None:
    """Write the model of `RUN[@STEP]` or of a folder as a folder, and say so. Raises ClickException for a model of
    another kind."""
    from seqlab.models.lm import LM

    narrow = dtype in ("int8", "int4")
    writer = writer_of(source, dtype if narrow else None, runs, {})
    if not isinstance(writer.spec, LM):
        raise click.ClickException(f"{writer.title} is no language model of blocks, and cannot be exported.")
    if narrow:
        _write_narrow(writer, writer.spec, cast("Bits", dtype), folder)
        told = f"a model of seqlab's in {dtype}"
    else:
        _write_large(writer, writer.spec, dtype, folder)
        told = "xLSTMForCausalLM"
    for file in _beside(writer):
        shutil.copyfile(file, folder / file.name)
    click.echo(f"{writer.title} is in {folder}: {told}, {len(writer.model.state_dict())} tensors of ours")


def _write_large(writer: Writer, spec: LM, dtype: str | None, folder: Path) -> None:
    import torch

    from seqlab.folders.shared.writing import write_folder
    from seqlab.folders.xlstm import XLSTMFolder

    vocabulary, ours = writer.model.embedding.num_embeddings, dict(writer.model.state_dict())
    if dtype is not None:
        ours = {name: tensor.to(getattr(torch, dtype)) for name, tensor in ours.items()}
    config = XLSTMFolder.configuration(spec, vocabulary) | {"torch_dtype": dtype or writer.dtype}
    write_folder(folder, config, XLSTMFolder.places(spec, vocabulary), ours)


def _write_narrow(writer: Writer, spec: LM, bits: Bits, folder: Path) -> None:
    from seqlab.folders.seqlab import SeqlabFolder, places_of
    from seqlab.folders.shared.writing import write_folder

    known: dict[str, Any] = {} if writer.symbols is None or _beside(writer) else writer.symbols.to_json()
    config = SeqlabFolder.configuration(spec, writer.model, bits, writer.begin, writer.end, known)
    write_folder(folder, config, places_of(writer.model), writer.model.state_dict())


def _beside(writer: Writer) -> list[Path]:
    if writer.folder is None:
        return []
    return [file for name in BESIDE if (file := writer.folder / name).is_file()]
