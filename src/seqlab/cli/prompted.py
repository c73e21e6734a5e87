"""What a model goes on from: options that give prompts, and the prompts that they give."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import click

from seqlab.cli.writer import Writer

__all__ = ["Ids", "Prompt", "Prompting", "prompt_options"]


class Ids(click.ParamType):  # type: ignore[type-arg]  # generic only in newer releases of click
    """Whole numbers between commas."""

    name = "ids"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        try:
            return tuple(int(word) for word in value.split(",")) if value else ()
        except ValueError:
            self.fail(f"{value!r} is not whole numbers between commas, such as 5,9,12.", param, ctx)


class Prompt(NamedTuple):
    """A prompt as symbols, and as it was typed: None where it was typed as symbols."""

    ids: list[int]
    text: str | None


@dataclass(frozen=True)
class Prompting:
    """What was given."""

    texts: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    file: Path | None
    lines: bool
    chat: bool
    system: str | None

    def check(self, *, with_session: bool) -> None:
        """Raise UsageError where nothing, or what does not go together, was given."""
        given = [bool(self.texts), bool(self.ids), self.file is not None]
        if sum(given) > 1 or not (any(given) or with_session or self.chat):
            raise click.UsageError("say what to go on from: either --prompt TEXT or --ids 5,9,12 or --file FILE.")
        if self.lines and self.file is None:
            raise click.UsageError("--lines goes with --file: each line of it is a prompt.")
        if self.system is not None and not self.chat:
            raise click.UsageError("--system goes with --chat.")
        if self.chat and (self.ids or with_session):
            raise click.UsageError("a chat is text of its own: --chat goes with neither --ids nor --continue.")

    def prompts(self, writer: Writer, *, going_on: bool) -> list[Prompt]:
        """The prompts, in order. going_on: a text goes on, so that no symbol comes before one, and one that is empty
        stands for none."""
        if self.ids:
            return [Prompt(writer.checked(list(ids)), None) for ids in self.ids]
        texts = self.words()
        if going_on and not texts:
            return [Prompt([], "" if writer.symbols is not None else None)]
        return [Prompt(writer.checked(writer.ids_of(text, begin=not going_on)), text) for text in texts]

    def words(self) -> tuple[str, ...]:
        """The prompts that are text."""
        if self.file is None:
            return self.texts
        content = _content(self.file)
        if not self.lines:
            return (content,)
        lines = tuple(line for line in content.split("\n") if line)
        if not lines:
            raise click.ClickException(f"{self.file} has no line to go on from.")
        return lines


def _content(file: Path) -> str:
    """The text of a file, or of the standard input (-), but for one line end at its end."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from None
    return data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def prompt_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--prompt, --ids, --file, --lines, --chat and --system; the command gets them as `prompting`."""

    @functools.wraps(command)
    def collected(**given: Any) -> Any:
        names = {"prompt": "texts", "ids": "ids", "file": "file", "lines": "lines", "chat": "chat", "system": "system"}
        return command(prompting=Prompting(**{ours: given.pop(name) for name, ours in names.items()}), **given)

    for option in (
        click.option("--system", metavar="TEXT", help="With --chat: what stands before the first turn."),
        click.option("--chat", is_flag=True, help="The prompt is a turn of a chat, put in words by the template that a "
                     "folder comes with; without a prompt each line of the standard input is one."),
        click.option("--lines", is_flag=True, help="Each line of the file is a prompt of its own."),
        click.option("--file", metavar="FILE", type=click.Path(path_type=Path),
                     help="A file with the prompt, a line end at its end left out; - is the standard input."),
        click.option("--ids", metavar="5,9,12", type=Ids(), multiple=True,
                     help="The prompt as symbols; nothing is put before them. As often as you like, as --prompt."),
        click.option("--prompt", metavar="TEXT", multiple=True,
                     help="What the model goes on from. Several are written together."),
    ):  # fmt: skip
        option(collected)
    return collected
