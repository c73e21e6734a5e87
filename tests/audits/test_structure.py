"""Experiments of one structure: the cells of a sweep that cite each other's audits."""

from __future__ import annotations

from dataclasses import replace

from seqlab.audits.shared.gate import Auditor
from seqlab.audits.shared.structure import structure
from seqlab.experiment import Experiment
from seqlab.spec import override
from seqlab.train.start import prepare

REMEASURED = {"method_effect", "rate_schedule", "reset_rate"}
"""Audits whose findings follow from the numbers."""


def test_numbers_are_no_structure_and_all_else_is(tiny: Experiment) -> None:
    base = override(tiny, "optim.lr=0.01", "clip=1.5")
    same = ("optim.lr=0.02", "seed=3", "clip=0.5")
    other = ("optim.weight_decay=0", "clip=none", "model.dim=32", "batch.size=8", "optim=muon", "model.dropout=0.1")
    assert all(structure(override(base, change)) == structure(base) for change in same)
    assert all(structure(override(base, change)) != structure(base) for change in other)


def test_a_default_that_nobody_gave_vouches_for_nothing(tiny: Experiment) -> None:
    """Whether a setting takes effect is looked at where it is given."""
    assert structure(override(tiny, "optim.weight_decay=0.3")) != structure(tiny)


def test_cells_that_differ_in_numbers_cite_one_look(tiny: Experiment) -> None:
    first, second = (replace(tiny, optim=replace(tiny.optim, lr=lr), seed=seed) for lr, seed in ((0.01, 0), (0.02, 1)))
    Auditor(by_structure=True).before(prepare(first).training)
    found = Auditor(by_structure=True).before(prepare(second).training)["before"]
    assert {finding["name"] for finding in found if "measured_at" not in finding} <= REMEASURED
    alone = Auditor().before(prepare(second).training)["before"]
    assert {"optimiser_state", "init_loss"} <= {f["name"] for f in alone if "measured_at" not in f}
