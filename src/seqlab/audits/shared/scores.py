"""Following attention through a forward pass: with what number are products of queries and keys multiplied?"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Score", "scores"]

PRODUCTS = {"matmul", "__matmul__", "bmm", "baddbmm", "einsum"}
SOFTMAXES = {"softmax", "_softmax", "log_softmax", "exp", "logsumexp"}
"""Also those that are written out."""
FUSED = {"scaled_dot_product_attention", "attention_native"}
"""Whole attention of queries and keys."""
SOURCES = {"linear", "matmul", "__matmul__", "bmm", "einsum", "addmm", "conv1d"}
"""Operations whose results are multiplied with nothing yet."""
FACTORS = {"mul", "mul_", "__mul__", "__rmul__", "multiply", "__imul__"}
DIVISORS = {"div", "div_", "__truediv__", "true_divide", "divide", "__itruediv__"}
KEEPING = {
    "transpose", "permute", "reshape", "view", "contiguous", "unsqueeze", "squeeze", "expand", "flatten", "unflatten",
    "split", "chunk", "unbind", "__getitem__", "to", "float", "double", "type_as", "masked_fill", "masked_fill_",
    "where", "add", "__add__", "__radd__", "add_", "sub", "__sub__", "clone", "repeat_interleave", "movedim", "clamp",
    "swapaxes", "narrow", "select", "t", "mT", "T", "__get__", "rearrange", "nan_to_num", "triu", "tril", "cat",
    "concat", "neg", "__neg__", "roll", "flip", "stack", "type", "detach", "pad", "dropout", "bfloat16", "half",
    "expand_as", "view_as", "reshape_as", "repeat", "swapdims", "tensor_split", "split_with_sizes", "adjoint",
    "maximum", "__rsub__",
}  # fmt: skip
"""Operations after which a tensor is still multiplied with what it was multiplied with."""


@dataclass(frozen=True)
class Score:
    """A product of queries and keys on its way to a softmax."""

    factors: tuple[float, ...] = ()
    """What it was multiplied with, one after another; ones are left out."""
    width: int = 0
    """Features over which the product sums; 0: no product yet."""
    is_free: bool = False
    """Whether a learned factor, or queries that have all one length, leave the scale open."""
    is_followed: bool = True
    """Whether queries and keys were followed from where they were made: if not, a factor may have been missed."""

    @property
    def scale(self) -> float:
        """What it was multiplied with in all."""
        return math.prod(self.factors, start=1.0)

    def times(self, factor: float) -> Score:
        """The same after one more factor."""
        return self if factor == 1.0 else replace(self, factors=(*self.factors, factor))


@contextmanager
def scores(length: int) -> Iterator[list[Score]]:
    """Within, every softmax over products of queries and keys is noted: of two tensors that were both followed from
    where they were made, or of any two whose product is (..., L, L), L the length of the inputs."""
    mode = _Following(length)
    with mode:
        yield mode.seen


class _Following(TorchFunctionMode):
    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length
        self.seen: list[Score] = []
        self._known: dict[int, tuple[Tensor, Score]] = {}  # by id; held, so that no id is used twice

    def __torch_function__(
        self, function: Any, types: Any, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None
    ) -> Any:
        options = options or {}
        result = function(*arguments, **options)
        name = getattr(function, "__name__", "")
        tensors = _tensors(arguments)
        if name in FUSED:
            self._fused(arguments, options)
        elif name in PRODUCTS and isinstance(result, Tensor) and self._is_score(tensors, result):
            self._product(name, arguments, tensors[-2:], result, float(options.get("alpha", 1.0)))
        elif name in SOURCES and isinstance(result, Tensor):
            self._note(result, Score())
        elif name in SOFTMAXES and tensors:
            self._softmax(tensors[0])
        elif name in FACTORS | DIVISORS and isinstance(result, Tensor):
            self._factor(name in DIVISORS, arguments, tensors, result)
        elif name in KEEPING and tensors:
            self._pass_on(tensors, result)
        return result

    def _is_score(self, tensors: list[Tensor], result: Tensor) -> bool:
        """Whether a product may be one of queries and keys; one with scores is not, whatever it is of."""
        factors = [self._of(tensor) for tensor in tensors[-2:]]
        if len(factors) < 2 or any(factor.width for factor in factors):
            return False
        is_square = tuple(result.shape[-2:]) == (self.length, self.length)
        return is_square or all(factor.is_followed for factor in factors)

    def _of(self, tensor: Tensor) -> Score:
        return self._known[id(tensor)][1] if id(tensor) in self._known else Score(is_followed=False)

    def _note(self, tensor: Tensor, score: Score) -> None:
        self._known[id(tensor)] = (tensor, score)

    def _fused(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
        q, k = (
            arguments[index] if len(arguments) > index else options[name] for index, name in enumerate(("query", "key"))
        )
        given = options.get("scale")
        score = self._score(q, k, q.shape[-1]).times(float(given) if given is not None else q.shape[-1] ** -0.5)
        self.seen.append(replace(score, is_free=score.is_free or isinstance(given, Tensor)))

    def _product(
        self, name: str, arguments: tuple[Any, ...], factors: list[Tensor], result: Tensor, alpha: float
    ) -> None:
        q, k = factors
        width = _contracted(arguments[0], q, k) if name == "einsum" else q.shape[-1]
        self._note(result, self._score(q, k, width).times(alpha))

    def _score(self, q: Tensor, k: Tensor, width: int) -> Score:
        known = self._of(q), self._of(k)
        is_free = any(score.is_free for score in known) or _of_one_length(q)
        is_followed = all(score.is_followed for score in known)
        return Score(known[0].factors + known[1].factors, width, is_free, is_followed)

    def _softmax(self, scores: Tensor) -> None:
        if self._of(scores).width:
            self.seen.append(self._of(scores))

    def _factor(self, divides: bool, arguments: tuple[Any, ...], tensors: list[Tensor], result: Tensor) -> None:
        base = max(tensors, key=lambda tensor: tensor.numel())
        others = [a for a in arguments if a is not base]
        score, factor = self._of(base), others[0] if others else None
        if isinstance(factor, Tensor) and factor.requires_grad:
            self._note(result, replace(score, is_free=True))
        elif isinstance(factor, Tensor) and not bool((factor == factor.flatten()[:1]).all()):
            self._note(result, score)  # such as the cosines of a rotation
        elif isinstance(factor, numbers.Real | Tensor) and (by := float(torch.as_tensor(factor).flatten()[0])):
            self._note(result, score.times(1 / by if divides else by))

    def _pass_on(self, tensors: list[Tensor], result: Any) -> None:
        known = next((self._of(tensor) for tensor in tensors if id(tensor) in self._known), None)
        if known is None:
            return
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, Tensor):
                self._note(part, known)


def _tensors(arguments: Any) -> list[Tensor]:
    """The tensors among arguments, also in lists."""
    found: list[Tensor] = []
    for argument in arguments:
        if isinstance(argument, Tensor):
            found.append(argument)
        elif isinstance(argument, tuple | list):
            found += _tensors(argument)
    return found


def _contracted(equation: Any, a: Tensor, b: Tensor) -> int:
    """The size of the dimension over which an einsum of two tensors sums."""
    if not isinstance(equation, str) or "->" not in equation:
        return a.shape[-1]
    left, _, out = equation.replace(" ", "").partition("->")
    first, _, second = left.partition(",")
    summed = [letter for letter in first if letter in second and letter not in out]
    return math.prod(a.shape[first.index(letter)] for letter in summed) if "." not in equation else a.shape[-1]


def _of_one_length(q: Tensor) -> bool:
    """Whether all queries have one length, as a norm makes them, so that the scale is a temperature to choose."""
    with torch.no_grad():
        lengths = q.norm(dim=-1)
        return bool(((lengths / lengths.mean() - 1).abs() < 1e-3).all())
