"""What clients may ask for: OpenAI's fields, and a few of ours, each checked; what is not done here is refused."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

__all__ = ["ChatBody", "CompletionBody", "Message", "Refused", "parsed"]


class Refused(Exception):
    """A request that is answered with an HTTP status and one sentence."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


Stop = Annotated[str, Field(min_length=1)]
Stops = Stop | list[Stop] | None
Neutral = Annotated[float | None, Field(ge=0, le=0)]


class StreamOptions(BaseModel):
    """What a stream tells beside its pieces."""

    model_config = ConfigDict(extra="forbid", strict=True)
    include_usage: bool = False


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    model: str | None = None
    n: int = Field(default=1, ge=1, le=16)
    stream: bool = False
    stream_options: StreamOptions | None = None
    stop: Stops = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    user: str | None = None
    temperature: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    no_repeat_ngram: int | None = Field(default=None, ge=2)
    ignore_eos: bool = False
    presence_penalty: Neutral = None
    frequency_penalty: Neutral = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """The strings that end a text."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @model_validator(mode="before")
    @classmethod
    def _null_is_default(cls, given: Any) -> Any:
        return {key: value for key, value in given.items() if value is not None} if isinstance(given, dict) else given


class CompletionBody(_Body):
    """POST /v1/completions. logprobs: of each symbol, and of that many likeliest ones."""

    prompt: str | list[str] | list[int] | list[list[int]]
    max_tokens: int = Field(default=16, ge=1)
    echo: bool = False
    logprobs: int | None = Field(default=None, ge=0, le=20)
    best_of: int | None = Field(default=None, ge=1, le=1)

    @property
    def asked(self) -> int | None:
        """How many likeliest symbols are told beside each, None for no log-probabilities."""
        return self.logprobs

    @property
    def count(self) -> int:
        """Symbols to write at most."""
        return self.max_tokens

    @model_validator(mode="after")
    def _together(self) -> CompletionBody:
        if self.echo and self.logprobs is not None:
            raise ValueError("echo and logprobs together would need those of the prompt; ask for one of them")
        return self


class Message(BaseModel):
    """One turn of a chat."""

    model_config = ConfigDict(extra="forbid", strict=True)
    role: Literal["system", "developer", "user", "assistant"]
    content: str


class ChatBody(_Body):
    """POST /v1/chat/completions."""

    messages: list[Message] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    logprobs: bool = False
    top_logprobs: int | None = Field(default=None, ge=0, le=20)

    @property
    def asked(self) -> int | None:
        """How many likeliest symbols are told beside each, None for no log-probabilities."""
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def count(self) -> int:
        """Symbols to write at most."""
        return self.max_completion_tokens or self.max_tokens or 256


Kind = TypeVar("Kind", bound=_Body)


def parsed(kind: type[Kind], body: bytes) -> Kind:
    """A body that was sent. Raises Refused, naming the field that is wrong."""
    try:
        return kind.model_validate(json.loads(body))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON ({error}).") from None
    except ValidationError as error:
        raise Refused(400, _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    """The first fault; of a field that may be of several kinds, the last of them says what is expected."""
    fault = error.errors(include_url=False)[0]
    if not fault["loc"]:
        return f"the body does not fit: {fault['msg']}."
    field = str(fault["loc"][0])
    if fault["type"] == "extra_forbidden":
        return f"there is no field `{field}` here."
    same = [one["msg"] for one in error.errors(include_url=False) if one["loc"] and one["loc"][0] == fault["loc"][0]]
    return f"`{field}` does not fit: {'; or '.join(dict.fromkeys(same))}."
