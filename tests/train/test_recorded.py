"""Several updates in one call of a recorded step: the same run, bit for bit, or one by one and a sentence why."""

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from same_runs import assert_same
from seqlab.channels.mlp import MLP as FeedForward
from seqlab.experiment import Batching, Budget, Distribution, Evaluation, Experiment, Snapshots
from seqlab.methods.cbp import CBP
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.mixers.tdln import TDLN
from seqlab.models.mlp import MLP, Perceptron
from seqlab.models.tiled import Tiled
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.optim.schedules.plateau import Plateau
from seqlab.optim.schedules.wsd import WSD
from seqlab.probes.lifetimes import Lifetimes
from seqlab.probes.updates import Updates
from seqlab.regularisers.l2_init import L2Init
from seqlab.spec import SpecError
from seqlab.tasks import Batch
from seqlab.tasks.gaussians import Gaussians, PreparedGaussians
from seqlab.tasks.strings import Strings
from seqlab.train.cadence import Cadence, updates_until_due
from seqlab.train.interventions import begin_interventions
from seqlab.train.recorded import choice
from seqlab.train.recorded import step as step_module
from seqlab.train.recorded.choice import OneByOne, measured_gain
from seqlab.train.recorded.step import RecordedStep
from seqlab.train.start import resume
from seqlab.train.step import optimiser_step
from seqlab.train.training import Training
from tiny_runs import At, carried_out, in_memory, queued, stopped


@pytest.fixture
def images() -> Experiment:
    """A perceptron on Gaussian classes; a step takes well below a millisecond."""
    return Experiment(
        task=Gaussians(shape=(1, 4, 4), classes=4, training=30, validation=64),
        model=MLP(widths=(12, 12)),
        schedule=WSD(warmup_steps=2),
        budget=Budget(steps=40),
        batch=Batching(size=8),
        evaluation=Evaluation(every_steps=15, log_every_steps=7),
        snapshots=Snapshots(every_steps=13),
        precision="float32",
        device="cpu",
        updates_per_call=5,
    )


@pytest.fixture(autouse=True)
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Record whatever can be recorded: no test depends on how fast this machine is at the moment."""
    monkeypatch.setattr(choice, "LEAST_GAIN", 0.0)
    monkeypatch.setattr(choice, "LONGEST_STEP", 1e9)
    monkeypatch.setattr(choice, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(choice, "LEAST_STEPS", 0)


VARIANTS = MappingProxyType(
    {
        "adamw": {},
        "bfloat16, parts, an average": {
            "precision": "bfloat16", "batch": Batching(size=8, accumulate=3), "averaging": 0.9,
        },
        "a schedule that watches evaluations": {"schedule": Plateau(patience=1), "optim": AdamW(lr=0.05)},
        "momentum, no clipping": {"optim": SGD(lr=0.1, momentum=0.9), "clip": None},
        "muon, frozen": {"optim": Muon(lr=0.01), "freeze": ("layers.0.*",)},
        "a penalty": {"regularisers": (L2Init(strength=0.1),)},
        "methods now and then, probes": {
            "methods": (ShrinkAndPerturb(every_steps=11, every_tasks=None),), "probes": (Updates(every_steps=9),),
        },
        "units that are watched": {
            "methods": (CBP(replacement_rate=0.1, maturity_steps=2),), "probes": (Lifetimes(every_steps=8),),
        },
    }
)  # fmt: skip


def assert_equal_weights(one: Training, other: Training) -> None:
    for name, parameter in one.model.named_parameters():
        assert parameter.equal(other.model.get_parameter(name))


@pytest.fixture
def rare_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every seventh batch has four rows."""
    whole = PreparedGaussians.batch

    def batch(self: PreparedGaussians, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        found = whole(self, seed, step, size, stage)
        return replace(found.parts(2)[0], scored=4, tokens=found.tokens // 2) if step % 7 == 6 else found

    monkeypatch.setattr(PreparedGaussians, "batch", batch)


@pytest.mark.usefixtures("rare_shape")
@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_several_updates_a_call_are_the_same_run(images: Experiment, changes: dict[str, Any]) -> None:
    experiment = replace(images, **changes)
    watch = At(0, lambda: None)
    several, _, _ = carried_out(experiment, "several", watch)
    assert any("up to 5 updates a call" in message for message in watch.messages)
    one, _, _ = carried_out(replace(experiment, updates_per_call=1), "one")
    assert_same(several, one)
    assert [event["message"] for event in several.events() if event["kind"] == "updates_per_call"]


def test_a_language_model_with_dropout_draws_what_it_would_alone(tiny: Experiment) -> None:
    block = replace(tiny.model.layers[0], dropout=0.2, channel=FeedForward(expansion=2.0, dropout=0.1))
    mixer = replace(block.mixer, dropout=0.3)
    model = replace(tiny.model, layers=(replace(block, mixer=mixer), block), dropout=0.1)
    experiment = replace(tiny, model=model, budget=Budget(steps=30), updates_per_call=4)
    experiment = replace(experiment, evaluation=Evaluation(every_steps=8, log_every_steps=8))
    several, _, _ = carried_out(experiment, "several")
    one, _, _ = carried_out(replace(experiment, updates_per_call=1), "one")
    assert_same(several, one)
    assert "up to 4" in next(event["message"] for event in several.events() if event["kind"] == "updates_per_call")


def test_strings_of_several_lengths_and_a_recurrence_in_cpp(text: Any) -> None:
    experiment = Experiment(
        task=Strings(path=str(text), count=3, lengths=(9, 12), symbols="bits"),
        model=Tiled(dim=8, mixers=(TDLN(),)),
        budget=Budget(steps=30),
        batch=Batching(size=2),
        precision="float32",
        device="cpu",
        updates_per_call=10,
    )
    several, _, _ = carried_out(experiment, "several")
    one, _, _ = carried_out(replace(experiment, updates_per_call=1), "one")
    assert_same(several, one)
    assert "up to 10" in next(event["message"] for event in several.events() if event["kind"] == "updates_per_call")


def test_a_stopped_run_goes_on_the_same(images: Experiment) -> None:
    interrupted = queued(images, "interrupted")
    stopped(interrupted, 14)
    resume(interrupted)
    one, _, _ = carried_out(replace(images, updates_per_call=1), "one")
    assert_same(interrupted, one)


@pytest.mark.parametrize("steps", [3, 20, 47])
@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation": Evaluation(log_every_steps=100)},
        {"evaluation": Evaluation(every_steps=6, log_every_steps=4)},
        {"snapshots": Snapshots(every_steps=9, keep_every_steps=12)},
    ],
)
def test_no_call_goes_past_what_is_due(images: Experiment, changes: dict[str, Any], steps: int) -> None:
    t = in_memory(replace(images, budget=Budget(steps=steps), **changes))
    cadence, wanted, ends = Cadence(t), set(), set()
    for t.step in range(1, steps + 1):
        due = [cadence.log(()), cadence.evaluate(), cadence.save(), t.step == steps]
        if due[2]:
            cadence.saved()
        if any(due):
            wanted.add(t.step)
    t.step = 0
    while t.step < steps:
        t.step += updates_until_due(t, 8)
        ends.add(t.step)
    assert wanted <= ends
    assert all(later - earlier <= 8 for earlier, later in zip(sorted(ends), sorted(ends)[1:], strict=False))
    assert max(ends) == steps


def test_a_budget_of_minutes_leaves_calls_long(images: Experiment) -> None:
    t = in_memory(replace(images, budget=Budget(minutes=1.0), schedule=Constant(), evaluation=Evaluation()))
    t.step = 30
    assert updates_until_due(t, 100) == 9


def counts(model: Perceptron, x: Tensor) -> Tensor:
    """From the hundredth call on another x: a number that Python keeps."""
    model.calls = getattr(model, "calls", 0) + 1  # type: ignore[assignment]
    return x * (1 + model.calls // 100)  # type: ignore[operator]


def counts_in_a_list(model: Perceptron, x: Tensor) -> Tensor:
    model.__dict__.setdefault("calls", []).append(len(x))
    return x * (1 + len(model.calls) // 100)  # type: ignore[arg-type]


def keeps_a_mean(model: Perceptron, x: Tensor) -> Tensor:
    """A tensor that is put in the place of another, and plays no part in training."""
    mean = model.__dict__.get("mean", torch.zeros(()))
    object.__setattr__(model, "mean", 0.9 * mean + 0.1 * x.detach().mean())
    return x


def peeks(model: Perceptron, x: Tensor) -> Tensor:
    return x if x.sum().item() > 0 else 2 * x


def peeks_by_numpy(model: Perceptron, x: Tensor) -> Tensor:
    return x if float(np.asarray(x).max()) < 5 else 2 * x


def peeks_by_a_list(model: Perceptron, x: Tensor) -> Tensor:
    return x if max(x.detach().flatten().tolist()) < 5 else 2 * x


REASONS = {
    counts: "`calls` of the model is another one after a step",
    counts_in_a_list: "`calls` of the model is another one after a step",
    keeps_a_mean: "`mean` of the model is another one after a step",
    peeks: "looks at values or draws at random",
    peeks_by_numpy: "__array__ looks at values",
    peeks_by_a_list: "tolist looks at values",
}


@pytest.mark.parametrize(("look", "reason"), REASONS.items(), ids=lambda given: getattr(given, "__name__", ""))
def test_what_is_not_the_same_each_time_is_taken_one_by_one(
    images: Experiment, monkeypatch: pytest.MonkeyPatch, look: Callable[[Perceptron, Tensor], Tensor], reason: str
) -> None:
    forward = Perceptron.forward
    monkeypatch.setattr(Perceptron, "forward", lambda model, x: forward(model, look(model, x)))
    with pytest.raises(OneByOne, match=reason):
        measured_gain(in_memory(images))
    watch = At(0, lambda: None)
    _, _, state = carried_out(images, watch=watch)
    assert state == "finished"
    assert any(message.startswith("updates are taken one by one: ") for message in watch.messages)


def calls_of(monkeypatch: pytest.MonkeyPatch, factor: Callable[[int], float]) -> None:
    """Let each pass in training multiply its x by a factor of the number of calls, which nothing of the model tells."""
    forward, calls = Perceptron.forward, list[int]()

    def changed(model: Perceptron, x: Tensor) -> Tensor:
        calls.extend([1] * model.training)
        return forward(model, x * factor(len(calls)))

    monkeypatch.setattr(Perceptron, "forward", changed)


def test_a_hidden_count_is_found_when_it_acts_in_the_trial(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    calls_of(monkeypatch, lambda count: count)
    with pytest.raises(OneByOne, match="otherwise than an ordinary one"):
        measured_gain(in_memory(images))


def test_a_hidden_count_that_acts_later_is_found_and_told(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded step passes through no module, so that the count stands still from the trial on."""
    t = in_memory(images)
    began = [False]
    monkeypatch.setattr(step_module, "COMPARED_EVERY", 10)
    calls_of(monkeypatch, lambda count: 2.0 if began[0] else 1.0)
    told: list[tuple[str, bool]] = []
    step = RecordedStep(t, lambda *given: told.append(given))
    for _ in range(15):
        step()
    assert not told
    began[0] = True
    for _ in range(10):
        step()
    assert told == [
        (
            "at step 21 a recorded one no longer computes what an ordinary one does, so that those since step 11 may "
            "be others than one by one",
            True,
        )
    ]
    assert t.step == 25


def test_an_alarm_stands_in_the_summary(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model changes behind the trial's back when the first metrics line is written."""
    began = [False]
    monkeypatch.setattr(step_module, "COMPARED_EVERY", 10)
    calls_of(monkeypatch, lambda count: 2.0 if began[0] else 1.0)
    run, _, state = carried_out(images, watch=At(21, lambda: began.__setitem__(0, True)))
    assert state == "finished"
    (alarm,) = run.summary["alarms"]
    assert "no longer computes what an ordinary one does" in alarm
    assert [event["message"] for event in run.events() if event["kind"] == "alarm"] == [alarm]


@pytest.mark.usefixtures("rare_shape")
def test_a_shape_that_cannot_be_recorded_ends_it_without_a_trace(
    images: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small batches the model looks at a value, after the trial."""
    forward, peeking = Perceptron.forward, [False]

    def changed(model: Perceptron, x: Tensor) -> Tensor:
        if len(x) < 8 and model.training and peeking[0]:
            x = x * (1 + float(x.sum() > 1e9))
        return forward(model, x)

    monkeypatch.setattr(Perceptron, "forward", changed)
    watched = replace(images, methods=(CBP(replacement_rate=0.1, maturity_steps=2),))
    steps, told = [in_memory(watched) for _ in range(2)], list[tuple[str, bool]]()
    for t in steps:
        begin_interventions(t)
    peeking[0] = True
    recorded = RecordedStep(steps[0], lambda *given: told.append(given))
    for _ in range(20):
        recorded()
        optimiser_step(steps[1])
    assert told == [("aten._local_scalar_dense.default looks at values or draws at random", False)]
    assert_equal_weights(*steps)


@pytest.mark.usefixtures("rare_shape")
def test_a_parameter_without_a_gradient_at_first(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of small batches alone do all have one; of the others a whole group has none."""
    forward = Perceptron.forward

    def changed(model: Perceptron, x: Tensor) -> Tensor:
        weights = dict(model.named_parameters())
        if len(x) < 8 or not model.training:
            return forward(model, x)
        return x.flatten(1)[:, :4] * weights["layers.0.weight"].flatten()[:4]

    monkeypatch.setattr(Perceptron, "forward", changed)
    one, other = (in_memory(images) for _ in range(2))
    recorded = RecordedStep(one, lambda reason, _: pytest.fail(reason))
    for _ in range(20):
        recorded()
        optimiser_step(other)
    assert_equal_weights(one, other)


def test_a_penalty_with_new_draws_is_taken_one_by_one(images: Experiment) -> None:
    with pytest.raises(OneByOne, match="draws at random"):
        measured_gain(in_memory(replace(images, regularisers=(L2Init(strength=0.1, towards="fresh"),))))


def test_long_steps_and_no_gain_are_told(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "LEAST_GAIN", 1e9)
    with pytest.raises(OneByOne, match=r"gains nothing here, .* ms an update, .* ms one by one"):
        measured_gain(in_memory(images))
    monkeypatch.setattr(choice, "LONGEST_STEP", 0.0)
    with pytest.raises(OneByOne, match="of which recording would spare little"):
        measured_gain(in_memory(images))


def test_few_steps_are_not_worth_trying(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "LEAST_SECONDS", 1e9)
    with pytest.raises(OneByOne, match=r"the 40 steps that are left take .* s, as long as trying would"):
        measured_gain(in_memory(images))
    monkeypatch.setattr(choice, "LEAST_STEPS", 41)
    with pytest.raises(OneByOne, match="of the 40 steps that are left, trying would take as much as it spares"):
        measured_gain(in_memory(images))


def test_a_task_that_cuts_by_content_is_taken_one_by_one(images: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PreparedGaussians, "parts", lambda self, batch, count, model: batch.parts(2), raising=False)
    with pytest.raises(OneByOne, match="cuts its batches by what is in them"):
        measured_gain(in_memory(images))


def test_statistics_of_a_batch_are_gathered_once_a_step(tiny: Experiment) -> None:
    model = replace(tiny.model, layers=(replace(tiny.model.layers[0], norm=BatchNorm()),))
    experiment = replace(tiny, model=model, budget=Budget(steps=30), updates_per_call=4, evaluation=Evaluation())
    several, _, _ = carried_out(experiment, "several")
    one, _, _ = carried_out(replace(experiment, updates_per_call=1), "one")
    assert_same(several, one)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"distribution": Distribution(processes=2)}, "distribution.processes"),
        ({"gradient_checkpointing": True}, "gradient_checkpointing"),
        ({"precision": "float16", "device": "auto"}, "precision=float16"),
    ],
)
def test_settings_that_exclude_it(images: Experiment, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(SpecError, match=f"updates_per_call=5: `{named}"):
        replace(images, **changes)


def test_the_training_that_is_asked_about_is_left_as_it_is(images: Experiment) -> None:
    t = in_memory(images)
    before = {name: p.detach().clone() for name, p in t.model.named_parameters()}
    measured_gain(t)
    assert t.step == 0
    assert all(p.equal(before[name]) for name, p in t.model.named_parameters())
