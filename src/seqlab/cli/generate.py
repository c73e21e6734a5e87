"""`seqlab generate`: a language model writes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from seqlab.cli import options, render
from seqlab.cli.computed import Computed, cell_options, devices_option, dtype_option, threads_option, use_threads
from seqlab.cli.kept import as_object, keep
from seqlab.cli.prompted import Prompt, Prompting, prompt_options
from seqlab.cli.wanted import Wanted, wanted_options
from seqlab.cli.writer import Writer, writer_of
from seqlab.cli.written import Written, write_alone, write_together

if TYPE_CHECKING:
    from seqlab.generation.session import Session


class Sessions(NamedTuple):
    """Files that a text goes on from, and goes on in."""

    begun: Path | None
    save: Path | None


@click.command()
@click.argument("source", metavar="RUN[@STEP]|FOLDER", type=options.RunName())
@prompt_options
@wanted_options
@click.option(
    "--continue", "begun", metavar="FILE", type=click.Path(path_type=Path),
    help="Go on from a session that --save wrote; a prompt, if there is one, follows it.",
)  # fmt: skip
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path),
    help="Keep the text, the model's state and the draws, to go on another time, or often from the same prompt.",
)  # fmt: skip
@click.option(
    "--together", metavar="N", type=click.IntRange(min=1), default=8, show_default=True,
    help="How many prompts are written together.",
)  # fmt: skip
@dtype_option
@devices_option
@threads_option
@cell_options
@options.as_json
@options.book_option
def command(
    source: str, prompting: Prompting, wanted: Wanted, begun: Path | None, save: Path | None, together: int,
    dtype: str | None, devices: str, threads: int | None, computed: Computed, as_json: bool, runs: Path | None,
) -> None:  # fmt: skip
    """Write with a language model, as it comes.

    The model is that of a run, by its newest usable checkpoint or that of STEP (the run may still be training in
    another process), or of a folder of another program: its config.json and shards of weights. With --json one object
    tells what was written, and how fast. Where there is a lab book it keeps a record, which `seqlab generations` shows.
    """
    wanted.check(as_json)
    prompting.check(with_session=begun is not None)
    use_threads(threads)
    writer = writer_of(source, dtype, runs, computed, devices)
    writer.introduce()
    if prompting.chat:
        from seqlab.cli.chatting import chat

        texts = chat(writer, prompting, wanted, silent=as_json)
    else:
        texts = _written(writer, prompting, wanted, Sessions(begun, save), together, as_json)
    kept = keep(writer, source, texts, wanted, runs)
    for text in texts:
        if text.telling.loop is not None:
            click.echo(
                f"the text goes round in circles: a piece of {text.telling.loop} symbols came again and again. "
                "--stop-loops ends it there; --repetition-penalty and --no-repeat-ngram keep it from that.",
                err=True,
            )
    if as_json:
        render.json_out(as_object(writer, texts, wanted))
    else:
        _print_end(texts, kept)


def _written(
    writer: Writer, prompting: Prompting, wanted: Wanted, sessions: Sessions, together: int, as_json: bool
) -> list[Written]:
    prompts = prompting.prompts(writer, going_on=sessions.begun is not None)
    if len(prompts) == 1:
        return [_alone(writer, prompts[0], wanted, sessions, as_json)]
    if any(sessions):
        raise click.UsageError("a session is of one text: --continue and --save go with one prompt.")
    return _together(writer, prompts, wanted, together, as_json)


def _alone(writer: Writer, prompt: Prompt, wanted: Wanted, sessions: Sessions, as_json: bool) -> Written:
    """One text as it comes; it may go on from a session, and be kept as one."""
    from seqlab.generation.session import save_session
    from seqlab.generation.text import Text
    from seqlab.generation.timed import Timed

    endings = wanted.endings(writer, by_default=prompt.text is not None)
    session = _session(writer, prompt, wanted, sessions.begun)
    order = wanted.order(session.course.symbols, endings)
    written = Written.begun(writer, prompt, endings, Timed(), len(order.prompt))
    write_alone(written, session.course, Text(order, session.generator), _printer(prompt, silent=as_json))
    if not as_json:
        click.echo()
    if sessions.save is not None:
        save_session(sessions.save, session, writer.model, writer.title)
    return written


def _session(writer: Writer, prompt: Prompt, wanted: Wanted, begun: Path | None) -> Session:
    """The prompt as a text to write on, behind that of the session that was begun."""
    from seqlab.generation.course import Course
    from seqlab.generation.session import Session, load_session, model_mark

    if begun is None:
        return Session(Course(writer.model, prompt.ids), wanted.draws())
    session = load_session(begun, writer.model, model_mark(writer.model))
    session.course.append(*prompt.ids)
    return session if wanted.seed is None else session._replace(generator=wanted.draws())


def _printer(prompt: Prompt, *, silent: bool) -> Callable[[str], None]:
    """Prints text as it comes, the prompt as it was typed before the first piece."""
    before = [prompt.text.encode(errors="surrogateescape")] if prompt.text else []

    def tell(piece: str) -> None:
        if not silent and piece:
            while before:
                click.echo(before.pop(), nl=False)
            click.echo(piece, nl=False)

    return tell


def _together(writer: Writer, prompts: list[Prompt], wanted: Wanted, rows: int, as_json: bool) -> list[Written]:
    """Several texts, each shown when all are complete."""
    from seqlab.generation.timed import Timed

    timed = Timed()
    texts = [
        Written.begun(
            writer, prompt, wanted.endings(writer, by_default=prompt.text is not None), timed, len(prompt.ids)
        )
        for prompt in prompts
    ]
    write_together(writer, texts, [wanted.order(text.prompt.ids, text.telling.endings) for text in texts], rows)
    for text in [] if as_json else texts:
        click.echo((text.prompt.text or "").encode(errors="surrogateescape"), nl=False)
        click.echo(text.text)
    return texts


def _print_end(texts: list[Written], kept: list[int]) -> None:
    speed = texts[0].timed.measured()
    written = sum(len(text.telling.ids) for text in texts)
    reasons = ", ".join(dict.fromkeys(text.telling.reason or "" for text in texts))
    records = f" (generation {', '.join(map(str, kept))})" if kept else " (not kept: there is no lab book here)"
    click.echo(
        f"{written} symbols: the first after {render.duration(speed['time_to_first_token_seconds'])}, "
        f"then {render.per_second(speed['decode_tokens_per_second']) or 'none'}; stopped by {reasons}{records}",
        err=True,
    )
