"""docs/rerun.py: what the commands of a page print is put below them, and a page whose command fails stays."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "docs" / "rerun.py"
specification = importlib.util.spec_from_file_location("rerun", SCRIPT)
assert specification is not None
assert specification.loader is not None
rerun = importlib.util.module_from_spec(specification)
specification.loader.exec_module(rerun)

PAGE = """# A page
Made by `python docs/rerun.py` long ago.

```console
$ echo one > file
$ cat file
two
$ cat file | tr a-z A-Z
```

```
$ this is no command
```
"""


def test_outputs_are_made_anew(tmp_path: Path) -> None:
    page = rerun.rerun(PAGE, tmp_path)
    assert "```console\n$ echo one > file\n$ cat file\none\n$ cat file | tr a-z A-Z\nONE\n```" in page
    assert "```\n$ this is no command\n```" in page
    assert "long ago" not in page
    assert "with seqlab" in page


@pytest.mark.parametrize(("cores", "words"), [({0}, "on 1 CPU core,"), ({0, 1}, "on 2 CPU cores,")])
def test_the_cores_are_counted(cores: set[int], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: cores)
    assert words in rerun.rerun(PAGE, tmp_path)


def test_a_command_that_fails_ends_it(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"false \| cat ended with exit code 1"):
        rerun.rerun("```console\n$ false | cat\n```", tmp_path)
