"""What was drawn twice is told from what is equal by chance."""

from __future__ import annotations

import torch

from seqlab.audits.random_streams import RandomStreams
from seqlab.audits.shared.draws import Drawing, drawn_twice
from seqlab.audits.shared.subject import Subject
from seqlab.experiment import Experiment
from seqlab.recipes import dln
from seqlab.spec import override
from tiny_runs import in_memory


def repeated(keep: float, size: int = 4096) -> tuple[int, int] | None:
    """What is said of two masks that were drawn with one seed, after another one."""
    with Drawing() as drawing:
        for seed in (0, 1, 1):
            torch.empty(size).bernoulli_(keep, generator=torch.Generator().manual_seed(seed))
    assert len(drawing.draws) == 3
    return drawn_twice(drawing.draws)


def test_one_mask_for_two_layers() -> None:
    assert repeated(0.8) == (1, 2)
    assert repeated(0.99) == (1, 2)


def test_masks_that_agree_by_chance() -> None:
    assert repeated(1.0) is None
    assert repeated(1 - 1e-5) is None
    assert repeated(0.5, size=8) is None


def test_a_mask_is_kept_as_it_was_drawn() -> None:
    with Drawing() as drawing:
        torch.empty(64).bernoulli_(0.5).div_(0.0)
    assert drawing.draws[0].values.isfinite().all()


def test_other_shapes_are_other_draws() -> None:
    with Drawing() as drawing:
        for shape in ((8, 64), (64, 8)):
            torch.rand(shape, generator=torch.Generator().manual_seed(1))
    assert drawn_twice(drawing.draws) is None


def test_a_head_that_begins_as_the_embedding_is_meant(tiny: Experiment) -> None:
    copied = override(tiny, {"model.tied": False, "model.head_from_embedding": True})
    subject = Subject(in_memory(copied))
    assert RandomStreams().examine(subject).status == "pass"


def test_strings_learned_by_heart_may_come_in_turns() -> None:
    learned = override(dln.strings_small(), {"task.count": 10, "task.lengths": (30,), "model.dim": 16})
    finding = RandomStreams().examine(Subject(in_memory(learned)))
    assert finding.status == "pass"
    assert "batches" not in finding.message
