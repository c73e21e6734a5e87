"""What a part's fields mean: the help text of a field is its docstring, written once."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from dataclasses import fields

from seqlab.spec.part import Part

__all__ = ["describe"]


@functools.cache
def describe(cls: type[Part]) -> dict[str, str]:
    """Each field's docstring (the text below the field), fields of base classes included."""
    documented: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Part) and base is not Part:
            documented |= _documented_in(base)
    return {field.name: documented.get(field.name, "") for field in fields(cls)}  # type: ignore[arg-type]


def _documented_in(cls: type[Part]) -> dict[str, str]:
    try:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except (OSError, TypeError):  # written in an interactive session: there is no source to read
        return {}
    assert isinstance(body, ast.ClassDef)
    texts: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            texts[statement.target.id] = inspect.cleandoc(str(following.value.value))
    return texts
