"""msa: a Potts model beside the sequences of its family: what it predicts, what it draws, which columns touch."""

from __future__ import annotations

from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seqlab.couplings.drawn import contact_drawing, scatter
from seqlab.couplings.energies import conditional_logs
from seqlab.couplings.ensembles import each_column_drawn, nearest, pearson, principal, three_site
from seqlab.couplings.family import Known
from seqlab.couplings.judged import SEPARATION, ceiling, contact_scores, off_diagonal, precisions
from seqlab.couplings.pairwise import Array, Pairwise
from seqlab.couplings.sampling import STEPS, Steps, ancestral
from seqlab.couplings.statistics import frequencies
from seqlab.data import progress
from seqlab.data.alignments import SIZE
from seqlab.evaluations import Answers, OfCouplings
from seqlab.spec import Field

__all__ = ["Msa"]

NO_GAP = (
    "the model was fitted without gaps: nothing is drawn from it and compared with sequences that have some; nll, a "
    "pseudo-likelihood, is of letters alone"
)


class Msa(OfCouplings):
    """nll: -log of a letter given what its site sees (before it: exact; all others: pseudo), in nats a residue, of
    sequences of the fit and of held-out ones. covariance: Pearson of the covariances of letters of different columns
    between natural and drawn sequences, beside `ceiling` (one random half of the natural against the other) and `floor`
    (each column drawn by itself); held_out: the same of held-out sequences, beside what those of the fit tell of them.
    three_site: of connected correlations. In these natural sequences weigh as in the fit (`identity`). hamming: the
    share of columns that differ from the nearest natural sequence, at the 10th, 50th and 90th percentile, of drawn
    sequences and of natural ones (natural). Contacts as `seqlab fit` has them.
    """

    samples: int = Field(default=2000, ge=2)
    """Sequences drawn."""
    sweeps: int = Field(default=100, ge=1)
    """Steps over all sites, where the model is not autoregressive."""
    steps: Steps = "gibbs"
    """What they are: gibbs or metropolis."""
    seed: int = 0
    """Of what is drawn."""

    def judge(self, model: Pairwise, known: Known) -> Answers:
        scores = contact_scores(model)
        if known.seen is not None:
            scores = scores[known.seen][:, known.seen]
        measured = _likelihoods(model, known)
        drawings = {"contacts": contact_drawing(scores, known.contacts, len(scores), SEPARATION)}
        has_gap = model.fields.shape[1] == SIZE
        if has_gap:
            more, others = self._beside(known, self._drawn(model))
            measured, drawings = measured | more, drawings | others
        if known.contacts is not None and model.pairs.any():
            measured |= precisions(scores, known.contacts)
        return Answers(measured, {}, self._remarks(model) if has_gap else (NO_GAP,), drawings)

    def _beside(self, known: Known, drawn: NDArray[np.uint8]) -> tuple[dict[str, float], dict[str, str]]:
        """Natural sequences and drawn ones: the numbers and the drawings."""
        natural = np.concatenate([known.fitted, known.held])
        weights = known.weigh(natural)
        real, made = off_diagonal(natural, weights=weights), off_diagonal(drawn)
        measured = self._covariances(natural, weights, real, made) | _of_held_out(known, weights, made)
        single = frequencies(natural, SIZE, weights)[0], frequencies(drawn, SIZE)[0]
        measured |= {
            "frequencies": pearson(single[0].ravel(), single[1].ravel()),
            "three_site": pearson(*three_site(natural, drawn, weights, seed=self.seed)),
        }
        some = natural[np.random.default_rng(self.seed).permutation(len(natural))[:1000]]
        for name, far in (("", nearest(drawn[:1000], natural)), ("_natural", nearest(some, natural, others=True))):
            measured |= {f"hamming{name}_p{share}": float(np.percentile(far, share)) for share in (10, 50, 90)}
        own, other = principal(natural, drawn)
        return measured, {
            "covariance": scatter({"pairs of letters": (real, made)}, "covariances", "natural", "drawn", equal=True),
            "pca": scatter({"natural": tuple(own.T), "drawn": tuple(other.T)}, "principal axes", "first", "second"),
        }

    def _covariances(self, natural: NDArray[np.uint8], weights: Array, real: Array, made: Array) -> dict[str, float]:
        halves = ceiling(natural, weights, self.seed)
        return {
            "covariance": pearson(real, made),
            "covariance_ceiling": halves,
            "covariance_floor": pearson(real, off_diagonal(each_column_drawn(natural, weights, self.seed))),
            "covariance_of_ceiling": pearson(real, made) / halves,
        }

    def _drawn(self, model: Pairwise) -> NDArray[np.uint8]:
        if model.law == "autoregressive":
            return ancestral(model, self.samples, self.seed)
        sweeps = islice(STEPS[self.steps](model, self.samples, self.seed), self.sweeps)
        *_, letters = progress.told("drawing sequences", sweeps, lambda _: 1, self.sweeps)
        return letters

    def _remarks(self, model: Pairwise) -> tuple[str, ...]:
        if model.law == "autoregressive":
            return ()
        return (
            f"drawn by {self.sweeps} {self.steps.title()} sweeps from random sequences; nll is a pseudo-likelihood",
        )


def _likelihoods(model: Pairwise, known: Known) -> dict[str, float]:
    """Of sequences of the fit, and of held-out ones with the gap between both."""
    measured = {"nll": _nll(model, known.fitted)}
    if len(known.held):
        measured["nll_held_out"] = _nll(model, known.held)
        measured["nll_gap"] = measured["nll_held_out"] - measured["nll"]
    return measured


def _nll(model: Pairwise, letters: NDArray[np.uint8]) -> float:
    """Nats a residue; gaps are none where the model has no gap."""
    return float(-conditional_logs(model, letters).sum() / (letters < model.fields.shape[1]).sum())


def _of_held_out(known: Known, weights: Array, made: Array) -> dict[str, float]:
    """The covariances of held-out sequences, beside those that were drawn and those of the fit."""
    if len(known.held) < 2:
        return {}
    count = len(known.fitted)
    held = off_diagonal(known.held, weights=weights[count:])
    return {
        "covariance_held_out": pearson(held, made),
        "covariance_held_out_ceiling": pearson(held, off_diagonal(known.fitted, weights=weights[:count])),
    }
