"""A chat with a model: turns of a person, put in words by the template that the model comes with, and its answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from seqlab.cli.prompted import Prompt, Prompting
from seqlab.cli.wanted import Wanted
from seqlab.cli.writer import Writer
from seqlab.cli.written import Written, write_alone

if TYPE_CHECKING:
    from seqlab.generation.chat import ChatTemplate
    from seqlab.generation.course import Course

__all__ = ["chat"]

Messages = list[dict[str, str]]


def chat(writer: Writer, prompting: Prompting, wanted: Wanted, *, silent: bool) -> list[Written]:
    """An answer to each turn, printed as it comes unless `silent`; each follows the whole chat before it. Raises
    ClickException where the model has no template: it was trained on texts and not on chats."""
    from seqlab.generation.text import Text

    template, draws = _template(writer), wanted.draws()
    messages: Messages = [{"role": "system", "content": prompting.system}] if prompting.system is not None else []
    course, answers = None, []
    for turn in _turns(prompting):
        messages.append({"role": "user", "content": turn})
        course = _reading(writer, _words(writer, template, messages), course)
        answer = _begun(writer, Prompt(list(course.symbols), turn), wanted)
        order = wanted.order(course.symbols, answer.telling.endings)
        write_alone(answer, course, Text(order, draws), _nothing if silent else _print)
        if not silent:
            click.echo()
        messages.append({"role": "assistant", "content": answer.text})
        answers.append(answer)
    if not answers:
        raise click.ClickException("nothing was said: give --prompt TEXT, or a line on the standard input.")
    return answers


def _template(writer: Writer) -> ChatTemplate:
    from seqlab.generation.chat import template_of

    template = template_of(writer.folder) if writer.folder is not None else None
    if template is None:
        raise click.ClickException(
            f"{writer.title} has no chat template: it is a base model, which goes on with a text and answers nobody; "
            "leave --chat out."
        )
    return template


def _turns(prompting: Prompting) -> Iterator[str]:
    """What was given, else the lines of the standard input as they come."""
    given = prompting.words()
    yield from given or (line.rstrip("\n") for line in sys.stdin)


def _words(writer: Writer, template: ChatTemplate, messages: Messages) -> list[int]:
    """The chat as symbols, up to where the answer begins. Raises ClickException where the template refuses it."""
    from seqlab.generation.chat import TemplateError

    try:
        text = template.render(list(messages))
    except TemplateError as error:
        raise click.ClickException(f"the chat template does not take these turns: {error}.") from None
    return writer.checked(writer.ids_of(text, begin=not template.begins(text)))


def _reading(writer: Writer, ids: list[int], before: Course | None) -> Course:
    """The course of the turn before, where the chat goes on from it; so it is not read again."""
    from seqlab.generation.course import Course

    if before is None or ids[: len(before.symbols)] != before.symbols:
        return Course(writer.model, ids)
    before.append(*ids[len(before.symbols) :])
    return before


def _begun(writer: Writer, prompt: Prompt, wanted: Wanted) -> Written:
    from seqlab.generation.timed import Timed

    return Written.begun(writer, prompt, wanted.endings(writer, by_default=True), Timed(), len(prompt.ids))


def _print(piece: str) -> None:
    click.echo(piece, nl=False)


def _nothing(piece: str) -> None:
    del piece
