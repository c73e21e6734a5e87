"""What the numbers of an imported log are called: a metric of the record names its phase, `train/loss`."""

from collections.abc import Mapping, Sequence

from seqlab.journal import names
from seqlab.journal.errors import JournalError


class Naming:
    """Renames by name, puts a phase before names that have none, and leaves the others as they are."""

    def __init__(self, prefix: str = "imported/", renames: Mapping[str, str] | None = None) -> None:
        self.prefix = prefix.rstrip("/") + "/"
        self.renames = dict(renames or {})
        if self.prefix == "/":
            raise JournalError("the prefix is empty; give a phase such as train/")
        for old, new in self.renames.items():
            if not all(new.partition("/")):
                raise JournalError(f"{old} cannot be called {new!r}: a metric names its phase, such as train/{new}")

    def of(self, known: Sequence[str]) -> dict[str, str]:
        """Old name -> new name. Raises JournalError for a name that is not there, or two that would be one."""
        for old in self.renames:
            if old not in known:
                near = names.perhaps(old, known) or f"; there are: {', '.join(known)}"
                raise JournalError(f"there is no {old!r} to rename{near}")
        found: dict[str, str] = {}
        for old in known:
            new = self.renames.get(old) or (old if all(old.partition("/")) else self.prefix + old.strip("/"))
            if new in found.values():
                other = next(name for name in found if found[name] == new)
                raise JournalError(f"{other} and {old} would both be called {new}; rename one of them with --rename")
            found[old] = new
        return found


def parse_renames(texts: Sequence[str]) -> dict[str, str]:
    """The renames that the texts `OLD=NEW` say. Raises JournalError."""
    found: dict[str, str] = {}
    for text in texts:
        old, sign, new = text.partition("=")
        if not (old and sign and new):
            raise JournalError(f"{text!r} renames nothing; write OLD=NEW, such as loss/train=train/loss")
        if old in found:
            raise JournalError(f"{old} is renamed twice; leave out the one that is not meant")
        found[old] = new
    return found
