"""What the probe of gates says of gates that are known by construction, and which modules have some."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqlab.channels import Channel
from seqlab.channels.compute_gate import ComputeGate
from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.h3conv import H3Conv
from seqlab.mixers.hyena import Hyena
from seqlab.mixers.mlstm import MLSTM
from seqlab.mixers.slstm import SLSTM
from seqlab.mixers.tdln import TDLN
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.matrix_cell import MatrixCell
from seqlab.probes.gates import Gates
from seqlab.spec import members

LENGTH = 16
TOKENS = torch.arange(2 * LENGTH).view(2, LENGTH) % 7


def model_of(channel: Channel, *mixers: Mixer) -> nn.Module:
    torch.manual_seed(0)
    layers = tuple(Block(mixer=mixer, channel=channel) for mixer in mixers)
    return LM(dim=8, layers=layers).build(Signature(vocabulary=7, length=LENGTH)).eval()


def seen(model: nn.Module) -> dict[str, dict[str, Any]]:
    """The profiles by place."""
    with torch.no_grad():
        measures = Gates().measure(model, (TOKENS,))
    return {key.split("/", 2)[2]: value for key, value in measures.items()}  # type: ignore[misc]


def opened_as(channel: Channel, biases: Tensor) -> dict[str, Any]:
    """What is seen of a channel mixer whose gates are a function of their biases alone."""
    model = model_of(channel, Attention(heads=2))
    both = model.get_submodule("blocks.0.channel.gate_and_up")
    with torch.no_grad():
        both.weight.zero_()  # type: ignore[operator,union-attr]
        both.bias[: len(biases)] = biases  # type: ignore[index]
    return seen(model)["blocks.0.channel"]


def test_a_sigmoid_is_told_with_what_is_closed_and_open() -> None:
    """Of 16 gates 4 are closed, 2 are open, the others stand at a half."""
    told = opened_as(ComputeGate(expansion=2, bias=True), torch.tensor([-10.0] * 4 + [0.0] * 10 + [10.0] * 2))
    assert (told["closed"], told["open"], told["median"]) == pytest.approx((4 / 16, 2 / 16, 0.5))
    assert told["shares"] == pytest.approx([0.25, 0, 0, 0, 0, 0.625, 0, 0, 0, 0.125])
    assert (told["p05"], told["p95"]) == pytest.approx((0, 1), abs=1e-4)


def test_another_gate_is_told_by_its_quantiles() -> None:
    biases = torch.linspace(-3, 3, 17)
    told = opened_as(SwiGLU(expansion=17 / 8, multiple=17, bias=True), biases)
    assert set(told) == {"p05", "p25", "median", "p75", "p95"}
    silu = nn.functional.silu(biases)
    assert told["p95"] == pytest.approx(float(silu[-1]))
    assert told["median"] == pytest.approx(float(silu.median()))


def test_times_are_gates() -> None:
    told = seen(model_of(ComputeGate(), TDLN(time_bias=1000.0), TDLN(time_bias=-1000.0, levels=1)))
    assert told["blocks.0.mixer.0.time"]["open"] == 1
    assert [told[f"blocks.1.mixer.{level}.time"]["closed"] for level in (0, 1)] == [1, 1]


def built(spec: Mixer) -> Any:
    torch.manual_seed(0)
    return spec.build(dim=8, length=LENGTH).double().eval()


def test_gates_of_hyena_multiply_what_it_convolves_and_gives() -> None:
    mixer, x = built(Hyena()), torch.randn(2, LENGTH, 8, dtype=torch.float64)
    projected_gates = mixer.gating(x)
    assert list(projected_gates) == ["x_0", "x_1"]
    _, _, convolved = mixer._mix(x, None)
    short = torch.cat([projected_gates[name].values for name in ("x_0", "x_1")], dim=-1)
    v = convolved / short[..., 8:]
    taps, skips, _ = mixer._kernels(LENGTH)
    lags = torch.arange(LENGTH)[:, None] - torch.arange(LENGTH)
    kernel = torch.where(lags >= 0, taps[0][:, lags.clamp(min=0)], 0.0)  # (D, L, L)
    long = torch.einsum("dlm,bmd->bld", kernel, v * short[..., 8:]) + skips[0] * convolved
    torch.testing.assert_close(mixer.out(short[..., :8] * long), mixer(x))


def test_gates_of_h3_multiply_values_and_what_is_read() -> None:
    mixer, x = built(H3Conv()), torch.randn(2, LENGTH, 8, dtype=torch.float64)
    gates = mixer.gating(x)
    *_, products = mixer._mix(x, None, None)
    torch.testing.assert_close(gates["keys"].values * mixer._project(x)[2], products)
    torch.testing.assert_close(gates["queries"].values, mixer._project(x)[0])


def stepped(mixer: SequenceMixer, x: Tensor) -> list[dict[str, Tensor]]:
    """The states of one row, the first from before it."""
    states, state = [mixer.init_state(1)], mixer.init_state(1)
    for t in range(x.shape[1]):
        _, state = mixer.step(x[:, t], state)
        states.append({name: value.clone() for name, value in state.items()})
    return states


def test_gates_of_an_slstm_are_those_of_its_steps() -> None:
    """n' = f n + i and h = o c / n, everything kept divided by exp(m)."""
    mixer, x = built(SLSTM(heads=2)), torch.randn(1, LENGTH, 8, dtype=torch.float64)
    with torch.no_grad():
        mixer.recurrence.weight.normal_(std=0.3)
    gates, forget, states = mixer.gating(x), mixer.kept(x)[""], stepped(mixer, x)
    for t in range(LENGTH):
        before, after = states[t], states[t + 1]
        kept = forget[:, t] * (before["stabiliser"] - after["stabiliser"]).exp() * before["normaliser"]
        written = gates["input"].values[:, t] * (-after["stabiliser"]).exp()
        if t:
            torch.testing.assert_close(after["normaliser"], kept + written)
        read = gates["output"].values[:, t] * after["cell"] / after["normaliser"]
        torch.testing.assert_close(after["output"], read)


@pytest.mark.parametrize("input_gate", ["exponential", "sigmoid"])
def test_gates_of_an_mlstm_are_those_of_its_steps(input_gate: Any) -> None:
    """n' = f n + i k, everything kept divided by exp(m) where i is an exponential."""
    mixer = built(MLSTM(heads=2, cell=MatrixCell(input_gate=input_gate)))
    x = torch.randn(1, LENGTH, 8, dtype=torch.float64)
    with torch.no_grad():
        mixer.gates.project.weight.normal_(std=0.3)
    gates, forget, states = mixer.gating(x), mixer.kept(x)[""], stepped(mixer, x)
    assert gates["input"].is_sigmoid == (input_gate == "sigmoid")
    k = mixer._heads(x)[1]
    for t in range(LENGTH):
        (before, m), (after, m_after) = ((s["normaliser"], s["stabiliser"][..., None]) for s in states[t : t + 2])
        kept = forget[:, t, :, None] * (m - m_after).exp() * before
        written = gates["input"].values[:, t, :, None] * (-m_after).exp() * k[:, t]
        torch.testing.assert_close(after, kept + written)


def test_every_mixer_and_channel_with_gates_says_so() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, LENGTH, 8)
    silent = {"attention", "window", "dln", "lru", "longconv", "s4d", "shift"}
    for name, spec in members("mixers").items():
        gates = spec().build(dim=8, length=LENGTH).eval().gating(x)  # type: ignore[attr-defined]
        assert (not gates) == (name in silent), name
        assert all(0 <= gate.values.min() <= gate.values.max() <= 1 for gate in gates.values() if gate.is_sigmoid)
    for name, spec in members("channels").items():
        assert bool(spec().build(dim=8).gating(x)) == (name != "mlp"), name  # type: ignore[attr-defined]
