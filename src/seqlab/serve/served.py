"""A model with what lies between its symbols and text, and what is asked of it made into orders."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from seqlab.data import DataError
from seqlab.data.symbols import Symbols
from seqlab.generation.chat import ChatTemplate, TemplateError
from seqlab.generation.penalties import Penalties
from seqlab.generation.sampling import Sampling
from seqlab.generation.text import Order, must_fit
from seqlab.serve.bodies import ChatBody, CompletionBody, Refused

__all__ = ["Limits", "Served"]


@dataclass(frozen=True)
class Limits:
    """What one request may take."""

    prompt: int = 8192
    """Symbols to read."""
    output: int = 4096
    """Symbols to write."""
    body: int = 1 << 20
    """Bytes of a body."""


@dataclass(frozen=True)
class Served:
    """What the server offers under the name `name`."""

    name: str
    vocabulary: int
    context: int | None
    """Symbols that model and text may have together, None for any number."""
    symbols: Symbols | None
    begin: int | None = None
    """The symbol that texts begin with."""
    ends: frozenset[int] = frozenset()
    """Symbols that end a text."""
    template: ChatTemplate | None = None
    limits: Limits = Limits()

    def prompts(self, body: CompletionBody) -> list[tuple[int, ...]]:
        """The prompts of a request. Raises Refused for what is none."""
        match body.prompt:
            case str(text):
                return [self.encoded(text)]
            case [int(), *_] as ids:
                return [self._checked(ids)]  # type: ignore[arg-type]  # pydantic took care that all are ints
            case [] | "":
                raise Refused(400, "`prompt` is empty; a text needs something to start from.")
            case several:
                return [self.encoded(one) if isinstance(one, str) else self._checked(one) for one in several]  # type: ignore[arg-type]

    def chat(self, body: ChatBody) -> tuple[int, ...]:
        """The messages of a chat as one prompt. Raises Refused where there is no template for them."""
        if self.template is None:
            raise Refused(400, f"{self.name} has no chat template: it is a base model; use /v1/completions.")
        try:
            text = self.template.render([message.model_dump() for message in body.messages])
        except TemplateError as error:
            raise Refused(400, f"the chat template takes these messages not: {error}.") from None
        return self.encoded(text, begins=self.template.begins(text))

    def encoded(self, text: str, begins: bool = False) -> tuple[int, ...]:
        """A text as symbols, the one that texts begin with before it unless it `begins` so. Raises Refused."""
        if self.symbols is None:
            raise Refused(400, f"{self.name} has no tokenizer: give `prompt` as a list of symbols.")
        try:
            ids = [int(symbol) for symbol in self.symbols.encode(text.encode())]
        except (DataError, UnicodeEncodeError) as error:
            raise Refused(400, f"the prompt cannot be read: {error}.") from None
        return self._checked(ids if self.begin is None or begins else [self.begin, *ids])

    def _checked(self, ids: list[int]) -> tuple[int, ...]:
        if not ids:
            raise Refused(400, "`prompt` is empty; a text needs something to start from.")
        if len(ids) > self.limits.prompt:
            raise Refused(
                400, f"the prompt has {len(ids):,} symbols; this server reads at most {self.limits.prompt:,}."
            )
        outside = next((one for one in ids if not 0 <= one < self.vocabulary), None)
        if outside is not None:
            raise Refused(400, f"there is no symbol {outside}: {self.name} knows 0 to {self.vocabulary - 1}.")
        return tuple(ids)

    def orders(self, body: CompletionBody | ChatBody, prompt: tuple[int, ...]) -> list[Order]:
        """The `n` texts that are asked for after one prompt. Raises Refused where they are too long."""
        if body.model not in (None, self.name):
            raise Refused(404, f"there is no model {body.model!r} here; this server has {self.name!r}.")
        if body.count > self.limits.output:
            raise Refused(
                400, f"{body.count:,} symbols are asked for; this server writes at most {self.limits.output:,}."
            )
        seed = secrets.randbits(62) if body.seed is None else body.seed
        orders = [Order(prompt, seed=(seed + place) % 2**63, **self._settings(body)) for place in range(body.n)]
        try:
            must_fit(orders[0], self.context)
        except ValueError as error:
            raise Refused(400, str(error)) from None
        return orders

    def _settings(self, body: CompletionBody | ChatBody) -> dict[str, Any]:
        return {
            "count": body.count,
            "sampling": Sampling(body.temperature, body.top_k, body.top_p, body.min_p),
            "penalties": Penalties(body.repetition_penalty, body.no_repeat_ngram),
            "ends": frozenset() if body.ignore_eos else self.ends,
            "alternatives": body.asked,
        }
