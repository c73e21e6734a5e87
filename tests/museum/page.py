"""Writes the made parts of docs/audits.md: the list of audits, and what they say of each exhibit of the museum.

    make docs

The prose above the first mark is written by hand and stays.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from seqlab.audits.shared.gate import Result, examine
from seqlab.audits.shared.subject import Subject
from seqlab.spec import members
from seqlab.train.start import prepare

PAGE = Path(__file__).parent.parent.parent / "docs" / "audits.md"
MARK = "<!-- From here on made by `make docs`: change the docstrings, not the page. -->"
NOT_EXHIBITS = ("exhibits", "conftest", "page")
STAGES = {"before": "before the first step", "trained": "of what was trained"}


def exhibits() -> list[str]:
    """The names of the planted faults: the files of this folder."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py"))
    return [stem for stem in stems if stem not in NOT_EXHIBITS and not stem.startswith("test_")]


def exhibit(name: str) -> ModuleType:
    """A planted fault: CAUGHT_BY, SAYS, faulty(), perhaps healthy() and step()."""
    return importlib.import_module(name)


def subject(planted: ModuleType, *, healthy: bool = False) -> Subject:
    """What the audits look at."""
    found = Subject(prepare(planted.healthy() if healthy else planted.faulty()).training)
    if hasattr(planted, "step") and not healthy:
        found.step = planted.step
    return found


def caught(planted: ModuleType) -> Result:
    """What the audit says that must catch the fault."""
    audit = members("audits")[planted.CAUGHT_BY]()
    (result,) = examine(subject(planted), {planted.CAUGHT_BY: audit}, use_cited=False)  # type: ignore[dict-item]
    return result


def masked(sentence: str) -> str:
    """A sentence without what another machine measures a little differently: its numbers."""
    return re.sub(r"-?\d[\d,]*(\.\d+)?(e[+-]?\d+)?", "#", sentence)


def title(planted: ModuleType) -> tuple[str, str]:
    """The first paragraph of an exhibit's docstring, and the rest."""
    first, _, rest = (inspect.getdoc(planted) or "").partition("\n\n")
    return " ".join(first.split()).rstrip("."), " ".join(rest.split())


def lines() -> Iterator[str]:
    """The made parts."""
    yield from ("## The audits", "", "| audit | looks | at what |", "|---|---|---|")
    for name, cls in members("audits").items():
        looks = ", ".join(STAGES[stage] for stage in cls.stages)  # type: ignore[attr-defined]
        first = " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
        yield f"| `audits/{name}` | {looks} | {first.replace('|', chr(92) + '|')} |"
    yield from ("", "## The museum of accidents", "")
    for name in exhibits():
        planted = exhibit(name)
        first, rest = title(planted)
        yield from (f"### {first}", "", *([rest, ""] if rest else []))
        yield from (f"Planted in `tests/museum/{name}.py`. The audit says:", "", f"> {caught(planted).sentence()}", "")


def main() -> None:
    """Replace everything below the mark."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"SEQLAB_RUNS": f"{folder}/runs", "SEQLAB_CACHE": f"{folder}/cache"}
        made = "\n".join(lines()).rstrip()
    kept = PAGE.read_text().partition(MARK)[0]
    PAGE.write_text(f"{kept}{MARK}\n\n{re.sub(' +$', '', made, flags=re.MULTILINE)}\n")


if __name__ == "__main__":
    main()
