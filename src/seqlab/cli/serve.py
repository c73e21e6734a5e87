"""`seqlab serve`: a model behind OpenAI's interface."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqlab.cli import options
from seqlab.cli.computed import Computed, cell_options, dtype_option, threads_option, use_threads
from seqlab.cli.writer import Writer, writer_of

if TYPE_CHECKING:
    from seqlab.serve.served import Served


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FOLDER", type=options.RunName())
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; elsewhere only with a key.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any free one.")
@click.option("--key", envvar="SEQLAB_KEY", help="What clients must send as their API key.  [env: SEQLAB_KEY]")
@click.option("--name", help="The model's name for clients [default: that of the run or folder].")
@dtype_option
@cell_options
@threads_option
@click.option("--together", type=click.IntRange(min=1), default=16, show_default=True, help="Texts written together.")
@click.option("--waiting", type=click.IntRange(min=1), default=256, show_default=True, help="Requests that may wait.")
@click.option("--max-prompt", type=click.IntRange(min=1), default=8192, show_default=True, help="Symbols of a prompt.")
@click.option("--max-output", type=click.IntRange(min=1), default=4096, show_default=True, help="Symbols of a text.")
@click.option(
    "--prompt-cache", metavar="MB", type=click.IntRange(min=0), default=256, show_default=True,
    help="Memory for states after prompts, so that what begins alike is not read again; 0: none.",
)  # fmt: skip
@click.option(
    "--grace", metavar="SECONDS", type=click.IntRange(min=0), default=30, show_default=True,
    help="How long a stop waits for texts under way.",
)  # fmt: skip
@options.book_option
def command(
    source: str, host: str, port: int, key: str | None, name: str | None, dtype: str | None, threads: int | None,
    computed: Computed, together: int, waiting: int, max_prompt: int, max_output: int, prompt_cache: int, grace: int,
    runs: Path | None,
) -> None:  # fmt: skip
    """Serve a language model over HTTP until it is stopped.

    POST /v1/completions and /v1/chat/completions as OpenAI has them (stop, n, echo, logprobs, stream), GET /v1/models,
    /health and /metrics (Prometheus). Texts of all clients are written together; each client's requests wait in a line
    of their own, and the lines take turns. SIGTERM or Ctrl-C takes no new request and writes what is under way.
    """
    if not options.is_local(host) and not key:
        raise click.UsageError(f"{host} is not this machine alone: give a key, by --key or SEQLAB_KEY.")
    from seqlab.generation.batching import Batch
    from seqlab.generation.prompts import PromptCache
    from seqlab.serve.app import make_app
    from seqlab.serve.engine import Engine
    from seqlab.serve.listening import listen
    from seqlab.serve.metrics import Metrics

    use_threads(threads)
    writer = writer_of(source, dtype, runs, computed)
    writer.introduce()
    served = _served(writer, name or Path(source).name, Path(source), max_prompt, max_output)
    prompts = PromptCache(prompt_cache * 10**6) if prompt_cache else None
    engine = Engine(Batch(writer.model, prompts), rows=together, line=waiting, metrics=Metrics())
    try:
        listen(
            make_app(served, engine, key), host, port, grace, lambda url: click.echo(f"serving {served.name} at {url}")
        )
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port."
        ) from None
    engine.stop()
    engine.join(grace)
    sys.stdout.flush()


def _served(writer: Writer, name: str, source: Path, max_prompt: int, max_output: int) -> Served:
    from seqlab.generation.chat import template_of
    from seqlab.serve.served import Limits, Served

    return Served(
        name=name,
        vocabulary=writer.model.embedding.num_embeddings,
        context=writer.model.max_length,
        symbols=writer.symbols,
        begin=writer.begin,
        ends=frozenset() if writer.end is None else frozenset({writer.end}),
        template=template_of(source) if source.is_dir() else None,
        limits=Limits(prompt=max_prompt, output=max_output),
    )
