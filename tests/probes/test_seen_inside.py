"""What probes say of models whose inside is known."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.filters.explicit import Explicit
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.dln import DLN
from seqlab.mixers.longconv import LongConv
from seqlab.mixers.slstm import SLSTM
from seqlab.mixers.window import Window
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.memory import Memory
from seqlab.probes.shared.spread import OCTAVES, octaves, quantiles
from seqlab.spec import find, members

LENGTH = 16
TOKENS = torch.arange(2 * LENGTH).view(2, LENGTH) % 7


def model_of(*mixers: Mixer, activation: Any = "gelu") -> nn.Module:
    torch.manual_seed(0)
    layers = tuple(Block(mixer=mixer, channel=MLP(activation=activation)) for mixer in mixers)
    return LM(dim=8, layers=layers).build(Signature(vocabulary=7, length=LENGTH)).eval()


def seen(name: str, model: nn.Module) -> dict[str, dict[str, Any]]:
    """The profiles of a probe by place."""
    torch.manual_seed(0)
    with torch.no_grad():
        measures = find("probes", name)().measure(model, (TOKENS,))  # type: ignore[attr-defined]
    return {key.split("/", 2)[2]: value for key, value in measures.items()}


def test_equal_attention_has_all_the_entropy_there_is() -> None:
    model = model_of(Attention(heads=2), Window(window=4, heads=2))
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if "heads" in path:
                parameter.zero_()
    full, window = seen("attention", model).values()
    assert full["share"] == pytest.approx(1)
    assert full["entropy"] == pytest.approx(sum(math.log(n + 1) for n in range(LENGTH)) / LENGTH)
    assert full["distance"] == pytest.approx((LENGTH - 1) / 4)
    assert window["entropy"] < math.log(4) + 1e-6
    assert window["heads"] == pytest.approx([1, 1])


@pytest.mark.parametrize("position", ["none", "rotary", "alibi"])
@pytest.mark.parametrize("kind", [Attention, Window])
def test_weights_of_attention_are_those_it_computes_with(kind: Any, position: Any) -> None:
    torch.manual_seed(0)
    others = {"window": 5, "sinks": 1} if kind is Window else {}
    mixer = kind(heads=2, position=position, **others).build(dim=8, length=LENGTH)
    x = torch.randn(2, LENGTH, 8)
    weights = mixer.attention_weights(x)
    _, _, v = mixer.heads(x, torch.arange(LENGTH)[None])
    y = mixer.out(torch.einsum("bhlm,bmhe->blhe", weights, v).flatten(2))
    torch.testing.assert_close(y, mixer(x))


def test_a_memory_of_one_horizon_is_seen_as_one() -> None:
    model = model_of(DLN(memory=Memory(shortest_horizon=100, longest_horizon=100)))
    (profile,) = seen("memory", model).values()
    assert profile["p05"] == pytest.approx(100, rel=0.01)
    assert profile["p95"] == pytest.approx(100, rel=0.01)
    assert profile["horizons"][7] == pytest.approx(1)  # from 64 to below 128
    assert profile["growing"] == 0
    with torch.no_grad():
        model.blocks[0].mixer.memory.size.fill_(1.1)  # type: ignore[index,union-attr]
    (profile,) = seen("memory", model).values()
    assert (profile["median"], profile["growing"]) == (1e6, 1)


def test_forget_gates_are_those_of_the_recurrence() -> None:
    """One sLSTM of which all is held still but the forget gate: n then decays by it."""
    torch.manual_seed(0)
    mixer = SLSTM(heads=2).build(dim=8, length=LENGTH)
    assert isinstance(mixer, SequenceMixer)
    with torch.no_grad():
        mixer.recurrence.weight.normal_(std=0.3)  # type: ignore[union-attr,operator]
    x = torch.randn(1, LENGTH, 8)
    gates, states = mixer.kept(x)[""], []
    state = mixer.init_state(1)
    for t in range(LENGTH):
        _, state = mixer.step(x[:, t], state)
        states.append({name: value.clone() for name, value in state.items()})
    raw = mixer._raw(x, mixer.convolution(x, None))  # type: ignore[operator]
    for t in range(1, LENGTH):
        before, after = states[t - 1], states[t]
        recurrent = torch.einsum("hoi,bhi->bho", mixer.recurrence.weight[:, 0], before["output"])  # type: ignore[union-attr,index]
        written = (raw[:, t, :, 0] + recurrent - after["stabiliser"]).exp()
        scale = (before["stabiliser"] - after["stabiliser"]).exp()
        torch.testing.assert_close(after["normaliser"], gates[:, t] * scale * before["normaliser"] + written)


def test_every_mixer_that_remembers_by_decays_says_so() -> None:
    torch.manual_seed(0)
    silent = {"attention", "h3", "h3conv", "hyena", "longconv", "s4d", "shift", "window"}  # or their filters do
    for name, spec in members("mixers").items():
        mixer = spec().build(dim=8, length=LENGTH)  # type: ignore[attr-defined]
        kept = mixer.eval().kept(torch.randn(2, LENGTH, 8))
        assert (not kept) == (name in silent), name
        assert all(bool(((value >= 0) & (value <= 1)).all()) for value in kept.values()), name


def test_a_window_looks_no_farther_than_it_is() -> None:
    model = model_of(Window(window=4, heads=2), Attention(heads=2))
    looks = seen("receptive_field", model)
    assert looks["blocks.0.mixer"]["farthest"] == 4
    assert looks["blocks.1.mixer"]["farthest"] == LENGTH
    assert looks["model"]["farthest"] == LENGTH
    assert sum(looks["model"]["octaves"]) == pytest.approx(1)


def test_a_stream_added_twice_is_seen_to_double() -> None:
    class Doubling(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
            nn.init.zeros_(self.layers[1].weight)

        def forward(self, tokens: Tensor) -> Tensor:
            x = torch.nn.functional.one_hot(tokens, 8).float()
            for layer in self.layers:
                x = layer(x)
            return x

    model = Doubling()
    with torch.no_grad():
        for layer in model.layers:
            layer.weight.copy_(2 * torch.eye(8))
            layer.bias.zero_()
    assert [layer["gain"] for layer in seen("residual", model).values()] == pytest.approx([2, 2, 2])
    assert [layer["added"] for layer in seen("residual", model).values()] == pytest.approx([1, 1, 1])


def test_units_that_never_open_are_dead() -> None:
    model = model_of(Attention(heads=2), activation="relu")
    with torch.no_grad():
        up = model.blocks[0].channel.up  # type: ignore[index,union-attr]
        up.weight[: len(up.weight) // 4] = 0  # relu(0): a quarter
        up.bias[: len(up.bias) // 4] = -1 if up.bias is not None else 0
    assert seen("activations", model)["blocks.0.channel.down (in)"]["dead"] >= 0.25


def test_a_kernel_of_one_tap_reaches_one_and_has_a_flat_spectrum() -> None:
    model = model_of(LongConv(filter=Explicit(), channels=1))
    with torch.no_grad():
        weight = model.blocks[0].mixer.filters[0].weight  # type: ignore[index,union-attr]
        weight.zero_()[:, 0] = 1
    (profile,) = seen("kernels", model).values()
    assert profile["reach"] == profile["longest"] == 1
    assert profile["spectrum"] == pytest.approx([1] * (LENGTH // 2 + 1))
    assert profile["taps"][:2] == [1, 0]


def test_quantiles_and_octaves() -> None:
    told = quantiles(torch.arange(101.0))
    assert list(told.values()) == [5, 25, 50, 75, 95]
    shares = octaves(torch.tensor([0.0, 1.0, 3.0, torch.inf]))
    assert len(shares) == OCTAVES
    assert [index for index, share in enumerate(shares) if share] == [0, 1, 2, OCTAVES - 1]
