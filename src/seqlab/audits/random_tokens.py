"""Can the model predict random symbols? No model can: one that does sees its answers."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.audits import Audit, Finding, Stage, failed, not_applicable, passed
from seqlab.audits.shared.subject import Subject
from seqlab.data.signature import Signature
from seqlab.data.streams import stream_seed
from seqlab.models import Model
from seqlab.spec import Field
from seqlab.spec.find import user_files_in

__all__ = ["RandomTokens"]


class RandomTokens(Audit):
    """Trained on independent random symbols, a narrowed copy of the model must stay at the perplexity V.

    It takes seconds to minutes, so it runs where a part of the model comes from a user's file, else on request. The
    copy has the model's layers at a width of `dim` where the model has a width; AdamW trains it.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model",)
    steps: int = Field(default=300, ge=1)
    """Most updates; it ends as soon as the perplexity is clearly below."""
    vocabulary: int = Field(default=32, ge=2)
    """V."""
    length: int = Field(default=32, ge=2)
    """Symbols in a row."""
    rows: int = Field(default=16, ge=1)
    """Rows in a batch."""
    dim: int = Field(default=32, ge=1)
    """The width of the copy."""
    share: float = Field(default=0.95, gt=0, lt=1)
    """Share of V below which the perplexity of fresh symbols cannot lie."""

    def wanted(self, subject: Subject) -> bool:
        return bool(user_files_in(subject.experiment.model))

    def examine(self, subject: Subject) -> Finding:
        if not subject.task.forward_only:
            return not_applicable("the task does not ask for what comes next")
        signature = Signature(vocabulary=self.vocabulary, length=self.length)
        with subject.drawing("random_tokens"):
            model = self._narrowed(subject.experiment.model, signature)
            losses = self._trained(model, subject)
        perplexity, step = min((math.exp(loss), step) for step, loss in losses.items())
        limit = self.share * self.vocabulary
        measured = {"perplexity": perplexity, "limit": limit, "vocabulary": self.vocabulary, "steps": step}
        if perplexity < limit:
            return failed(
                f"a copy of the model reaches the perplexity {perplexity:.3g} on independent random symbols out of "
                f"{self.vocabulary} after {step} steps, where no model can be below {self.vocabulary}: it sees the "
                "symbols that it is to predict.",
                **measured,
            )
        return passed("random symbols stay unpredictable", **measured)

    def _narrowed(self, spec: Model, signature: Signature) -> nn.Module:
        """The model at the small width; as it is where it has none, or is not built at that width."""
        if any(field.name == "dim" for field in fields(spec)):
            narrow: Any = spec
            try:
                narrow = replace(narrow, dim=self.dim)
                module: nn.Module = narrow.build(signature)
                return module
            except ValueError:  # heads that do not divide the width
                pass
        return spec.build(signature)

    def _trained(self, model: nn.Module, subject: Subject) -> dict[int, float]:
        """The loss on fresh symbols, averaged over every 25 steps, by step."""
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        window: list[float] = []
        losses: dict[int, float] = {}
        for step in range(1, self.steps + 1):
            tokens = self._tokens(subject, step)
            loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1).float(), tokens[:, 1:].flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            window.append(loss.item())
            if step % 25 == 0 or step == self.steps:
                losses[step] = sum(window) / len(window)
                if math.exp(losses[step]) < 0.9 * self.share * self.vocabulary:
                    break
                window = []
        return losses

    def _tokens(self, subject: Subject, step: int) -> Tensor:
        """Fresh symbols, (rows, length + 1)."""
        generator = torch.Generator().manual_seed(stream_seed(subject.experiment.seed, "audits/random_tokens", step))
        return torch.randint(self.vocabulary, (self.rows, self.length + 1), generator=generator)
