"""`seqlab export`: a model as a folder that other programs load."""

from __future__ import annotations

from pathlib import Path

import click

from seqlab.cli import options
from seqlab.cli.writer import writer_of


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FOLDER", type=options.RunName())
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dtype", type=click.Choice(["float32", "bfloat16"]), help="[default: that of the weights]")
@options.book_option
def command(source: str, folder: Path, dtype: str | None, runs: Path | None) -> None:
    """Write an xLSTM Large as a folder that transformers loads as xLSTMForCausalLM.

    The folder has config.json and shards of weights, with the same logits. A model of another kind is refused.
    """
    import torch

    from seqlab.folders.shared.writing import write_folder
    from seqlab.folders.xlstm import XLSTMFolder
    from seqlab.models.lm import LM

    writer = writer_of(source, None, runs, {})
    model, vocabulary = writer.spec, writer.model.embedding.num_embeddings
    if not isinstance(model, LM):
        raise click.ClickException(f"{writer.title} is no language model of blocks; only xLSTM Large can be exported.")
    ours = dict(writer.model.state_dict())
    if dtype is not None:
        ours = {name: tensor.to(getattr(torch, dtype)) for name, tensor in ours.items()}
    config = XLSTMFolder.configuration(model, vocabulary) | {"torch_dtype": dtype or writer.dtype}
    write_folder(folder, config, XLSTMFolder.places(model, vocabulary), ours)
    click.echo(f"{writer.title} is in {folder}: xLSTMForCausalLM, {len(ours)} tensors of ours")
