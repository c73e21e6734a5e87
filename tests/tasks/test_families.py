"""Families: splits without leaks, batches from named streams, one gradient however a batch is cut, floors."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from seqlab.channels.mlp import MLP
from seqlab.data import DataError
from seqlab.data.families import Collection, Family, split_families
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.potts import Potts, PottsModel
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.spec import SpecError
from seqlab.tasks import Batch
from seqlab.tasks.shared.families import PreparedFamilies
from seqlab.tasks.shared.super_batches import Footprint, cut, footprint, saved_bytes
from seqlab.tasks.simulated_families import SimulatedFamilies

LENGTHS = (5, 9, 7, 12, 4, 8)


def family(place: int, length: int, rows: int = 20, **fields: Any) -> Family:
    draws = np.random.default_rng(place)
    encodings = draws.standard_normal((length, 6), dtype=np.float32)
    sequences = draws.integers(0, 21, (rows, length), dtype=np.uint8)
    return Family(f"f{place}", encodings, sequences, **{"superfamily": f"s{place // 2}", **fields})


def prepared(**fields: Any) -> PreparedFamilies:
    collection = split_families([family(*each) for each in enumerate(LENGTHS)], superfamilies=0.34, seed=1)
    spec = SimulatedFamilies(**{"sequences": 3, "penalty_fields": 1e-2, "penalty_couplings": 1e-2, **fields})
    return PreparedFamilies(spec, collection, {})


def model_of(task: PreparedFamilies, **fields: Any) -> PottsModel:
    mixer = Attention(heads=2, causal=False, bias=True)
    layers = (Block(mixer=mixer, channel=MLP(activation="relu"), norm=LayerNorm(), placement="post"),) * 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Potts(dim=8, layers=layers, **{"heads": 3, **fields}).build(task.signature).double().eval()


def gradient(task: PreparedFamilies, model: PottsModel, parts: list[Batch]) -> list[torch.Tensor]:
    model.zero_grad()
    for part in parts:
        (task.loss(model, part)[0] / part.scored).backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("likelihood", ["pseudo", "autoregressive_scaled"])
def test_any_cut_has_one_gradient(likelihood: Any) -> None:
    six = tuple(family(*each) for each in enumerate(LENGTHS))
    task = PreparedFamilies(SimulatedFamilies(sequences=3, penalty_couplings=0.1), Collection(six, six), {})
    batch, model = task.batch(0, 0, 6), model_of(task, likelihood=likelihood)
    batch.tensors["encodings"] = batch.tensors["encodings"].double()
    whole = gradient(task, model, [batch])
    assert sum(map(len, six)) * 3 == batch.scored
    task.spec = replace(task.spec, memory_mb=footprint(model, 6, 12).bytes(2, 9, 3) / 1e6)
    sorted_parts = task.parts(batch, 1, model)
    assert len(sorted_parts) > 2
    assert max(part.tensors["encodings"].shape[1] for part in sorted_parts[1:]) < 12
    for parts in (batch.parts(2), batch.parts(6), sorted_parts):
        for got, wanted in zip(gradient(task, model, parts), whole, strict=True):
            torch.testing.assert_close(got, wanted, rtol=0, atol=1e-10 * float(wanted.abs().max()))


def test_loss_is_the_mean_over_residues_and_the_penalty_that_over_structures() -> None:
    task = prepared(noise=0.0)
    batch, model = task.batch(0, 0, 2), model_of(task)
    loss, metrics = task.loss(model, batch)
    nll, penalty = 0.0, 0.0
    for row, length in enumerate(batch.tensors["lengths"]):
        letters = batch.tensors["letters"][row : row + 1, :, :length]
        emitted = model(batch.tensors["encodings"][row : row + 1, :length].double(), letters)
        nll -= float(emitted.logits.log_softmax(-1).gather(3, letters[..., None]).sum().detach())
        penalty += float((emitted.couplings + emitted.fields).sum().detach())
    assert float(metrics["nll"]) == pytest.approx(nll, rel=1e-12)
    assert float(loss.detach()) / batch.scored == pytest.approx(nll / batch.scored + 1e-2 * penalty / 2, rel=1e-9)


def test_parts_keep_to_the_budget_and_long_structures_stand_alone() -> None:
    each = Footprint(sites=10, sequences=1, pairs=1)
    parts = cut([4, 50, 9, 10, 8], rows=2, each=each, budget=900)
    assert parts == [[1], [3, 2, 4, 0]]
    assert each.bytes(4, 10, 2) == 4 * 10 * (10 + 2 + 10)


def test_footprint_is_what_is_kept() -> None:
    task = prepared()
    task.signature = replace(task.signature, length=64)
    model = model_of(task)
    found = footprint(model, 6, 64)
    for structures, length, rows in ((3, 48, 5), (1, 64, 7)):
        kept = saved_bytes(model, 6, length, rows, structures)
        assert found.bytes(structures, length, rows) == pytest.approx(kept, rel=0.1)


def test_a_budget_and_parts_are_refused_together() -> None:
    task = prepared(memory_mb=1.0)
    with pytest.raises(SpecError, match="cuts batches by itself"):
        task.parts(task.batch(0, 0, 2), 2, model_of(task))


def test_splits_do_not_leak() -> None:
    same = [family(0, 6, rows=30, alignment="one") for _ in range(3)]
    shared = [replace(f, name=f"c{place}", superfamily="s") for place, f in enumerate(same)]
    found = split_families([*shared, family(7, 5), family(8, 5)], superfamilies=0.5, seed=3)
    assert len(found.train) + len(found.structure) + len(found.superfamily) == 5
    for part in (found.sequence, found.structure, found.superfamily):
        for held in part:
            for trained in found.train:
                if held.superfamily == trained.superfamily:
                    assert not {r.tobytes() for r in held.sequences} & {r.tobytes() for r in trained.sequences}
    assert not {f.superfamily for f in found.superfamily} & {f.superfamily for f in found.train}


def test_batches_follow_from_streams() -> None:
    task = prepared()
    one, again, other = task.batch(3, 5, 2), task.batch(3, 5, 2), task.batch(3, 6, 2)
    assert all(torch.equal(one.tensors[name], again.tensors[name]) for name in one.tensors)
    assert not torch.equal(one.tensors["letters"], other.tensors["letters"])
    quiet = prepared(noise=0.0).batch(3, 5, 2)
    assert torch.equal(quiet.tensors["letters"], one.tensors["letters"])
    difference = one.tensors["encodings"] - quiet.tensors["encodings"]
    assert float(difference.std()) == pytest.approx(0.02, rel=0.4)


def test_evaluation_is_repeatable_and_floors_are_beaten_by_the_truth() -> None:
    task = prepared()
    model = model_of(task, likelihood="independent")
    first, second = (task.evaluate(model, "val") for _ in range(2))
    assert first == second
    assert set(first) == set(task.metrics) >= {"loss", "structure_loss", "superfamily_loss", "train_loss"}
    floors = task.floors()
    assert floors["uniform"]["loss"] == math.log(21)
    one = Family("one", np.zeros((4, 2), np.float32), np.tile(np.arange(4, dtype=np.uint8), (50, 1)))
    certain = PreparedFamilies(SimulatedFamilies(), Collection((one,), (one,)), {}).floors()
    assert certain["sites"]["loss"] == pytest.approx(math.log(60.5 / 50.5))
    assert certain["background"]["loss"] == pytest.approx(math.log(210.5 / 50.5), rel=1e-3)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sequences": np.zeros((3, 4), np.uint8)}, "5 residues and its alignment 4 columns"),
        ({"encodings": np.full((5, 6), np.nan, np.float32)}, "encoding of residue 1 is not a number"),
        ({"sequences": np.full((3, 5), 21, np.uint8)}, "sequence 1 has 21 at column 1"),
    ],
)
def test_bad_families_are_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        replace(family(0, 5), **change)


def test_bad_collections_are_one_sentence() -> None:
    narrow = Family("narrow", np.zeros((3, 2), np.float32), np.zeros((2, 3), np.uint8))
    with pytest.raises(DataError, match="differ in width"):
        Collection((family(0, 5),), (narrow,))
    with pytest.raises(DataError, match="nothing to train on"):
        Collection((), ())
    with pytest.raises(DataError, match="no sequences"):
        Collection((family(0, 5, rows=0),), (family(0, 5),))
