"""`seqlab web`: the lab book in a browser."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import click

from seqlab.cli import options


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; elsewhere only with a token.")
@click.option("--port", type=click.IntRange(0, 65535), default=8350, show_default=True, help="0: any free one.")
@click.option("--token", envvar="SEQLAB_TOKEN", help="What a browser must bring.  [env: SEQLAB_TOKEN]")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@options.book_option
def command(host: str, port: int, token: str | None, no_browser: bool, runs: Path | None) -> None:
    """Show the lab book in a browser until it is stopped.

    It reads the run folders, also while runs are being written, and never holds them up. Notes, verdicts, tags and the
    plan are written as the terminal writes them: one appended line each.
    """
    if not options.is_local(host) and not token:
        raise click.UsageError(f"{host} is not this machine alone: give a token, by --token or SEQLAB_TOKEN.")
    if token and not token.isascii():
        raise click.UsageError("a token stands in addresses and headers: ASCII letters, digits and signs only.")
    from seqlab.journal import LabBook
    from seqlab.serve.listening import listen
    from seqlab.web.app import make_app

    book = LabBook(runs)

    def ready(address: str) -> None:
        whole = f"{address}/?token={quote(token, safe='')}" if token else address
        click.echo(f"{book.root} at {whole}")
        if not no_browser:
            click.launch(whole)

    try:
        listen(make_app(book, token or None), host, port, 1, ready)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --port."
        ) from None
