"""The README is typed, line by line: what it shows is what seqlab says."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from seqlab.cli.main import main
from seqlab.journal import LabBook, Run
from seqlab.spec import find

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


class Step(NamedTuple):
    """A line that a reader types, and the lines that follow it; or the text of a Python block."""

    line: int
    typed: str
    shown: list[str]
    language: str = "console"


def steps(text: str) -> Iterator[Step]:
    """The README's commands and Python blocks, from top to bottom."""
    for block in re.finditer(r"^```(console|python)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        language, body = block.groups()
        line = text.count("\n", 0, block.start()) + 2
        if language == "python":
            yield Step(line, body, [], language)
            continue
        rows = body.splitlines()
        typed = [number for number, row in enumerate(rows) if row.startswith("$ ")]
        assert typed[0] == 0, f"line {line}: a console block begins with a command"
        for start, end in zip(typed, [*typed[1:], len(rows)], strict=True):
            yield Step(line + start, rows[start][2:], rows[start + 1 : end])


def pattern(shown: list[str]) -> str:
    """A regular expression: `...` in a line is anything in it, a line of `...` alone any number of lines, and columns
    may be as wide as they need."""
    return "".join(r"(?:[^\n]*\n)*?" if row == "..." else f"{_inside(row.rstrip())} *\n" for row in shown)


def _inside(row: str) -> str:
    known = re.split(r"(?<!\")\.\.\.(?!\")", row)
    return r"[^\n]*?".join(re.sub(r"(?:\\ ){2,}", " {2,}", re.escape(piece)) for piece in known)


def differs(shown: list[str], said: str) -> str | None:
    """Where the output leaves what the README shows; None: nowhere."""
    said = said.rstrip("\n") + "\n"
    if re.fullmatch(pattern(shown), said):
        return None
    good = max(n for n in range(len(shown) + 1) if re.match(pattern(shown[:n]), said))
    wanted = shown[good] if good < len(shown) else "nothing more"
    return f"after {good} lines that agree the README shows\n  {wanted}\nand seqlab said\n{said}"


@pytest.mark.parametrize(
    ("shown", "said", "agree"),
    [
        (["a ... c"], "a b c\n", True),
        (["a ... c"], "a b d\n", False),
        (["a", "...", "c"], "a\nb\nb\nc\n", True),
        (["a", "...", "c"], "a\nc\n", True),
        (["a", "...", "c"], "a\nb\n", False),
        (["a"], "a\nb\n", False),
        (["a", "b"], "a\n", False),
        (['note "..."'], 'note "..."\n', True),
        (['note "..."'], 'note "x"\n', False),
        (["1.5"], "1x5\n", False),
        (["a  b"], "a    b\n", True),
        (["a  b"], "a b\n", False),
    ],
)
def test_the_comparison_can_fail(shown: list[str], said: str, agree: bool) -> None:
    assert (differs(shown, said) is None) is agree


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader types: a folder with the licence in it."""
    shutil.copy(ROOT / "LICENSE", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")  # a table is cut at the edge of a terminal
    return tmp_path


@pytest.mark.timeout(400)  # it runs all of its commands, in a minute where nothing else runs
def test_the_readme_is_true(folder: Path) -> None:
    done = list(steps(README.read_text()))
    for step in (step for step in done if step.typed.startswith("# mine.py\n")):
        (folder / "mine.py").write_text(step.typed)
    for step in done:
        if step.language == "console":
            check(step)
        elif not step.typed.startswith("# "):
            exec(compile(step.typed, f"README.md, line {step.line}", "exec"), {"__name__": "readme"})
    assert {run.name for run in LabBook().runs()} == {"first", "second", "third", "fourth", "by-hand", "decay", "quick"}
    stopped, whole = (LabBook().open(name) for name in ("third", "first"))
    if whole.origin["environment"]["device"] == "cpu":
        assert scores(stopped) == scores(whole), "the README says that a resumed run has the numbers of a whole one"


def scores(run: Run) -> dict[str, float]:
    """What was measured, without what the clock and the machine say."""
    return {name: value for name, value in run.metrics.last.items() if name.partition("/")[0] in ("train", "val")}


def check(step: Step) -> None:
    """Type a line; what is no command of seqlab must exist."""
    program, *arguments = shlex.split(step.typed)
    if program != "seqlab":
        must_exist(program, arguments, step)
        return
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    fails = any(row.startswith(("Error: ", "fail ")) for row in step.shown)
    wanted = 1 if fails else 75 if "--deadline" in arguments else 0
    assert result.exit_code == wanted, result.output
    difference = differs(step.shown, result.output)
    assert difference is None, f"README.md, line {step.line}, `{step.typed}`: {difference}"


def must_exist(program: str, arguments: list[str], step: Step) -> None:
    """Commands that are not typed here are at least the right words."""
    assert step.shown == [], f"line {step.line}: the output of `{program}` is not checked, so it must not be shown"
    match program:
        case "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert set(arguments) <= set(targets), f"line {step.line}: the Makefile has no such target"
        case ".venv/bin/pip":
            extra = re.fullmatch(r"\.\[(\w+)\]", arguments[arguments.index("-e") + 1])
            assert extra is not None
            assert extra[1] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
            assert (ROOT / arguments[arguments.index("-c") + 1]).is_file()
        case "python3" | "source":
            assert arguments in (["-m", "venv", ".venv"], [".venv/bin/activate"])
        case _:
            pytest.fail(f"README.md, line {step.line}: what is `{step.typed}`?")


def test_the_mixer_of_the_readme_keeps_the_contract(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All conformance tests of mixers but that of compiled code, which takes seconds."""
    (text,) = (step.typed for step in steps(README.read_text()) if step.typed.startswith("# mine.py\n"))
    (folder / "mine.py").write_text(text)
    spec = find("mixers", "./mine.py:Decay")()
    conformance = module_of(ROOT / "tests" / "conformance" / "test_mixers.py", monkeypatch)
    tested = {
        name
        for name, function in vars(conformance).items()
        if name.startswith("test_") and "compiled" not in name
        for arguments in combinations(function)
        if passes(function, spec, arguments)
    }
    assert {"test_no_gradient_from_the_future", "test_prefill_and_steps_equal_forward"} <= tested
    assert len(tested) > 12


def module_of(path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A file of tests as a module."""
    monkeypatch.syspath_prepend(path.parent)
    spec = importlib.util.spec_from_file_location("conformance_for_the_readme", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def combinations(function: FunctionType) -> list[dict[str, Any]]:
    """The arguments, other than the mixer, with which pytest would call a test."""
    found: list[dict[str, Any]] = [{}]
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "parametrize":
            names = [mark.args[0]] if isinstance(mark.args[0], str) else list(mark.args[0])
            values = [value if len(names) > 1 else (value,) for value in mark.args[1]]
            found = [{**one, **dict(zip(names, value, strict=True))} for one in found for value in values]
    return found


def passes(test: Any, spec: object, arguments: dict[str, Any]) -> bool:
    """False for a test that says of itself that it does not concern this mixer."""
    try:
        test(spec=spec, **arguments)
    except pytest.skip.Exception:
        return False
    return True
