"""Runs the commands of a page again and puts what they print below them, so that no number of it is typed by hand.

    python docs/rerun.py docs/sweeps_shown.md [FOLDER]

A block ```console holds commands, each on a line `$ ...`, and what they print. They are run in order, in FOLDER (by
default a fresh one): in one where they ran before, sweeps carry out only what is missing. The first command that fails
ends it, and the page stays as it is. The line that begins with MADE says where and when.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MADE = "Made by `python docs/rerun.py`"


def rerun(page: str, folder: Path) -> str:
    """The page with what its commands print now. Raises SystemExit naming the command that failed."""
    page = BLOCK.sub(lambda block: f"```console\n{_rerun(block[1], folder)}```", page)
    return re.sub(rf"^{re.escape(MADE)}.*$", f"{MADE} {_circumstances()}", page, flags=re.MULTILINE)


def _rerun(block: str, folder: Path) -> str:
    commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
    return "".join(f"$ {command}\n{_printed(command, folder)}" for command in commands)


def _printed(command: str, folder: Path) -> str:
    print(f"$ {command}", flush=True)
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": beside, "COLUMNS": "120", "SEQLAB_RUNS": str(folder / "runs")}
    found = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    printed = "".join(f"{line.rstrip()}\n" for line in (found.stdout + found.stderr).splitlines())
    print(printed, flush=True)
    if found.returncode:
        sys.exit(f"{command} ended with exit code {found.returncode}; the page stays as it is")
    return printed


def _circumstances() -> str:
    cores = len(os.sched_getaffinity(0))
    of_them = "1 CPU core" if cores == 1 else f"{cores} CPU cores"
    return f"on {date.today()}, on {of_them}, with seqlab {version('seqlab')} and torch {version('torch')}."


def main() -> None:
    page = Path(sys.argv[1])
    folder = Path(sys.argv[2]).absolute() if len(sys.argv) > 2 else Path(tempfile.mkdtemp(prefix="seqlab-page-"))
    folder.mkdir(parents=True, exist_ok=True)
    page.write_text(rerun(page.read_text(), folder))


if __name__ == "__main__":
    main()
