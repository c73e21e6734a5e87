"""Packing: several runs as one batched program, each equal to running alone and each in its own run folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqlab.channels.mlp import MLP as FeedForward
from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.mixers.dln import DLN
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.mlp import MLP
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.wsd import WSD
from seqlab.probes.weight_norms import WeightNorms
from seqlab.regularisers.l2 import L2
from seqlab.tasks.gaussians import Gaussians
from seqlab.train.packed import gain as gain_module
from seqlab.train.packed.gain import measured_gain
from seqlab.train.packed.loop import Member, train_packed
from seqlab.train.packed.pack import Pack
from seqlab.train.packed.refusals import CannotPack, unlike
from seqlab.train.packed.step import packed_step
from seqlab.train.start import prepare, record, resume
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from seqlab.train.watch import Watch
from tiny_runs import At, in_memory, lines

STEPS = 20


@pytest.fixture
def images() -> Experiment:
    """A perceptron on Gaussian classes; a step takes well below a millisecond."""
    return Experiment(
        task=Gaussians(shape=(1, 4, 4), classes=4, training=256, validation=64),
        model=MLP(widths=(12, 12)),
        schedule=WSD(warmup_steps=2),
        budget=Budget(steps=STEPS),
        batch=Batching(size=8),
        evaluation=Evaluation(every_steps=10, log_every_steps=1),
        snapshots=Snapshots(every_steps=10),
        precision="float32",
        device="cpu",
    )


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pack whatever can be packed: no test depends on how fast this machine is at the moment."""
    monkeypatch.setattr(gain_module, "LEAST_GAIN", 0.0)


OPTIMISERS = {
    "sgd": [SGD(lr=0.1), SGD(lr=0.03, weight_decay=0.1), SGD(lr=0.05)],
    "momentum": [SGD(lr=0.1, momentum=0.9), SGD(lr=0.03, momentum=0.5, nesterov=True), SGD(lr=0.05, momentum=0.8)],
    "adam": [Adam(lr=0.01), Adam(lr=0.003, betas=(0.8, 0.9), weight_decay=0.1), Adam(lr=0.001, eps=1e-3)],
    "adamw": [AdamW(lr=0.01), AdamW(lr=0.003, betas=(0.8, 0.9), weight_decay=0.5), AdamW(lr=0.001, eps=1e-3)],
    "muon": [Muon(lr=0.01), Muon(lr=0.02, momentum=0.8), Muon(lr=0.01, adamw_lr=0.01)],
    "mixed": [SGD(lr=0.1), AdamW(lr=0.01), Muon(lr=0.01)],
}


def differing(base: Experiment, optimisers: Sequence[Any]) -> list[Experiment]:
    """Experiments that differ in seed, optimiser and clipping."""
    clips = [None, 0.1, 1.0]
    return [replace(base, seed=place, optim=optim, clip=clips[place]) for place, optim in enumerate(optimisers)]


def steps(experiments: Sequence[Experiment], count: int = STEPS) -> tuple[list[Any], list[Any]]:
    """The metrics and the weights of every member after each of some steps: in a pack, and alone."""
    pack, alone = Pack([in_memory(each) for each in experiments]), [in_memory(each) for each in experiments]
    together, apart = [], []
    for _ in range(count):
        together.append(packed_step(pack))
        apart.append([optimiser_step(t) for t in alone])
    return [together, [weights(t) for t in pack.members]], [apart, [weights(t) for t in alone]]


def weights(t: Training) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in t.model.named_parameters()}


def close(value: Any, other: Any, tolerance: float) -> None:
    """Fail where numbers or tensors in nested values differ by more than a share of the largest."""
    if isinstance(value, dict):
        assert value.keys() == other.keys()
        value, other = list(value.values()), [other[name] for name in value]
    if isinstance(value, list):
        for one, two in zip(value, other, strict=True):
            close(one, two, tolerance)
        return
    one, two = (torch.as_tensor(each, dtype=torch.float64) for each in (value, other))
    assert (one - two).abs().max() <= tolerance * two.abs().max()


@pytest.mark.parametrize("optimisers", OPTIMISERS.values(), ids=OPTIMISERS)
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
def test_a_pack_computes_what_each_would_alone(
    images: Experiment, optimisers: Sequence[Any], precision: Any, tolerance: float
) -> None:
    if precision == "float32" and isinstance(optimisers[2], Muon):
        tolerance = 1e-3  # the iterations of Muon are in bfloat16 where the machine is fast in it
    together, apart = steps(differing(replace(images, precision=precision), optimisers))
    close(together, apart, tolerance)


def test_a_language_model_with_dropout_in_parts_of_a_batch(tiny: Experiment) -> None:
    """Rotary attention, RMS norms, a tied head; the masks are those that each would draw alone."""
    block = replace(tiny.model.layers[0], dropout=0.2, channel=FeedForward(expansion=2.0, dropout=0.1))
    model = replace(tiny.model, layers=(block, replace(block, norm=LayerNorm())), dropout=0.1)
    base = replace(tiny, model=model, precision="float64", batch=Batching(size=5, accumulate=2))
    close(*steps(differing(base, OPTIMISERS["adamw"][:2]), count=3), tolerance=1e-10)


def test_bfloat16_is_rounded_in_a_pack_as_alone(images: Experiment) -> None:
    together, apart = steps(differing(replace(images, precision="bfloat16"), OPTIMISERS["adam"]), count=3)
    close(together, apart, 0.02)
    assert all(tensor.dtype == torch.float32 for tensor in together[1][0].values())


def test_penalties_averages_frozen_weights_and_probes_act_on_each(
    images: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WeightNorms, "phase", "before_update")
    base = replace(images, precision="float64", freeze=("layers.1.*",), averaging=0.9)
    experiments = differing(base, OPTIMISERS["adam"])
    experiments[1] = replace(experiments[1], regularisers=(L2(strength=0.1),))
    experiments[2] = replace(experiments[2], probes=(WeightNorms(every_steps=1),))
    together, apart = steps(experiments)
    close(together, apart, 1e-10)
    assert "train/penalty_l2" in together[0][0][1]
    assert any(name.startswith("weight_norms/") for name in together[0][0][2])


def queued(experiment: Experiment, name: str, watch: Watch | None = None) -> Member:
    prepared = prepare(experiment)
    return Member(prepared.training, record(prepared, name=name), watch or Watch())


def packed(experiments: Sequence[Experiment], watches: Sequence[Watch] | None = None) -> list[Member]:
    watches = watches or [Watch() for _ in experiments]
    return [queued(each, f"packed-{place}", watches[place]) for place, each in enumerate(experiments)]


def alone(experiment: Experiment, name: str) -> Member:
    member = queued(experiment, name)
    resume(member.run)
    return member


def numbers(member: Member) -> list[dict[str, Any]]:
    """The lines of a run's metrics, without the attempt."""
    return [{name: value for name, value in line.items() if name != "attempt"} for line in lines(member.run)]


def same_course(one: Member, other: Member, tolerance: float = 1e-10) -> None:
    """The same lines at the same steps, and the same last checkpoint, tensor by tensor."""
    for line, same in zip(numbers(one), numbers(other), strict=True):
        close(line, same, tolerance)
    ours, theirs = (sorted((m.run.folder / "checkpoints").iterdir(), key=lambda f: int(f.name)) for m in (one, other))
    assert [folder.name for folder in ours] == [folder.name for folder in theirs]
    assert {f.name for f in ours[-1].iterdir()} == {f.name for f in theirs[-1].iterdir()}
    states = [torch.load(folders[-1] / "state.pt", weights_only=True) for folders in (ours, theirs)]
    for state in states:
        del state["seconds"], state["shares"]
    same_state(*states, tolerance)


def same_state(one: Any, other: Any, tolerance: float) -> None:
    """The same keys, types, shapes, and nearly the same numbers."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same_state(one[key], other[key], tolerance)
    elif isinstance(one, list | tuple):
        for a, b in zip(one, other, strict=True):
            same_state(a, b, tolerance)
    elif isinstance(one, Tensor):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        close(one, other, tolerance)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=tolerance)
    else:
        assert one == other


@pytest.mark.usefixtures("worth_it")
def test_each_has_the_run_folder_that_it_would_have_alone(images: Experiment) -> None:
    base = replace(images, precision="float64")
    experiments = differing(base, OPTIMISERS["adam"])
    experiments[1] = replace(experiments[1], methods=(ShrinkAndPerturb(every_tasks=None, every_steps=7),))
    members = packed(experiments)
    assert train_packed(members) == ["finished"] * 3
    for place, (member, experiment) in enumerate(zip(members, experiments, strict=True)):
        assert member.run.state().name == "finished"
        same_course(member, alone(experiment, f"alone-{place}"))
    assert members[0].run.attempts()[0]["origin"]["together"] == 3
    assert "packed-2" in (members[0].run.folder / "events.jsonl").read_text()


@pytest.mark.usefixtures("worth_it")
def test_one_that_stops_goes_on_alone_and_one_of_alone_goes_on_in_a_pack(images: Experiment) -> None:
    base = replace(images, precision="float64")
    experiments = differing(base, OPTIMISERS["adamw"])
    watches: list[Watch] = [Watch() for _ in experiments]
    members = packed(experiments, watches)
    watches[1].metrics = At(7, members[1].run.request_stop).metrics  # type: ignore[method-assign]
    assert train_packed(members) == ["finished", "stopped", "finished"]
    assert members[1].run.state().name == "stopped"
    assert lines(members[1].run)[-1]["step"] == 7

    begun = queued(replace(base, seed=9), "begun-alone")
    resume(begun.run, At(5, begun.run.request_stop))
    assert lines(begun.run)[-1]["step"] == 5
    went_on = [Member(prepare(each).training, m.run, Watch()) for each, m in
               ((experiments[1], members[1]), (replace(base, seed=9), begun))]  # fmt: skip
    assert train_packed(went_on) == ["finished"] * 2
    same_course(members[1], alone(experiments[1], "alone-1"))
    same_course(begun, alone(replace(base, seed=9), "alone-9"))
    assert "together: 1 -> 2" in (begun.run.folder / "events.jsonl").read_text()


@pytest.mark.usefixtures("worth_it")
def test_one_diverges_or_fails_and_the_others_go_on_as_if_alone(
    images: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = replace(images, precision="float64", clip=None, optim=SGD(lr=0.1))
    experiments = [base, replace(base, seed=1, optim=SGD(lr=1e200)), replace(base, seed=2), replace(base, seed=3)]

    class Fails(Watch):
        def metrics(self, progress: Any, values: Any) -> None:
            if progress.step == 5:
                raise ValueError("a probe of the user's")

    members = packed(experiments, [Watch(), Watch(), Fails(), Watch()])
    states = train_packed(members)
    assert states[:2] == ["finished", "diverged"]
    assert isinstance(states[2], ValueError)
    assert [m.run.state().name for m in members] == ["finished", "diverged", "failed", "finished"]
    same_course(members[3], alone(experiments[3], "alone-3"))


@pytest.mark.usefixtures("worth_it")
def test_what_ends_a_step_ends_all_and_each_says_so(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(pack: Pack) -> Any:
        raise MemoryError("no more")

    monkeypatch.setattr("seqlab.train.packed.loop.packed_step", broken)
    members = packed(differing(images, OPTIMISERS["adam"]))
    assert all(isinstance(error, MemoryError) for error in train_packed(members))
    assert [m.run.state().name for m in members] == ["failed"] * 3


def refused(experiments: Sequence[Experiment]) -> str:
    with pytest.raises(CannotPack) as caught:
        measured_gain([in_memory(each) for each in experiments])
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_cannot_be_packed_is_refused_by_name(images: Experiment, tiny: Experiment) -> None:
    wider = replace(images, model=MLP(widths=(13, 12)))
    assert unlike(images, replace(images, seed=1, clip=None, optim=SGD())) is None
    assert "`model.widths" in refused([images, wider])
    assert "`batch.size`" in refused([images, replace(images, batch=Batching(size=4))])
    minutes = replace(images, budget=Budget(steps=5, minutes=1.0))
    assert "`budget.minutes`" in refused([minutes, minutes])

    def two(block: Block) -> list[Experiment]:
        model = replace(tiny.model, layers=(block,))
        return [replace(tiny, model=model, seed=seed) for seed in range(2)]

    plain = tiny.model.layers[0]
    assert "BatchStatisticsNorm at `blocks.0" in refused(two(replace(plain, norm=BatchNorm())))
    assert "the kernel scan " in refused(two(replace(plain, mixer=DLN())))
    assert "cannot be packed" in refused(two(replace(plain, mixer=Hyena())))
    again = replace(tiny, gradient_checkpointing=True)
    assert "`gradient_checkpointing`" in refused([again, again])


def test_a_pack_without_gain_is_declined_with_both_times(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    members = packed([replace(images, seed=seed) for seed in range(2)])
    monkeypatch.setattr(gain_module, "LEAST_GAIN", 1e9)
    with pytest.raises(CannotPack, match=r"packing 2 runs gains nothing here: .* ms a step packed, .* ms one after"):
        train_packed(members)
    assert [m.run.state().name for m in members] == ["queued"] * 2
    assert all(int(m.training.step) == 0 for m in members)


def test_a_task_whose_loss_is_no_function_of_its_batch_is_found_out(
    images: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = [in_memory(replace(images, seed=seed)) for seed in range(2)]
    kind = type(trainings[0].task)
    real, calls = kind.loss, iter(range(1000))

    def moody(self: Any, model: Any, batch: Any) -> Any:
        loss, others = real(self, model, batch)
        return loss * (1 + next(calls)), others

    monkeypatch.setattr(kind, "loss", moody)
    with pytest.raises(CannotPack, match="is another one in a pack"):
        measured_gain(trainings)


def test_data_is_in_memory_once(images: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gain_module, "LEAST_GAIN", 0.0)
    members = packed([replace(images, seed=seed) for seed in range(2)])
    train_packed(members)
    first, second = (m.training.task for m in members)
    assert first is not second
    assert first._held is second._held
