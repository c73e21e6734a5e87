"""Generate symbols from a language model: the prompt in one pass, then one step a symbol."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from seqlab.generation.course import Course, GenerativeModel
from seqlab.generation.sampling import Sampling
from seqlab.generation.text import Drawn, Order, Text, generator_of
from seqlab.generation.timed import Timed

__all__ = ["generate", "write"]


def generate(model: GenerativeModel, prompt: list[int], count: int, sampling: Sampling, seed: int = 0) -> Iterator[int]:
    """`count` symbols after the prompt (at least one symbol), each as soon as it is drawn. A context that is full is
    treated as `Course` says."""
    order = Order(tuple(prompt), count, sampling, seed=seed)
    return (drawn.symbol for drawn in write(Course(model, prompt), Text(order, generator_of(order.seed))))


@torch.inference_mode()
def write(course: Course, text: Text, timed: Timed | None = None) -> Iterator[Drawn]:
    """The symbols of a text, which the course takes up, each as soon as it is drawn."""
    timed = timed or Timed()
    while text.ended is None and len(text.written) < text.order.count:
        with timed.reading(course.unread) if not text.written else timed.stepping(1):
            drawn = text.take(course.logits()[0])
        course.append(drawn.symbol)
        yield drawn
