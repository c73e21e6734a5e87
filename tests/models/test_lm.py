"""The language model: its parts, its laws, its two ways of running, and what it says of itself."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.channels.mlp import MLP
from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.window import Window
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.attention_laws import AttentionLaws
from seqlab.nn.inits.glorot import Glorot
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.spec import SpecError

SIGNATURE = Signature(vocabulary=11, length=12)
MIXERS = [Attention(heads=2, position="rotary"), Window(window=4, heads=2, position="alibi"), Hyena()]


def model_of(*mixers: Mixer, signature: Signature = SIGNATURE, dim: int = 16, **fields: Any) -> LanguageModel:
    block = fields.pop("block", {})
    torch.manual_seed(1)
    return LM(dim=dim, layers=tuple(Block(mixer=mixer, **block) for mixer in mixers), **fields).build(signature)


def tokens(rows: int = 3, length: int = 12) -> Tensor:
    return torch.randint(0, 11, (rows, length), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("position", ["none", "learned", "sinusoidal"])
@pytest.mark.parametrize("placement", ["pre", "post"])
def test_reading_at_once_and_step_by_step_agree(tied: bool, position: Any, placement: Any) -> None:
    model = model_of(
        *MIXERS,
        block={"placement": placement, "channel": SwiGLU(multiple=4), "norm": LayerNorm()},
        tied=tied,
        position=position,
        embedding_norm=tied,
        init=Normal(scale=0.3),
    )
    model = model.double().eval()
    x = tokens()
    whole = model(x)
    assert whole.shape == (3, 12, 11)
    logits, state = model.prefill(x[:, :5])
    torch.testing.assert_close(logits, whole[:, 4])
    for at in range(5, 12):
        logits, state = model.step(x[:, at], state)
        torch.testing.assert_close(logits, whole[:, at])
    state = model.init_state(3)
    for at in range(12):
        logits, state = model.step(x[:, at], state)
        torch.testing.assert_close(logits, whole[:, at])


def test_rows_of_a_state_are_independent() -> None:
    """Rows of different lengths are read together, selected, joined and stepped."""
    model = model_of(*MIXERS, position="learned").double().eval()
    x, lengths = tokens(), torch.tensor([3, 7, 5])
    logits, state = model.prefill(x[:, :7], lengths)
    assert state["0/position"].tolist() == lengths.tolist()
    chosen = {name: tensor[[2, 0]] for name, tensor in state.items()}
    logits, _ = model.step(torch.stack([x[2, 5], x[0, 3]]), chosen)
    torch.testing.assert_close(logits[0], model(x)[2, 5])
    torch.testing.assert_close(logits[1], model(x)[0, 3])


def test_no_logit_sees_the_future() -> None:
    model = model_of(*MIXERS).eval()
    assert model.causal
    x = tokens()
    other = x.clone()
    other[:, 7:] = (other[:, 7:] + 1) % 11
    torch.testing.assert_close(model(x)[:, :7], model(other)[:, :7])
    assert not model(x)[:, 7:].allclose(model(other)[:, 7:])
    assert not model_of(MIXERS[0], Attention(heads=2, causal=False)).causal


def test_the_longest_input() -> None:
    assert model_of(Window(heads=2)).max_length is None
    assert model_of(Window(heads=2), Attention(heads=2)).max_length == 12
    learned = model_of(Window(heads=2), position="learned")
    assert learned.max_length == 12
    with pytest.raises(ValueError, match="learned 12 positions and was given 13"):
        learned(tokens(length=13))
    assert model_of(Window(heads=2), position="sinusoidal")(tokens(length=30)).shape == (3, 30, 11)


@pytest.mark.parametrize("position", ["learned", "sinusoidal"])
def test_positions_tell_places_apart(position: Any) -> None:
    same = torch.zeros(1, 6, dtype=torch.int64)
    blind = model_of(Window(heads=2, window=1))(same)
    torch.testing.assert_close(blind[:, 0], blind[:, 5])
    seeing = model_of(Window(heads=2, window=1), position=position)(same)
    assert not seeing[:, 0].allclose(seeing[:, 5])


def std(weight: Tensor) -> float:
    return float(weight.detach().std())


def test_the_laws_of_the_weights() -> None:
    wide = Signature(vocabulary=500, length=64)
    fields: dict[str, Any] = {"init": Normal(scale=0.03), "tied": False, "head_init": Glorot(), "position": "learned"}
    attention = Attention(heads=2)
    model = model_of(*[attention] * 4, signature=wide, dim=128, embedding_init=Normal(scale=0.5), **fields)
    assert std(model.embedding.weight) == pytest.approx(0.5, rel=0.03)
    assert model.positions is not None
    assert std(model.positions.weight) == pytest.approx(0.5, rel=0.05)
    assert model.head is not None
    assert std(model.head.weight) == pytest.approx(math.sqrt(2 / (500 + 128)), rel=0.03)
    for block in model.blocks:
        assert std(block.mixer.heads.project.weight) == pytest.approx(0.03, rel=0.05)
        assert std(block.channel.up.weight) == pytest.approx(0.03, rel=0.05)
        for branch in (block.mixer.out, block.channel.down):
            assert std(branch.weight) == pytest.approx(0.03 / math.sqrt(8), rel=0.05)
        assert not block.channel.down.bias.any()
    flat = model_of(*[attention] * 4, signature=wide, dim=128, depth_scaled=False, **fields)
    assert std(flat.blocks[0].mixer.out.weight) == pytest.approx(0.03, rel=0.05)
    zero = model_of(attention, residual_init=Normal(scale=0.0), **fields)
    assert not zero.blocks[0].mixer.out.weight.any()
    assert not zero.blocks[0].channel.down.weight.any()
    assert std(zero.blocks[0].channel.up.weight) > 0


def test_a_filter_keeps_its_own_law() -> None:
    def frequency(model: LanguageModel) -> Tensor:
        return torch.cat([p.flatten() for name, p in model.named_parameters() if "filter.hidden" in name])

    assert frequency(model_of(Hyena(), init=Normal(scale=1e-6))).std() > 0.01


def test_tied_and_untied() -> None:
    tied, untied = model_of(MIXERS[0]), model_of(MIXERS[0], tied=False)
    assert untied.head is not None
    assert sum(p.numel() for p in untied.parameters()) - sum(p.numel() for p in tied.parameters()) == 11 * 16
    tied(tokens()).logsumexp(-1).sum().backward()
    assert tied.embedding.weight.grad is not None
    untied(tokens()).logsumexp(-1).sum().backward()
    assert all(p.grad is not None for p in untied.parameters())


def test_branches_of_pre_and_post_norm() -> None:
    x = torch.randn(2, 5, 16)
    norms = {"channel": None, "norm": LayerNorm()}
    pre = model_of(MIXERS[0], block=norms).blocks[0]
    torch.testing.assert_close(pre(x), x + pre.mixer(pre.mixer_norm(x)))
    post = model_of(MIXERS[0], block={**norms, "placement": "post"}).blocks[0]
    torch.testing.assert_close(post(x), post.mixer_norm(x + post.mixer(x)))


def test_dropout_acts_in_training_only() -> None:
    model = model_of(MIXERS[0], dropout=0.3, block={"dropout": 0.3, "channel": MLP(dropout=0.2)})
    assert not model(tokens()).equal(model(tokens()))
    model.eval()
    assert model(tokens()).equal(model(tokens()))


def test_recomputed_activations_give_the_same_gradient() -> None:
    def gradients(checkpointing: bool) -> list[Tensor]:
        model = model_of(*MIXERS, block={"dropout": 0.2})
        for block in model.blocks:
            block.checkpointing = checkpointing
        torch.manual_seed(3)
        model(tokens()).logsumexp(-1).square().sum().backward()
        return [p.grad for p in model.parameters() if p.grad is not None]

    torch.testing.assert_close(gradients(True), gradients(False), rtol=0, atol=0)


def test_flops_are_those_of_the_formula() -> None:
    length, dim, vocabulary = 12, 16, 11
    block = Block(mixer=Attention(heads=2), channel=MLP(expansion=4.0))
    model = LM(dim=dim, layers=(block,) * 3).build(SIGNATURE)
    linears = 2 * length * (3 * dim * dim + dim * dim) + 2 * length * 2 * 4 * dim * dim
    pairs = 4 * dim * length * (length + 1) / 2
    assert model.flops(length) == 3 * (linears + pairs) + 2 * length * vocabulary * dim


def test_the_card_says_what_is_there() -> None:
    spec = LM(dim=16, layers=(Block(mixer=MIXERS[0]), Block(mixer=Hyena(), channel=None, placement="post")), tied=False)
    model = spec.build(SIGNATURE)
    card = spec.card(model)
    assert (card["dim"], card["vocabulary"], card["tied"], card["position"]) == (16, 11, False, "none")
    first, second = card["layers"]
    assert (first["mixer"], first["causal"], first["position"], first["channel"]) == (
        "attention",
        True,
        "rotary",
        "mlp",
    )
    assert (second["layer"], second["mixer"], second["channel"], second["norm"]) == (1, "hyena", None, "post rmsnorm")
    in_blocks = sum(row["parameters"] for row in card["layers"])
    outside = 2 * 11 * 16 + 16
    assert in_blocks + outside == sum(p.numel() for p in model.parameters())


def test_a_model_needs_a_layer() -> None:
    with pytest.raises(SpecError, match="needs at least one layer"):
        LM(layers=())


def test_the_head_is_marked_for_the_optimiser() -> None:
    model = model_of(MIXERS[0], tied=False)
    marked = [name for name, module in model.named_modules() if getattr(module, "is_head", False)]
    assert marked == ["head"]
    assert isinstance(model.head, nn.Linear)


def test_matrices_have_laws_of_their_own() -> None:
    laws = AttentionLaws(qkv=Normal(scale=5.0), v=Glorot(scale=3.0), out=Normal(scale=0.0))
    mixer = Attention(heads=2, laws=laws)
    channel = MLP(up_init=Normal(scale=7.0), down_init=Normal(scale=0.0), bias=False)
    model = model_of(
        mixer, dim=128, block={"channel": channel}, tied=False, head_from_embedding=True, position="learned",
        positions_init=Normal(scale=2.0), init=Normal(scale=1.0), embedding_init=Normal(scale=4.0), norm=None,
    )  # fmt: skip
    block = model.blocks[0]
    q_and_k, v = block.mixer.heads.project.weight.split([256, 128])
    wanted = {5.0: q_and_k, 3 / math.sqrt(128): v, 7.0: block.channel.up.weight, 2.0: model.positions.weight}
    for std, weight in {**wanted, 4.0: model.embedding.weight}.items():
        assert float(weight.detach().std()) == pytest.approx(std, rel=0.05)
    assert not block.mixer.out.weight.any()
    assert not block.channel.down.weight.any()
    assert torch.equal(model.head.weight, model.embedding.weight)
    assert model.head.weight is not model.embedding.weight
    assert model.norm is None


def test_a_fused_and_a_split_law_differ_where_the_law_asks_for_the_shape() -> None:
    def std(**laws: Glorot) -> float:
        model = model_of(Attention(heads=2, laws=AttentionLaws(**laws)), dim=128)
        return float(model.blocks[0].mixer.heads.project.weight[:256].detach().std())

    assert std(qkv=Glorot()) == pytest.approx(math.sqrt(2 / 512), rel=0.05)
    assert std(qk=Glorot()) == pytest.approx(math.sqrt(2 / 384), rel=0.05)


def test_a_layer_without_its_residual_and_one_that_doubles_it() -> None:
    x = torch.randn(2, 5, 16)
    single, none, doubled = (
        model_of(MIXERS[0], block={"residual": residual}).blocks[0] for residual in ("single", "none", "doubled")
    )
    torch.testing.assert_close(doubled(x), x + single(x))
    inner = none.mixer(none.mixer_norm(x))
    torch.testing.assert_close(none(x), none.channel(none.channel_norm(inner)))


def test_laws_that_mean_nothing_are_refused() -> None:
    with pytest.raises(SpecError, match="a tied head is the embedding"):
        model_of(MIXERS[0], head_from_embedding=True)
    with pytest.raises(SpecError, match="`positions_init` is of learned positions"):
        model_of(MIXERS[0], positions_init=Normal())
