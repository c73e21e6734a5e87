"""What is seen of hidden units in training, against a count by hand; what a stream records when its tasks end."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from same_runs import assert_same
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.journal.arrays import packed, unpacked
from seqlab.methods.snr_v2 import SNRV2
from seqlab.models.mlp import MLP
from seqlab.nn.units import Units
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.schedules.constant import Constant
from seqlab.probes.lifetimes import Lifetimes
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.packed.refusals import CannotPack, refuse
from seqlab.train.start import resume
from tiny_runs import carried_out, in_memory, queued, stopped

LAYER = {"layer": Units(incoming="in.weight", bias=None, outgoing="out.weight")}
NEVER = torch.zeros(3, dtype=torch.bool)


@pytest.fixture(scope="module")
def stream() -> Experiment:
    """Two tasks of six steps."""
    return Experiment(
        task=Gaussians(shape=(8,), classes=3, training=40, validation=20, tasks=2),
        model=MLP(widths=(7, 5)),
        optim=Adam(lr=0.01),
        schedule=Constant(),
        budget=Budget(steps=6),
        batch=Batching(size=8),
        methods=(SNRV2(tail_prob=0.45, update_every_steps=2),),
        probes=(Lifetimes(every_steps=6, events=True, tapped=2),),
        evaluation=Evaluation(log_every_steps=1, after_update=True, end_of_task=("train", "val")),
        snapshots=Snapshots(every_steps=4),
        precision="float32",
        device="cpu",
    )


def course(probe: Lifetimes, steps: list[tuple[list[int], list[bool]]]) -> dict[str, Any]:
    """Of three units that fire at so many of 4 positions in each step, and of which some are reset after it."""
    memory = probe.begin({"in.weight": torch.ones(3, 2)}, LAYER)
    for firings, resets in steps:
        before = torch.stack([(torch.arange(4) < count).float() - 0.5 for count in firings], -1)[None]
        memory = probe.see(memory, {"layer": before}, LAYER)
        mask = torch.tensor(resets)
        memory = probe.follow(memory, {"layer": mask} if mask.any() else {}, {"layer": torch.tensor([2.0, 3.0, 4.0])})
    measures, after = probe.tell(memory)
    assert int(after["resets/layer"].sum()) == 0, "a window begins anew"
    assert after["silent/layer"].equal(memory["silent/layer"]), "ages go on"
    return measures["lifetimes/after_update/layer"]  # type: ignore[return-value]


def test_ages_and_lifetimes_are_those_of_a_count_by_hand() -> None:
    no, third = [False] * 3, [False, False, True]
    told = course(Lifetimes(), [([4, 0, 0], no), ([1, 0, 0], no), ([2, 0, 0], third), ([2, 1, 0], third)])
    assert (told["resets"], told["reset_units"], told["never_fired"]) == (2, 1, pytest.approx(1 / 3))
    assert told["silent_batches"] == [0] * 7
    assert told["age_positions"][-1] == 4  # 4 positions and one firing; the third was reset
    assert (told["life_steps"][0], told["life_steps"][-1]) == (0, 4)
    assert (told["lifetimes"][0], told["lifetimes"][-1]) == (1, 3)
    assert (told["thresholds"][0], told["thresholds"][-1]) == (2, 4)
    silent = course(Lifetimes(), [([4, 0, 2], no)] * 3)
    assert (silent["silent_batches"][-1], silent["age_positions"][-1]) == (3, 12)
    assert "lifetimes" not in silent


def test_resets_are_kept_as_events_or_as_a_mask() -> None:
    one = [False, True, False]
    sparse = course(Lifetimes(events=True, tapped=2), [([1, 1, 0], [False] * 3)] * 2 + [([1, 1, 0], one)])
    events = [unpacked(sparse[name]) for name in sparse if name == "reset_events"]
    masks = [unpacked(sparse[name]) for name in sparse if name == "reset_mask"]
    if events:
        assert events[0].tolist() == [[2, 1, 3]]  # step, unit, steps that it lived
    else:
        assert masks[0].tolist() == [[0], [0], [0b01000000]]
    assert unpacked(sparse["tapped_units"]).tolist() == [0, 1]
    assert unpacked(sparse["tapped_ages"]).tolist() == [[0, 0]] * 3
    values = torch.arange(6, dtype=torch.int16).reshape(2, 3).numpy()
    assert unpacked(packed(values)).tolist() == values.tolist()


def test_the_observer_counts_what_the_method_says_it_did(stream: Experiment) -> None:
    run, training, _ = carried_out(stream, "watched")
    looks = run.looks()["lifetimes"]
    assert [look.step for look in looks] == [6, 12]
    for layer in ("layers.0", "layers.1"):
        counted = sum(look.places[layer]["resets"] for look in looks)
        assert counted == int(training.method_statistics[0][f"resets/{layer}"].sum()) > 0
        for look in looks:
            seen = look.places[layer]
            assert any(name in seen for name in ("reset_events", "reset_mask"))
            assert unpacked(seen["tapped_ages"]).shape == (6, 2)


def test_a_watched_run_that_was_stopped_goes_on_as_if_it_had_not(stream: Experiment) -> None:
    whole, _, _ = carried_out(stream, "whole")
    other = queued(stream, "other")
    stopped(other, at=9)
    resume(other)
    assert_same(whole, other)
    assert whole.looks()["lifetimes"] == other.looks()["lifetimes"]


def test_watching_changes_nothing(stream: Experiment) -> None:
    plain, _, _ = carried_out(replace(stream, probes=()), "plain")
    watched, _, _ = carried_out(stream, "watched")
    assert plain.metrics.curve("train/loss") == watched.metrics.curve("train/loss")


def test_accuracies_before_and_after_the_update_and_at_the_end_of_tasks(stream: Experiment) -> None:
    run, _, _ = carried_out(replace(stream, methods=()), "measured")
    before, after = (run.metrics.curve(f"{phase}/loss")[1] for phase in ("train", "train_after_update"))
    assert len(before) == len(after) == 12
    assert all(late < early for early, late in zip(before, after, strict=True)), "Adam goes down each batch's own loss"
    assert run.metrics.curve("val_at_end_of_task/accuracy")[0] == [6, 12]
    assert run.metrics.curve("val_at_end_of_task/accuracy")[1][-1] == run.metrics.last["val/accuracy"]
    assert run.metrics.curve("train_at_end_of_task/loss")[0] == [6, 12]


def test_what_watches_is_not_packed(stream: Experiment) -> None:
    with pytest.raises(CannotPack, match=r"`probes\.0` \(probes/lifetimes\) cannot be packed"):
        refuse([in_memory(replace(stream, methods=()))])
