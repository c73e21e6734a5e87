"""A mixer that is left out becomes attention in both directions in 10 of 12 layers (Hyena notebook, perplexity 1.006).

The public code took its mixer's settings under another key, found none, and put in attention with causal=False; only
the layers that were asked to be attention were causal.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small, small_model

from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block

CAUGHT_BY = "causality"
SAYS = r"10 of 12 layers \(0, 2-7, 9-11: SelfAttention\) are not causal"


def healthy() -> Experiment:
    return small(replace(small_model(), layers=(Block(mixer=Attention(heads=2)),) * 12))


def faulty() -> Experiment:
    meant = Block(mixer=Attention(heads=2))
    left_out = Block(mixer=Attention(heads=2, causal=False))
    layers = tuple(meant if index in (1, 8) else left_out for index in range(12))
    return small(replace(small_model(), layers=layers))
