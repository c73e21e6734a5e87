"""What a run will cost: parameters exactly, memory near enough to trust, and the largest value that fits."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Experiment, Snapshots
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.spec import SpecError, find, names
from seqlab.train import forecast as module
from seqlab.train.fit import fit
from seqlab.train.forecast import Forecast, TooLarge, forecast, refuse_if_too_large
from seqlab.train.start import prepare
from tiny_runs import carried_out, in_memory


def expected(experiment: Experiment) -> Forecast:
    return forecast(experiment, experiment.task.prepare(), Path("runs"))


def with_mixer(tiny: Experiment, name: str, **model: Any) -> Experiment:
    mixer = find("mixers", name)()
    assert isinstance(mixer, Mixer)
    return replace(tiny, model=LM(dim=16, layers=(Block(mixer=mixer, channel=MLP()),) * 2, **model))


@pytest.mark.parametrize("meta", [False, True])
@pytest.mark.parametrize("name", names("mixers"))
def test_every_mixer_has_a_forecast(tiny: Experiment, monkeypatch: pytest.MonkeyPatch, name: str, meta: bool) -> None:
    if meta:
        monkeypatch.setattr(module, "SMALL_PARAMETERS", 0)
    experiment = with_mixer(tiny, name)
    found = expected(experiment)
    assert found.parameters == sum(p.numel() for p in in_memory(experiment).model.parameters())
    assert found.flops is not None
    assert found.flops > 0
    assert found.memory_bytes > 16 * found.parameters


def test_real_and_meta_models_count_the_same(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in names("mixers"):
        real = expected(with_mixer(tiny, name)).memory_bytes
        with monkeypatch.context() as patch:
            patch.setattr(module, "SMALL_PARAMETERS", 0)
            assert expected(with_mixer(tiny, name)).memory_bytes == pytest.approx(real, rel=0.3), name


def test_attention_on_the_meta_device_keeps_no_scores(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    long = replace(tiny, task=replace(tiny.task, length=512), batch=Batching(size=1))
    for position in ("rotary", "alibi"):
        mixer = Attention(heads=4, position=position)
        experiment = replace(long, model=LM(dim=16, layers=(Block(mixer=mixer, channel=MLP()),) * 2))
        real = expected(experiment).memory_bytes
        with monkeypatch.context() as patch:
            patch.setattr(module, "SMALL_PARAMETERS", 0)
            assert expected(experiment).memory_bytes == pytest.approx(real, rel=0.1), position


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_activations_do_not_count_the_weights(tiny: Experiment, precision: Any) -> None:
    wide = replace(tiny, model=replace(tiny.model, dim=256), task=replace(tiny.task, length=1), precision=precision)
    found = expected(replace(wide, batch=Batching(size=1)))
    each = 16 if precision == "float32" else 20
    assert each * found.parameters < found.memory_bytes < 1.05 * each * found.parameters


def test_more_needs_more(tiny: Experiment) -> None:
    base = expected(tiny).memory_bytes
    for larger in (
        replace(tiny, batch=Batching(size=8)),
        replace(tiny, task=replace(tiny.task, length=32)),
        replace(tiny, model=replace(tiny.model, dim=32)),
        replace(tiny, model=replace(tiny.model, layers=tiny.model.layers * 2)),
        replace(tiny, averaging=0.9),
        replace(tiny, precision="float64"),
    ):
        assert expected(larger).memory_bytes > base
    whole, parts = (replace(tiny, batch=Batching(size=64, accumulate=count)) for count in (1, 16))
    assert expected(parts).memory_bytes == base < expected(whole).memory_bytes
    deep = replace(tiny, model=replace(tiny.model, layers=tiny.model.layers * 4), batch=Batching(size=64))
    assert expected(replace(deep, gradient_checkpointing=True)).memory_bytes < 0.6 * expected(deep).memory_bytes


def test_what_rows_share_is_counted_once(tiny: Experiment) -> None:
    hyena = replace(tiny, model=LM(dim=16, layers=(Block(mixer=Hyena(), channel=None),)))
    sizes = [expected(replace(hyena, batch=Batching(size=size))).memory_bytes for size in (1, 2, 4, 8)]
    steps = [after - before for before, after in pairwise(sizes)]
    assert steps == [steps[0], 2 * steps[0], 4 * steps[0]]
    assert sizes[0] - 16 * expected(hyena).parameters > steps[0]


def test_arithmetic_of_the_whole_training(tiny: Experiment) -> None:
    found, model = expected(tiny), in_memory(tiny).model
    assert found.steps == 8
    assert found.flops == 3 * model.flops(16) * 4 * 8
    assert found.seconds is not None
    assert found.seconds > 0
    forever = expected(replace(tiny, budget=Budget(minutes=1.0)))
    assert (forever.steps, forever.flops, forever.seconds) == (None, None, None)


def test_the_forecast_of_disk_holds(tiny: Experiment) -> None:
    snapshots = Snapshots(every_steps=1, keep_last=1, keep_every_steps=4)
    experiment = replace(tiny, averaging=0.9, snapshots=snapshots, model=replace(tiny.model, dim=64))
    run, _, _ = carried_out(experiment)
    found = expected(experiment)
    written = run.summary["checkpoint_bytes"]
    assert 0.9 * written < found.checkpoint_bytes < 1.1 * written
    assert found.disk_bytes == 4 * found.checkpoint_bytes


def test_what_does_not_fit_is_refused_before_anything_is_written(
    tiny: Experiment, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "available_memory", lambda device: 1000)
    with pytest.raises(TooLarge, match=r"iB of memory and 0.0 MiB are free; make `batch.size`"):
        prepare(tiny)
    monkeypatch.undo()
    monkeypatch.chdir(workplace)
    with pytest.raises(TooLarge, match=r"MiB of disk and 0.0 MiB are free; free some, keep fewer checkpoints"):
        refuse_if_too_large(replace(expected(tiny), disk_available=1))
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("size", [1, 2, 7, 8, 100])
def test_fit_finds_the_boundary(tiny: Experiment, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    needed = expected(replace(tiny, batch=Batching(size=size))).memory_bytes
    monkeypatch.setattr(module, "available_memory", lambda device: needed)
    assert fit(tiny, "batch.size", Path("runs")) == size


def test_fit_stops_at_the_end_of_the_data_and_at_what_the_spec_allows(tiny: Experiment) -> None:
    windows = in_memory(tiny).task._windows  # type: ignore[attr-defined]
    assert fit(tiny, "batch.size", Path("runs")) == windows
    assert fit(replace(tiny, batch=Batching(size=4)), "batch.accumulate", Path("runs")) == 4


def test_fit_says_what_is_wrong(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match=r"`batch.sise`.*size"):
        fit(tiny, "batch.sise", Path("runs"))
    monkeypatch.setattr(module, "available_memory", lambda device: 1)
    with pytest.raises(SpecError, match="no value of it fits"):
        fit(tiny, "batch.size", Path("runs"))


def test_a_forecast_draws_nothing(tiny: Experiment) -> None:
    before = torch.get_rng_state()
    expected(tiny)
    assert torch.get_rng_state().equal(before)


def test_fit_is_for_whole_numbers_that_cost_something(tiny: Experiment) -> None:
    with pytest.raises(SpecError, match="for fields of whole numbers"):
        fit(tiny, "optim.lr", Path("runs"))
    with pytest.raises(SpecError, match="no value of it is too large"):
        fit(tiny, "seed", Path("runs"))
