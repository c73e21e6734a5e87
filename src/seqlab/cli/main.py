"""The entry: `seqlab COMMAND`. A file of this folder that defines `command` is a command, and its name is its own."""

from __future__ import annotations

import ast
import difflib
import importlib
from pathlib import Path
from typing import Any

import click

from seqlab.cli import errors
from seqlab.cli.progress import Shown
from seqlab.data.progress import listening

__all__ = ["main"]

FOLDER = Path(__file__).parent

EPILOG = """\
\b
Exit codes: 0 done, 1 error, 2 usage, 75 saved and to be resumed.
Shell completion, once in ~/.bashrc (or zsh_source, fish_source):
  eval "$(_SEQLAB_COMPLETE=bash_source seqlab)"
"""


class Commands(click.Group):
    """Finds the commands by scanning the folder; a command's file is imported when it is called and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in sorted(path.stem for path in FOLDER.glob("*.py")) if _summary(name) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if _summary(cmd_name) is None:
            return None
        found: click.Command = importlib.import_module(f"seqlab.cli.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else "`seqlab --help` lists them."
            ctx.fail(f"there is no command `{args[0]}`; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name) or "") for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a mistake of the user ends in its one sentence, a bug in its traceback."""
        try:
            with listening(Shown()):
                return super().invoke(ctx)
        except Exception as error:
            told = errors.sentence(error)
            if told is None:
                raise
            raise click.ClickException(told) from error


def _summary(name: str) -> str | None:
    """The first line of a command's docstring, None where there is no such command. Nothing is imported."""
    path = FOLDER / f"{name}.py"
    if not name.isidentifier() or not path.is_file():
        return None
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "command":
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return None


@click.command(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seqlab", prog_name="seqlab")
def main() -> None:
    """A research bench for sequence models.

    \b
    Begin with:  seqlab run demo:letters
    Then:        seqlab ls, seqlab show RUN, seqlab generate RUN --prompt "The "
    """


if __name__ == "__main__":
    main(prog_name="seqlab")
