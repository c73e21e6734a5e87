"""A chat as one text, by the template that a model comes with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from seqlab.data import DataError

__all__ = ["ChatTemplate", "TemplateError", "template_of"]

TemplateError = jinja2.TemplateError


class ChatTemplate:
    """The Jinja template of a tokenizer_config.json or chat_template.jinja, which cannot reach out of its sandbox.

    special: the strings of special tokens that it may name, such as bos_token.
    """

    def __init__(self, source: str, special: dict[str, str]):
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._template = environment.from_string(source)
        self._special = special

    def render(self, messages: list[dict[str, Any]]) -> str:
        """The text that the answer follows. Raises TemplateError where the template refuses the messages."""
        return self._template.render(messages=messages, add_generation_prompt=True, **self._special)

    def begins(self, text: str) -> bool:
        """Whether the template wrote the symbol that texts begin with itself."""
        begin = self._special.get("bos_token", "")
        return bool(begin) and text.startswith(begin)


def template_of(folder: Path) -> ChatTemplate | None:
    """The template of a model's folder, None for a base model. Raises DataError for one that is broken."""
    path, own = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    try:
        settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        source = own.read_text(encoding="utf-8") if own.is_file() else settings.get("chat_template")
        if source is None:
            return None
        special = {name: _text(settings[name]) for name in settings if name.endswith("_token") and settings[name]}
        return ChatTemplate(source, special)
    except (ValueError, AttributeError, TypeError, jinja2.TemplateError) as error:
        raise DataError(f"the chat template in {folder} is broken ({error}); mend tokenizer_config.json") from None


def _text(token: Any) -> str:
    return token if isinstance(token, str) else str(token.get("content", "")) if isinstance(token, dict) else ""


def _refuse(sentence: str) -> None:
    raise jinja2.TemplateError(sentence)
