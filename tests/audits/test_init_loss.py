"""What makes a first loss too large is told."""

from __future__ import annotations

from seqlab.audits.init_loss import InitLoss
from seqlab.audits.shared.subject import Subject
from seqlab.recipes import potts
from seqlab.spec import override
from seqlab.train.start import prepare


def test_a_penalty_that_is_most_of_the_first_loss_is_named() -> None:
    heavy = override(potts.wide_small(), {"task.penalty_couplings": 0.1})
    found = InitLoss().examine(Subject(prepare(heavy).training))
    assert found.status == "fail"
    loss, likelihood = found.measured["loss"], found.measured["likelihood"]
    assert loss > 3 * likelihood
    assert f"{loss - likelihood:.4g} of it are the task's penalty and {likelihood:.4g} the likelihood" in found.message


def test_logits_that_are_too_large_are_told_from_a_penalty() -> None:
    steep = override(potts.parameter_small(), {"task.penalty_couplings": 0.0})
    found = InitLoss().examine(Subject(prepare(steep).training))
    assert found.status == "fail"
    assert "its logits are too large at the start" in found.message
