"""Find parts by name: the file name is the name; a user's file is as good as ours."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import linecache
import pkgutil
import sys
import traceback
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType

from seqlab.spec.errors import SpecError, did_you_mean
from seqlab.spec.part import Part

__all__ = ["UserFile", "find", "load_file", "loaded_file", "members", "names", "user_file_of", "user_files_in"]


@dataclass(frozen=True)
class UserFile:
    """A researcher's own Python file, as it was when it was loaded."""

    path: Path
    sha256: str
    module: ModuleType
    text: bytes

    @property
    def kept_name(self) -> str:
        """Its name in a record: the content first, so that the versions of a file lie side by side."""
        mark = f"{self.sha256[:12]}_"
        return mark + self.path.name.removeprefix(mark)


_user_files: dict[str, UserFile] = {}


def names(kind: str) -> list[str]:
    """The members of a kind, e.g. `names("mixers")`: the files of its folder, not the folders in it. Nothing is
    imported."""
    try:
        spec = importlib.util.find_spec(f"seqlab.{kind.replace('/', '.')}")
    except (ImportError, ValueError):  # a parent folder is missing, or the name is no name
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise SpecError(f"there is no kind of part `{kind}`.")
    found = pkgutil.iter_modules(spec.submodule_search_locations)
    return sorted(module.name for module in found if not module.ispkg)


def find(kind: str, name: str) -> type[Part]:
    """The class of a part: `find("mixers", "hyena")`, or `find("mixers", "./mine.py:Mine")` from a user's file.

    Raises SpecError naming the nearest members when there is none of that name.
    """
    path, colon, class_name = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _class_in(load_file(Path(path)).module, kind, class_name)
    known = names(kind)
    if name not in known:
        raise SpecError(f"`{name}` is not one of the {kind}; {did_you_mean(name, known)}")
    return _shipped(kind, name)


def _shipped(kind: str, name: str) -> type[Part]:
    return _class_in(importlib.import_module(f"seqlab.{kind.replace('/', '.')}.{name}"), kind, None)


def members(kind: str) -> dict[str, type[Part]]:
    """Every shipped member of a kind by name."""
    return {name: _shipped(kind, name) for name in names(kind)}


def _class_in(module: ModuleType, kind: str, class_name: str | None) -> type[Part]:
    found = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Part)
        and value.kind == kind
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    }
    where = getattr(module, "__file__", module.__name__)
    if class_name is not None:
        if class_name not in found:
            raise SpecError(f"{where} has no part `{class_name}` of kind {kind}; {did_you_mean(class_name, found)}")
        return found[class_name]
    if len(found) != 1:
        raise SpecError(f"{where} must hold exactly one part of kind {kind}, it holds {len(found)}.")
    return next(iter(found.values()))


def load_file(path: Path) -> UserFile:
    """Load a user's Python file, once for each content. Raises SpecError in one sentence when it cannot be run."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror or error}.") from None
    digest = hashlib.sha256(text).hexdigest()
    if digest not in _user_files:
        _user_files[digest] = UserFile(path.absolute(), digest, _execute(path, text, digest), text)
    return _user_files[digest]


def _execute(path: Path, text: bytes, digest: str) -> ModuleType:
    module = ModuleType(f"seqlab_file_{digest[:16]}")
    module.__file__ = str(path.absolute())
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, module.__file__, "exec", dont_inherit=True), vars(module))
    except SyntaxError as error:
        del sys.modules[module.__name__]
        raise SpecError(f"{path}, line {error.lineno or '?'}: {error.msg}; correct the file and run again.") from None
    except SpecError:
        del sys.modules[module.__name__]
        raise
    except Exception as error:
        del sys.modules[module.__name__]
        raise SpecError(f"{path}, {what_failed(error, module.__file__)}") from None
    linecache.checkcache(module.__file__)
    return module


def what_failed(error: Exception, file: str) -> str:
    """The innermost line of a file that an exception passed through, and what was wrong there."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    line = next((frame.lineno for frame in frames if frame.filename == file), "?")
    return f"line {line}: {type(error).__name__}: {str(error).rstrip('.')}."


def loaded_file(sha256: str, folder: Path | None = None) -> UserFile | None:
    """The user's file of that content: one that was loaded before, or else loaded now from a folder, or None."""
    if sha256 not in _user_files and folder is not None:
        for path in sorted(folder.glob("*.py")):
            if hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
                return load_file(path)
    return _user_files.get(sha256)


def user_file_of(cls: type[Part]) -> UserFile | None:
    """The user's file that a part comes from, or None for a shipped part."""
    return next((file for file in _user_files.values() if file.module.__name__ == cls.__module__), None)


def user_files_in(part: Part) -> list[UserFile]:
    """The user's files that a spec's parts come from, each once."""
    found: dict[str, UserFile] = {}
    own = user_file_of(type(part))
    if own is not None:
        found[own.sha256] = own
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Part):
                found |= {file.sha256: file for file in user_files_in(inner)}
    return list(found.values())
