"""A language model to write with: that of a run, or of a folder of another program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from seqlab.cli import options
from seqlab.cli.computed import Computed

if TYPE_CHECKING:
    from seqlab.data.symbols import Symbols
    from seqlab.data.tokenizer import Tokenizer
    from seqlab.models import Model
    from seqlab.models.lm import LanguageModel

__all__ = ["Writer", "is_folder", "writer_of"]

END_OF_TEXT = "<|endoftext|>"
"""The token that ends a text, and begins the next one, in the tokenizers of GPT-2 and GPT-NeoX."""


@dataclass(frozen=True)
class Writer:
    """A model, ready, and what lies between its symbols and text."""

    title: str
    model: LanguageModel
    spec: Model
    symbols: Symbols | None
    """None: nobody says what its symbols mean."""
    dtype: str
    begin: int | None = None
    """The symbol that texts begin with."""
    end: int | None = None
    """The symbol that ends a text."""
    remarks: tuple[str, ...] = ()
    folder: Path | None = None
    """Where it lies, of a folder of another program."""

    def introduce(self) -> None:
        """Tell on the standard error what it is, and what is to be known."""
        for sentence in (self.title, *self.remarks):
            click.echo(sentence, err=True)

    def ids_of(self, text: str, *, begin: bool = True) -> list[int]:
        """A prompt as symbols, and if it is to `begin` a text the one that texts begin with before it. Raises
        UsageError without an alphabet."""
        if self.symbols is None:
            raise click.UsageError(f"{self.title} has no tokenizer.json: give the prompt as --ids.")
        encoded = [int(symbol) for symbol in self.symbols.encode(text.encode(errors="surrogateescape"))]
        return [self.begin, *encoded] if begin and self.begin is not None else encoded

    def checked(self, ids: list[int]) -> list[int]:
        """The symbols of a prompt. Raises ClickException where there is none, or one that the model does not know."""
        if not ids:
            raise click.ClickException("the prompt is empty; generation needs at least one symbol to start from.")
        vocabulary = self.model.embedding.num_embeddings
        outside = next((symbol for symbol in ids if not 0 <= symbol < vocabulary), None)
        if outside is not None:
            raise click.ClickException(f"there is no symbol {outside}: {self.title} knows 0 to {vocabulary - 1}.")
        return ids


def is_folder(source: str) -> bool:
    """Whether a source is a folder of another program, and neither a run nor a checkpoint of one."""
    folder = Path(source)
    return folder.is_dir() and not any((folder / name).exists() for name in ("experiment.json", "MANIFEST.json"))


def writer_of(source: str, dtype: str | None, runs: Path | None, computed: Computed, devices: str = "cpu") -> Writer:
    """The model of a run (`NAME` or `NAME@STEP`) or of a folder, in that dtype [the weights' own]. devices: cpu, or
    auto for a folder in a dtype that is no number of bits. Raises UsageError for what cannot be spread."""
    from seqlab.nn.matrix_cell import compute_by

    if devices == "auto" and (dtype in ("int8", "int4") or not is_folder(source)):
        raise click.UsageError("--devices auto goes with a folder, and with a dtype that GPUs compute in.")
    writer = _of_folder(Path(source), dtype, devices) if is_folder(source) else _of_run(source, dtype, runs)
    compute_by(writer.model, **computed)
    return writer


def _of_folder(path: Path, dtype: str | None, devices: str) -> Writer:
    import torch

    from seqlab.data.symbols import from_json
    from seqlab.folders import open_folder
    from seqlab.folders.shared.spread import rooms_here
    from seqlab.nn.narrow import PRECISIONS
    from seqlab.nn.quantised import Bits

    folder = open_folder(path)
    tokenizer = _tokenizer(path, folder.contents.signature.vocabulary)
    saved = folder.contents.symbols
    symbols = tokenizer or (from_json(dict(saved)) if saved is not None else None)
    begin, end = folder.contents.begin, folder.contents.end
    if tokenizer is not None and (named := tokenizer.named(END_OF_TEXT)) is not None:
        begin, end = (named if known is not None else None for known in (begin, end))
    name = dtype or folder.dtype_name
    if devices == "auto":
        model = folder.load_over(rooms_here(), getattr(torch, name))
    else:
        model = folder.load(getattr(torch, name) if name in PRECISIONS else cast(Bits, name))
    return Writer(str(path), model, folder.contents.model, symbols, name, begin, end, folder.remarks, path)


def _tokenizer(folder: Path, vocabulary: int) -> Tokenizer | None:
    """The tokenizer of a folder, where it has one. Raises ClickException for one of another model."""
    from seqlab.data.tokenizer import Tokenizer

    file = folder / "tokenizer.json"
    if not file.is_file():
        return None
    tokenizer = Tokenizer(str(file))
    if tokenizer.size > vocabulary:
        raise click.ClickException(f"{file} has {tokenizer.size} symbols and the model {vocabulary}: it is of another.")
    return tokenizer


def _of_run(source: str, dtype: str | None, runs: Path | None) -> Writer:
    import torch
    from torch import nn

    from seqlab.data.symbols import from_json
    from seqlab.generation.quantisation import quantised
    from seqlab.journal import LabBook
    from seqlab.models.lm import LanguageModel
    from seqlab.nn.narrow import PRECISIONS, convert, plain
    from seqlab.nn.quantised import Bits
    from seqlab.train.load import experiment_of, load_model, made_elsewhere

    name, step = options.RunAtStep().convert(source, None, click.get_current_context())
    run = LabBook(runs).open(name)
    if "symbols" not in run.origin.get("assets", {}):
        why = f"{run.name} is no language model with an alphabet of its own; it writes nothing."
        raise click.ClickException(made_elsewhere(run) or why)
    model, checkpoint, skipped = load_model(run, step)
    for sentence in skipped:
        click.echo(sentence, err=True)
    if dtype in PRECISIONS:
        convert(model, getattr(torch, dtype))
    elif dtype is not None:
        quantised(cast(LanguageModel, model), cast(Bits, dtype))
    computes = dtype or plain(next(cast(nn.Module, model.embedding).parameters()).dtype)
    title = f"{run.name} at step {checkpoint.step:,}"
    symbols = from_json(run.origin["assets"]["symbols"])
    return Writer(title, cast(LanguageModel, model), experiment_of(run).model, symbols, computes)
