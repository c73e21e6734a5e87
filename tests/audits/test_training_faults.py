"""The audits of training catch what others may plant, leave healthy experiments alone, and change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from exhibits import small, small_model
from faults_of_models import Plain, Statistics, layers, wrapped
from faults_of_updates import Shaped, WrongMethod, acted_on
from planted_faults import FAULTS
from torch import Tensor, nn

from seqlab.audits.shared.gate import chosen, examine
from seqlab.audits.shared.subject import Subject
from seqlab.channels import ChannelMixer
from seqlab.channels.mlp import MLP, FeedForward
from seqlab.data.signature import Signature
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.mixers.attention import Attention
from seqlab.mixers.h3 import H3
from seqlab.mixers.hyena import Hyena
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.optim.optimisers.sgd import SGD
from seqlab.optim.schedules.constant import Constant
from seqlab.optim.schedules.cosine import Cosine
from seqlab.regularisers.l2 import L2
from seqlab.tasks.text import Text
from seqlab.train.start import prepare
from tiny_runs import carried_out

AUDITS = (
    "init_loss", "gradient_flow", "dtype", "random_streams", "override_effect", "optimiser_state", "method_effect",
    "memorises", "frozen", "evaluation_phase", "batch_parts", "batch_mixing", "rate_schedule",
)  # fmt: skip


def audited(experiment: Experiment, *names: str) -> list[str]:
    """The sentences of the audits that do not pass."""
    subject = Subject(prepare(experiment).training)
    results = examine(subject, chosen(names), use_cited=False)
    return [result.sentence() for result in results if result.status != "pass"]


def called(fault: tuple[str, Callable[[], Experiment]]) -> str:
    audit, make = fault
    return f"{audit}-{getattr(make, 'args', [getattr(make, '__name__', '')])[0]}".replace(" ", "_")


@pytest.mark.parametrize(("audit", "make"), FAULTS, ids=map(called, FAULTS))
def test_a_fault_of_a_users_own_part_is_caught(audit: str, make: Callable[[], Experiment]) -> None:
    told = audited(make(), audit)
    assert told
    assert told[0].startswith(f"{audit} fails: "), told


HEALTHY: dict[str, Callable[[], Experiment]] = {
    "hyena": lambda: layers(Hyena(order=3)),
    "post-norm, dropout": lambda: layers(placement="post", norm=LayerNorm(), dropout=0.2),
    "dropout that leaves out next to nothing": lambda: layers(Attention(heads=2, dropout=1e-5), dropout=1e-5),
    "batch norm": lambda: layers(norm=Statistics(what="as it should")),
    "a model of its own": lambda: small(Plain()),
    "sgd": lambda: replace(small(), optim=SGD(lr=0.01, momentum=0.9, weight_decay=1e-4), schedule=Cosine(warmup=0.5)),
    "a rate that needs its warm-up": lambda: replace(small(), optim=AdamW(lr=0.05), schedule=Cosine(warmup=0.5)),
    "frozen, in parts, averaged": lambda: replace(
        small(), freeze=("embedding", "blocks.0"), batch=Batching(size=6, accumulate=3), averaging=0.99
    ),
    "methods": lambda: replace(
        small(),
        methods=(ShrinkAndPerturb(every_steps=7, every_tasks=None, moments="zero", noise="normal"),),
        regularisers=(L2(strength=1e-7),),
    ),
    "a method that redraws the head": lambda: replace(
        small(replace(small_model(), tied=False)), methods=(WrongMethod(what="the head"),)
    ),
    "a method that resets the optimiser": lambda: acted_on("moments"),
    "one step of one row": lambda: replace(small(), budget=Budget(steps=1), batch=Batching(size=1)),
    "by the clock": lambda: replace(small(), optim=Muon(adamw_lr=0.01), budget=Budget(minutes=1), schedule=Constant()),
}


class Experts(MLP):
    """Each position is given to one of 16 experts, so that most have no gradient on a small batch."""

    def build(self, *, dim: int) -> ChannelMixer:
        return ManyFeedForwards(self, dim)


class ManyFeedForwards(ChannelMixer):
    def __init__(self, spec: MLP, dim: int) -> None:
        super().__init__()
        self.route = nn.Linear(dim, 16)
        self.experts = nn.ModuleList(FeedForward(spec, dim) for _ in range(16))

    def forward(self, x: Tensor) -> Tensor:
        weight, chosen = self.route(x).softmax(-1).max(-1)
        result = torch.zeros_like(x)
        for index, expert in enumerate(self.experts):
            here = chosen == index
            if here.any():
                result[here] = expert(x[here]) * weight[here][:, None]
        return result

    def flops(self) -> float:
        return 0.0


class Dropping(MLP):
    """Left out at every other step."""

    def build(self, *, dim: int) -> ChannelMixer:
        return NowAndThen(self, dim)


class NowAndThen(FeedForward):
    def forward(self, x: Tensor) -> Tensor:
        if self.training and torch.rand(()) < 0.5:
            return torch.zeros_like(x)
        return super().forward(x) * (1.0 if self.training else 0.5)


class InEvaluationAlone(FeedForward):
    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x) if self.training else super().forward(x)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_experiment_raises_no_alarm(name: str) -> None:
    assert audited(HEALTHY[name](), *AUDITS) == []


@pytest.mark.parametrize("channel", [Experts(), Dropping()])
def test_what_a_small_batch_need_not_use_is_looked_at_again(channel: MLP) -> None:
    assert audited(layers(channel=channel), "gradient_flow") == []


def test_what_is_used_in_evaluation_alone_is_told() -> None:
    class Untrained(MLP):
        def build(self, *, dim: int) -> ChannelMixer:
            return InEvaluationAlone(self, dim)

    (told,) = audited(layers(channel=Untrained()), "gradient_flow")
    assert told.startswith("gradient_flow warns: `blocks.0.channel.up.weight` (and 9 more: ")
    assert "is used in evaluation and not in training" in told


def test_rows_that_influence_one_another_are_named_as_the_cause() -> None:
    (told,) = audited(wrapped("rows in fours"), "batch_parts")
    assert "the rows of a batch influence one another" in told


class Encoder(nn.Module):
    """torch's own encoder, whose layers are copies of one."""

    causal = True
    max_length = None

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.embedding = nn.Embedding(signature.vocabulary, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, signature.vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens)
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], dtype=x.dtype)
        return self.head(self.encoder(x, mask=mask, is_causal=True))


class Copies(Plain):
    def build(self, signature: Signature) -> nn.Module:
        return Encoder(signature)


def test_layers_that_are_copies_are_not_blamed_on_a_seed_alone() -> None:
    (told,) = audited(small(Copies()), "random_streams")
    assert "copy.deepcopy, as torch's nn.TransformerEncoder makes its layers" in told


def test_branches_and_a_head_that_begin_at_zero_have_a_gradient() -> None:
    zero = Normal(scale=0.0)
    experiment = small(replace(small_model(), residual_init=zero, head_init=zero, tied=False))
    assert audited(experiment, "gradient_flow", "memorises", "init_loss") == []


def test_bfloat16_is_computed_in_bfloat16() -> None:
    assert audited(replace(layers(Attention(heads=2, position="alibi")), precision="bfloat16"), "dtype") == []


def test_taps_of_a_filter_are_float32_by_whatever_method_they_are_asked_for() -> None:
    """In a small H3 on short rows the taps are much of the work."""
    assert audited(replace(layers(H3()), precision="bfloat16"), "dtype") == []


def test_nothing_is_asked_of_a_tiny_rate() -> None:
    experiment = replace(small(), optim=AdamW(lr=1e-8))
    assert audited(experiment, "memorises", "override_effect", "optimiser_state", "evaluation_phase") == []


def test_a_text_of_one_repeated_sentence_raises_no_alarm(tmp_path: Path) -> None:
    text = tmp_path / "again.txt"
    text.write_text("The same sentence again and again. " * 100)
    assert audited(replace(small(task=Text(path=str(text), length=16)), budget=Budget(steps=2)), *AUDITS) == []


def test_a_tied_head_on_a_large_embedding_is_only_warned_of() -> None:
    (told,) = audited(small(replace(small_model(), embedding_init=Normal(scale=1.0))), "init_loss")
    assert told.startswith("init_loss warns: ")
    assert "embedding scale" in told


def test_a_tied_head_as_wide_as_the_vocabulary_is_only_warned_of() -> None:
    (told,) = audited(small(replace(small_model(), dim=256, embedding_init=Normal(scale=1.0))), "init_loss")
    assert told.startswith("init_loss warns: ")


def test_a_warm_up_that_is_longer_than_the_run_is_told() -> None:
    (told,) = audited(replace(small(), schedule=Shaped(what="long warm-up")), "rate_schedule")
    assert told.startswith(
        "rate_schedule warns: the run ends within the warm-up of Shaped: its largest rate is 1.9% of"
    )


def test_a_method_that_is_not_due_in_a_trial_of_few_steps_is_no_fault() -> None:
    rare = ShrinkAndPerturb(every_steps=100, every_tasks=None)
    assert audited(replace(small(), budget=Budget(steps=3), methods=(rare,)), "method_effect") == []


def test_an_audit_leaves_weights_modes_gradients_and_generators_alone() -> None:
    training = prepare(replace(small(), methods=(ShrinkAndPerturb(every_steps=5, every_tasks=None),))).training
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    generator = torch.get_rng_state()
    results = list(examine(Subject(training), chosen(AUDITS), use_cited=False))
    assert [result.name for result in results] == list(AUDITS)
    assert all(torch.equal(value, before[name]) for name, value in training.model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert training.model.training
    assert all(p.grad is None for p in training.model.parameters())
    assert (training.step, len(training.optimiser.state)) == (0, 0)


def test_the_record_shows_that_a_method_acted(tiny: Experiment) -> None:
    run, training, _ = carried_out(replace(tiny, methods=(ShrinkAndPerturb(every_steps=2, every_tasks=None),)))
    (result,) = examine(Subject(training, "trained", run=run), chosen(["method_effect"]))
    assert result.status == "pass", result.sentence()


def test_a_record_without_the_methods_acts_fails(tiny: Experiment) -> None:
    run, training, _ = carried_out(tiny)
    training.experiment = replace(tiny, methods=(ShrinkAndPerturb(every_steps=2, every_tasks=None),))
    (result,) = examine(Subject(training, "trained", run=run), chosen(["method_effect"]))
    assert result.status == "fail"
    assert "it never ran" in result.finding.message
