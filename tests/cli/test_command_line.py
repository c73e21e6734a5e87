"""The command line as a whole: what it lists, how fast it starts, and how it ends."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from calling import call
from click.testing import CliRunner

from seqlab.cli import errors
from seqlab.cli.main import Commands, main
from seqlab.journal.state import exit_code

COMMANDS = main.list_commands(click.Context(main))  # type: ignore[attr-defined]


def test_help_imports_nothing_heavy() -> None:
    """Neither torch nor pydantic nor rich, so that it answers at once."""
    program = (
        "import sys; from seqlab.cli.main import main; main(['--help'], standalone_mode=False);"
        "print(sorted({'torch', 'pydantic', 'rich', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "COMPLETE" in done.stdout


def test_the_lab_book_is_read_without_torch(tmp_path: object) -> None:
    program = (
        "import sys; from seqlab.cli.main import main;"
        f"[main([*a, '--runs', {str(tmp_path)!r}], standalone_mode=False) for a in (['ls'], ['ls', '--json'])];"
        "print(sorted({'torch', 'pydantic', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_line_and_a_help(name: str) -> None:
    said = call(name, "--help").output
    assert max(len(line) for line in said.splitlines()) <= 80
    line = next(line for line in call("--help").output.splitlines() if line.startswith(f"  {name} "))
    assert line.split(maxsplit=1)[1][0].isupper()


def test_an_unknown_command_names_the_nearest() -> None:
    result = call("shwo")
    assert result.exit_code == 2
    assert "did you mean show" in result.stderr


def raising(error: Exception) -> click.Group:
    group = Commands("group")

    @click.command()
    def command() -> None:
        raise error

    group.get_command = lambda ctx, cmd_name: command  # type: ignore[method-assign]
    return group


def test_a_users_mistake_is_a_sentence_and_a_bug_a_traceback() -> None:
    from seqlab.data import DataError

    told = CliRunner().invoke(raising(DataError("there is no file; give one.")), ["x"])
    assert (told.exit_code, told.stderr) == (1, "Error: there is no file; give one.\n")
    bug = CliRunner().invoke(raising(KeyError("x")), ["x"])
    assert isinstance(bug.exception, KeyError)


def test_a_value_error_is_the_users_only_when_seqlab_raised_it() -> None:
    from seqlab.generation.sampling import Sampling

    with pytest.raises(ValueError, match="temperature") as meant:
        Sampling(temperature=-1)
    assert errors.sentence(meant.value) == str(meant.value)
    with pytest.raises(ValueError, match="invalid literal") as bug:
        int("x")
    assert errors.sentence(bug.value) is None


def test_the_exit_code_says_whether_to_resume() -> None:
    codes = {state: exit_code(state) for state in ("finished", "stopped", "preempted", "timed_out", "diverged")}
    assert codes == {"finished": 0, "stopped": 0, "preempted": 75, "timed_out": 75, "diverged": 1}
