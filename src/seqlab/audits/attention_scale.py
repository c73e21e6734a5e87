"""Are attention's scores divided by the square root of the head's width, and not of another dimension?"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import nn

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.scores import Score, scores
from seqlab.audits.shared.subject import Subject
from seqlab.spec import Field

__all__ = ["AttentionScale"]


class AttentionScale(Audit):
    """Every softmax over products of queries and keys of width E has its scores multiplied by 1 / sqrt(E).

    Followed through one forward pass: which numbers queries, keys and scores are multiplied with before the softmax.
    A temperature that is learned, and queries that a norm gives one length, are left alone.
    """

    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    near: float = Field(default=0.01, gt=0)
    """Relative difference up to which two scales are the same."""
    far: float = Field(default=2.0, gt=1)
    """Factor by which a scale may differ from 1 / sqrt(E) without a warning."""

    def examine(self, subject: Subject) -> Finding:
        model = subject.awake
        with subject.drawing("output"), torch.enable_grad(), scores(subject.length) as seen:
            model(*subject.cast(subject.inputs(1)))  # with gradients: they tell which factors are learned
        judged = [score for score in seen if not score.is_free and (score.is_followed or score.scale != 1.0)]
        if not judged:
            return not_applicable("no softmax over products of queries and keys was seen")
        width = _width(model)
        for score in judged:
            wrong = self._wrong(score, width, subject.length)
            measured: dict[str, Any] = {"scale": score.scale, "limit": score.width**-0.5, "head_width": score.width}
            if wrong:
                return failed(
                    f"attention's scores are multiplied by {score.scale:.4g}, {wrong}; a head has {score.width} "
                    f"features, so 1/sqrt({score.width}) = {score.width**-0.5:.4g} is right.",
                    **measured,
                )
            if self._is_mup(score):
                return warned(
                    f"attention's scores are multiplied by 1/{score.width}, as muP has it; without muP, "
                    f"1/sqrt({score.width}) = {score.width**-0.5:.4g} is usual.",
                    **measured,
                )
            if not 1 / self.far < score.scale * math.sqrt(score.width) < self.far:
                return warned(
                    f"attention's scores are multiplied by {score.scale:.4g}; for heads of {score.width} features "
                    f"1/sqrt({score.width}) = {score.width**-0.5:.4g} is usual.",
                    **measured,
                )
        scale, right = judged[0].scale, judged[0].width ** -0.5
        return passed("scores are scaled by the heads' width", scale=scale, limit=right, softmaxes=len(judged))

    def _is_mup(self, score: Score) -> bool:
        """Whether the scale is 1 / E by one factor: the choice of muP, where 1 / sqrt(E) twice is an accident."""
        return len(score.factors) == 1 and abs(score.scale * score.width - 1) < self.near

    def _wrong(self, score: Score, width: int, length: int) -> str:
        """Which wrong dimension explains the scale; "" where it is right, or nothing that is known explains it."""

        def is_near(value: float) -> bool:
            return abs(score.scale / value - 1) < self.near

        if is_near(score.width**-0.5):
            return ""
        roots = {
            f"1/sqrt({width}), the width of the whole model": width**-0.5,
            f"1/sqrt({length}), the length": length**-0.5,
        }
        others = {
            "that is not at all": 1.0,
            f"1/{score.width}, the square root twice": 1 / score.width,
            f"1/{width}, the width of the whole model without the square root": 1 / width,
            f"sqrt({score.width}), the inverse": score.width**0.5,
            f"1/sqrt({width // score.width}), the number of heads": (width // score.width) ** -0.5
            if width >= score.width
            else 0,
            f"1/sqrt({score.width}) and 1/sqrt({width}), the width of the whole model, together": (score.width * width)
            ** -0.5,
            f"1/sqrt({score.width}) and 1/sqrt({length}), the length, together": (score.width * length) ** -0.5,
        }
        known = roots if self._is_mup(score) else roots | others
        return next((told for told, value in known.items() if value and is_near(value)), "")


def _width(model: nn.Module) -> int:
    """The width of the residual stream: the embedding's, else that of the widest small matrix's input."""
    tables = [module.embedding_dim for module in model.modules() if isinstance(module, nn.Embedding)]
    inputs = [module.in_features for module in model.modules() if isinstance(module, nn.Linear)]
    return tables[0] if tables else min(inputs, default=1)
