"""What the public Hyena and long convolution do wrong (HazyResearch/safari at 02220c69), and that ours do not.

A faulty form is written out here, on the weights of our module, so that a test shows the fault before it denies it.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.fft import irfft, rfft

from seqlab.filters.explicit import Explicit
from seqlab.filters.implicit import Implicit
from seqlab.filters.short import Short
from seqlab.mixers.hyena import Hyena, HyenaOperator
from seqlab.mixers.longconv import LongConv, LongConvLayer
from seqlab.spec import SpecError

DIM, LENGTH = 6, 24
KERNELS = Explicit(init="double_exp")


def hyena(spec: Hyena, length: int = LENGTH) -> HyenaOperator:
    """With kernels of a size that shows."""
    torch.manual_seed(0)
    module = spec.build(dim=DIM, length=length).double().eval()
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.startswith("filter"):
                parameter.mul_(30)
    return module


def inputs(length: int, batch: int = 1) -> Tensor:
    return torch.randn(batch, length, DIM, dtype=torch.float64)


def by_definition(module: HyenaOperator, x: Tensor) -> Tensor:
    """Sum by sum, position by position, head by head: (B, L, D) -> (B, L, D)."""
    heads, width, gates = module.products.heads, module.products.width, module.order
    weight, length = module.short_weight, x.shape[1]
    projected = module.project(x)
    short = torch.zeros_like(projected) + module.short_bias
    for lag in range(weight.shape[1]):
        short[:, lag:] += weight[:, -1 - lag] * projected[:, : length - lag]
    *x_of, v = short.view(*short.shape[:2], gates + 1, heads, width).unbind(2)
    taps = module.filter(length).view(heads, gates - 1, length)
    back = None if module.filter_back is None else module.filter_back(length).view(heads, gates - 1, length)
    skip = module.skip.view(heads, gates - 1)
    products = v[..., None, :].expand(-1, -1, -1, width, -1)
    for o in range(gates - 1):
        u = x_of[gates - 1 - o][..., None] * products
        products = skip[:, o, None, None] * u
        for t in range(length):
            for s in range(length):
                if s <= t:
                    products[:, t] += taps[:, o, t - s, None, None] * u[:, s]
                elif back is not None:
                    products[:, t] += back[:, o, s - t - 1, None, None] * u[:, s]
    return module.out((x_of[0][..., None] * products).sum(-2).flatten(2))


def share_of_the_future(y: Tensor, x: Tensor, time: int) -> float:
    (gradient,) = torch.autograd.grad(y[:, time].pow(2).sum(), x, retain_graph=True)
    return (gradient[:, time + 1 :].abs().max() / gradient.abs().max()).item()


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("heads", [1, 2, 3, DIM])
@torch.no_grad()
def test_several_heads_work(heads: int, order: int) -> None:
    """safari's operator raises for any number of heads but one."""
    module, x = hyena(Hyena(heads=heads, order=order, filter=KERNELS)), inputs(11, batch=2)
    torch.testing.assert_close(module(x), by_definition(module, x), rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_as_many_heads_as_features_are_the_operator_without_heads() -> None:
    plain, heads = hyena(Hyena(filter=KERNELS)), hyena(Hyena(heads=DIM, filter=KERNELS))
    x = inputs(9)
    assert torch.equal(plain(x), heads(x))
    with pytest.raises(SpecError, match="4 heads do not divide 6"):
        hyena(Hyena(heads=4))


@pytest.mark.parametrize("order", [2, 4])
@torch.no_grad()
def test_both_ways_work(order: int) -> None:
    """safari's operator is causal only."""
    module, x = hyena(Hyena(order=order, bidirectional=True, filter=KERNELS, heads=3)), inputs(10, batch=2)
    torch.testing.assert_close(module(x), by_definition(module, x), rtol=1e-12, atol=1e-12)


def test_a_short_input_does_not_wrap_round() -> None:
    """A transform of twice the input's length takes taps beyond the input's length for taps of the future."""
    module, length = hyena(Hyena(filter=KERNELS, short_filter=1)), 14
    x = inputs(length).requires_grad_()

    def wrapping(x: Tensor) -> Tensor:
        short = module.short_weight[:, 0] * module.project(x) + module.short_bias
        x_0, x_1, v = short.mT.chunk(3, dim=1)
        u, points = x_1 * v, 2 * length
        mixed = irfft(rfft(u, points) * rfft(module.filter(LENGTH), points), points)[..., :length]
        return module.out((x_0 * (mixed + module.skip[:, None] * u)).mT)

    assert share_of_the_future(wrapping(x), x, 2) > 1e-3
    assert share_of_the_future(module(x), x, 2) <= 1e-13
    torch.testing.assert_close(module(x), by_definition(module, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spec", [Hyena(), LongConv()])
def test_a_longer_input_raises_and_is_not_cut(spec: Hyena | LongConv) -> None:
    """safari's operator returns as many positions as it was built for, and says nothing."""
    module = spec.build(dim=DIM, length=LENGTH)
    with pytest.raises(ValueError, match=f"built for {LENGTH} positions and was given {LENGTH + 8}"):
        module(torch.randn(1, LENGTH + 8, DIM))


@pytest.mark.parametrize("spec", [Hyena(order=3, filter=KERNELS, heads=3), Hyena(filter=Short())])
@torch.no_grad()
def test_it_generates(spec: Hyena) -> None:
    """safari's `recurrence` is not implemented. Rows of unequal length go on through several sizes of squares."""
    length = 200
    module, x = hyena(spec, length), inputs(length, batch=2)
    whole, prompts = module(x), torch.tensor([70, 33])
    _, state = module.prefill(x[:, :70], prompts)
    for time in range(length - 70):
        at = prompts + time
        y, state = module.step(x[torch.arange(2), at], state)
        torch.testing.assert_close(y, whole[torch.arange(2), at], rtol=1e-12, atol=1e-12)


def test_fixed_positions_leave_no_trace_of_the_length_in_the_weights() -> None:
    """Trained positions tie a checkpoint to its length; here they are a choice, and the formula is the same."""
    spec = Hyena(filter=Implicit(positions_lr=0.0))
    short, long = hyena(spec, LENGTH), hyena(spec, 2 * LENGTH)
    assert {n: p.shape for n, p in short.state_dict().items()} == {n: p.shape for n, p in long.state_dict().items()}
    trained = Hyena().build(dim=DIM, length=LENGTH).double()
    trained.load_state_dict(short.state_dict(), strict=False)
    torch.testing.assert_close(trained.filter(LENGTH), short.filter(LENGTH), rtol=0, atol=1e-12)


@pytest.mark.parametrize("key", ["local_order", "num_heads", "jit_filter", "inner_factor"])
def test_a_key_that_nothing_reads_is_refused(key: str) -> None:
    """Published configurations of safari set `local_order`, which no line of it reads."""
    with pytest.raises(SpecError, match=f"no field `{key}`"):
        Hyena(**{key: 2})


def longconv(spec: LongConv) -> LongConvLayer:
    torch.manual_seed(0)
    return spec.build(dim=DIM, length=LENGTH).double()


def test_kernels_learn_at_a_rate_of_their_own() -> None:
    layer = longconv(LongConv(filter=Explicit(lr=5e-4, weight_decay=0.01), bidirectional=True))
    groups = layer.param_groups()
    assert [(g["lr"], g["weight_decay"], g["params"][0].shape) for g in groups] == [(5e-4, 0.01, (DIM, LENGTH))] * 4


def test_dropped_features_are_dropped_at_every_position() -> None:
    layer, hidden = longconv(LongConv(dropout=0.5)), []
    layer.out.register_forward_pre_hook(lambda module, args: hidden.append(args[0]))
    layer(inputs(LENGTH, batch=20))
    dropped = hidden[0] == 0
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert 0.3 < dropped.double().mean() < 0.7
    layer.eval()(inputs(LENGTH))
    assert not (hidden[1] == 0).any()


@torch.no_grad()
def test_dropped_taps_of_training_are_not_kept_for_generation() -> None:
    layer, x = longconv(LongConv(filter=Explicit(dropout=0.5))), inputs(5)
    layer.step(x[:, 0], layer.init_state(1))
    layer.eval()
    state, outputs = layer.init_state(1), []
    for x_t in x.unbind(1):
        y, state = layer.step(x_t, state)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), layer(x), rtol=1e-12, atol=1e-12)
