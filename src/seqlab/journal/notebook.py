"""Which notebook a run belongs to: its recipe's file; of a fork, which names none, that of what it descends from."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from seqlab.journal.described import Described
from seqlab.journal.errors import JournalError


class Notebooks:
    """Knows the notebooks of runs; it is given all of them by every name, so that a fork finds its parent."""

    def __init__(self, known: Mapping[str, Described]) -> None:
        self._known = known
        self._found: dict[str, str | None] = {}

    def of(self, run: Described) -> str | None:
        """The notebook of a run; None where no recipe is known. Each step of a lineage is taken once."""
        line: list[str] = []
        here: Described | None = run
        while here is not None and here.name not in self._found:
            recipe = _recipe(here)
            self._found[here.name] = notebook_of(recipe)
            if recipe is None:
                line.append(here.name)
                here = self._known.get(_parent(here))
        self._found |= dict.fromkeys(line, self._found[here.name] if here else None)
        return self._found[run.name]


def notebook_of(recipe: str | None) -> str | None:
    """The notebook of a recipe: `hyena:wt103` -> hyena, `./mine.py:trial` -> mine; None without a recipe."""
    file = PurePosixPath((recipe or "").rpartition(":")[0]).name
    return (file.removesuffix(".py") if file.endswith(".py") else file.rpartition(".")[2]) or None


def _recipe(run: Described) -> str | None:
    """Its own recipe, as far as that can be read."""
    try:
        return run.recipe
    except JournalError:
        return None


def _parent(run: Described) -> str:
    """The name of its parent, as far as that can be read."""
    try:
        return str((run.parent or {}).get("run", ""))
    except JournalError:
        return ""
