"""Can the model predict random symbols? Nobody can; who does sees its answer (the notebook's 32.9 became 1.12)."""

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

MEAN_OF = 10
"""Steps over whose losses the perplexity is taken."""
CLEARLY = 0.95
"""Training ends early at this share of the smallest perplexity that chance can make."""


class RandomTokens(Audit):
    """A small copy of the model (narrow, each kind of layer once), trained on independent random symbols, does not get
    below their number in perplexity.

    It takes seconds, so it runs by itself only where a part of the model comes from a user's file. It trains in
    training mode, so that it also finds a future that is seen there alone.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "seed")

    vocabulary: int = Field(default=32, ge=2)
    """V, the number of symbols; no model has a lower perplexity."""
    length: int = Field(default=16, ge=2)
    """Symbols in a row; the shorter, the more it tells to see which symbols are in it."""
    rows: int = Field(default=16, ge=1)
    """Rows in a step, each drawn anew."""
    steps: int = Field(default=300, ge=MEAN_OF)
    """Steps; fewer where the perplexity is clearly below before."""
    width: int = Field(default=32, ge=1)
    """`model.dim` of the copy, where the model has it and can be built so; else the model as it is."""
    lr: float = Field(default=1e-2, gt=0)
    """Learning rate of AdamW."""
    lowest: float = Field(default=0.95, gt=0, lt=1)
    """Smallest perplexity that chance can make, as a share of V."""

    def wanted(self, subject: Subject) -> bool:
        return bool(user_files_in(subject.experiment.model))

    def examine(self, subject: Subject) -> Finding:
        if not subject.task.forward_only:
            return not_applicable("the task does not ask for what comes next")
        with subject.drawing("random_tokens"):
            model = self._model(subject.experiment.model)
            if model is None:
                return not_applicable(
                    "the model cannot be built for random symbols, or gives no logit for each of them"
                )
            step, perplexity = self._trained(model, stream_seed(subject.experiment.seed, "audits/random_tokens/rows"))
        measured = {"perplexity": perplexity, "limit": self.lowest * self.vocabulary, "steps": step}
        if perplexity < self.lowest * self.vocabulary:
            return failed(
                f"on random symbols the model reaches a perplexity of {perplexity:.3g} after {step} steps, and no "
                f"model can go below {self.vocabulary}: it sees the symbols that it is to predict.",
                **measured,
            )
        return passed("random symbols stay unpredictable", **measured)

    def _model(self, spec: Model) -> nn.Module | None:
        """The smallest copy that can be built, on the CPU and in float32, and that takes symbols to logits."""
        for candidate in _smaller(spec, self.width):
            try:
                model = candidate.build(Signature(vocabulary=self.vocabulary, length=self.length))
                logits = model(torch.zeros(1, self.length, dtype=torch.int64))
            except Exception:  # heads that do not divide the width, sizes that the model states itself
                continue
            if isinstance(logits, Tensor) and logits.shape == (1, self.length, self.vocabulary):
                return model
        return None

    def _trained(self, model: nn.Module, seed: int) -> tuple[int, float]:
        """The step at which training ended, and the lowest perplexity over MEAN_OF steps."""
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=self.lr)
        draw = torch.Generator().manual_seed(seed)
        losses: list[float] = []
        lowest, bound = math.inf, math.log(CLEARLY * self.lowest * self.vocabulary)
        model.train()
        for step in range(self.steps):
            rows = torch.randint(self.vocabulary, (self.rows, self.length + 1), generator=draw)
            with torch.enable_grad():
                loss = F.cross_entropy(model(rows[:, :-1]).float().transpose(1, 2), rows[:, 1:])
                loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            losses.append(float(loss.detach()))
            lowest = min(lowest, sum(losses[-MEAN_OF:]) / MEAN_OF) if len(losses) >= MEAN_OF else lowest
            if lowest < bound:
                return step + 1, math.exp(lowest)
        return self.steps, math.exp(min(lowest, 700.0))


def _smaller(spec: Any, width: int) -> list[Model]:
    """The model narrow and with each kind of layer once, as far as its spec has `dim` and `layers`; then wider ones."""
    known = {field.name for field in fields(spec)}
    shallow = replace(spec, layers=tuple(dict.fromkeys(spec.layers))) if "layers" in known else spec
    narrow = [replace(shallow, dim=min(width, spec.dim))] if "dim" in known else []
    return [*narrow, shallow, spec]
