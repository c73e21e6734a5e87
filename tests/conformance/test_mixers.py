"""The contract of sequence mixers (seqlab/mixers/__init__.py), for every file of the folder."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
import torch
from shipped_parts import narrowed, relative, variants
from torch import Tensor, nn

from seqlab.mixers import Mixer, SequenceMixer, State
from seqlab.nn.rows import starts_after_padding
from seqlab.optim.groups import parameter_groups
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.spec import from_json, to_json

DIM, LENGTH, BATCH = 16, 24, 3
LENGTHS = [1, 2, 3, 17, LENGTH - 1, LENGTH]
SPECS = variants("mixers")
pytestmark = pytest.mark.parametrize("spec", SPECS)


def build(spec: Mixer, seed: int = 0, length: int = LENGTH) -> SequenceMixer:
    torch.manual_seed(seed)
    return spec.build(dim=DIM, length=length).double().eval()


def causal(spec: Mixer) -> SequenceMixer:
    mixer = build(spec)
    if not mixer.causal:
        pytest.skip("not causal: it sees the future and has no steps")
    return mixer


def inputs(length: int, batch: int = BATCH) -> Tensor:
    return torch.randn(batch, length, DIM, dtype=torch.float64)


@torch.no_grad()
def stepped(mixer: SequenceMixer, x: Tensor, state: State) -> tuple[Tensor, State]:
    outputs = []
    for x_t in x.unbind(1):
        y_t, state = mixer.step(x_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1), state


def rows(state: State, index: list[int]) -> State:
    return {name: tensor[index] for name, tensor in state.items()}


def joined(*states: State) -> State:
    return {name: torch.cat([state[name] for state in states]) for name in states[0]}


@pytest.mark.parametrize("length", LENGTHS)
def test_no_gradient_from_the_future(spec: Mixer, length: int) -> None:
    mixer = causal(spec)
    x = inputs(length, batch=1).requires_grad_()
    y = mixer(x)
    for t in {0, length // 2, length - 1}:
        (gradient,) = torch.autograd.grad(y[:, t].pow(2).sum(), x, retain_graph=True)
        scale = gradient.abs().max().clamp(min=1e-12)
        assert gradient[:, t + 1 :].abs().sum() <= 1e-12 * scale, f"output {t} of {length} depends on a later input"


def test_nothing_beyond_the_reach_is_seen(spec: Mixer) -> None:
    mixer = build(spec)
    if mixer.reach is None:
        pytest.skip("no limit by design")
    x = inputs(LENGTHS[-1], batch=1).requires_grad_()
    (gradient,) = torch.autograd.grad(mixer(x)[:, -1].pow(2).sum(), x)
    assert (gradient[:, : -mixer.reach] == 0).all()
    assert (gradient[:, -mixer.reach :].abs().sum(-1) > 0).all()


def test_the_future_is_seen_where_it_is_promised(spec: Mixer) -> None:
    mixer = build(spec)
    if mixer.causal:
        pytest.skip("causal")
    x = inputs(7, batch=1).requires_grad_()
    (gradient,) = torch.autograd.grad(mixer(x)[:, 0].pow(2).sum(), x)
    assert (gradient.abs().sum(-1) > 0).all()
    with pytest.raises(ValueError, match="causal"):
        mixer.prefill(x)


def test_a_short_input_gives_the_first_outputs_of_a_long_one(spec: Mixer) -> None:
    mixer = causal(spec)
    x = inputs(LENGTH)
    for length in LENGTHS:
        assert relative(mixer(x[:, :length]), mixer(x)[:, :length]) <= 1e-12


def test_longer_inputs_raise_or_go_on(spec: Mixer) -> None:
    mixer = build(spec)
    x = inputs(LENGTH + 3)
    if mixer.max_length is None:
        assert mixer(x).shape == x.shape
        return
    assert mixer.max_length == LENGTH
    with pytest.raises(ValueError, match=f"{LENGTH} positions"):
        mixer(x)
    if mixer.causal:
        _, state = mixer.prefill(x[:, :LENGTH])
        with pytest.raises(ValueError, match=f"{LENGTH} positions"):
            mixer.step(x[:, LENGTH], state)


@pytest.mark.parametrize("prompt", [0, 1, 2, 17, LENGTH - 1])
def test_prefill_and_steps_equal_forward(spec: Mixer, prompt: int) -> None:
    mixer = causal(spec)
    x = inputs(LENGTH)
    whole = mixer(x)
    if prompt == 0:
        y, state = whole[:, :0], mixer.init_state(BATCH)
    else:
        y, state = mixer.prefill(x[:, :prompt])
    rest, state = stepped(mixer, x[:, prompt:], state)
    assert relative(torch.cat([y, rest], dim=1), whole) <= 1e-12
    assert state["position"].tolist() == [LENGTH] * BATCH


def test_what_follows_a_state_is_as_many_steps(spec: Mixer) -> None:
    mixer = causal(spec)
    x = inputs(12)
    whole, expected = mixer.prefill(x)
    y, state = mixer.extend(x[:, 2:], mixer.prefill(x[:, :2])[1])
    assert relative(y, whole[:, 2:]) <= 1e-12
    assert {name: tensor.shape for name, tensor in state.items()} == {n: t.shape for n, t in expected.items()}
    assert state["position"].tolist() == [12] * BATCH


def test_steps_see_changed_weights(spec: Mixer) -> None:
    mixer = causal(spec)
    x = inputs(5)
    stepped(mixer, x, mixer.init_state(BATCH))
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.mul_(1.1).add_(0.01)
    assert relative(stepped(mixer, x, mixer.init_state(BATCH))[0], mixer(x)) <= 1e-12


def test_rows_do_not_mix(spec: Mixer) -> None:
    mixer = build(spec)
    x = inputs(9).requires_grad_()
    (gradient,) = torch.autograd.grad(mixer(x)[1].pow(2).sum(), x)
    assert gradient[[0, 2]].abs().sum() == 0
    assert gradient[1].abs().sum() > 0


def test_the_output_depends_on_every_input(spec: Mixer) -> None:
    mixer = build(spec)
    x = inputs(4).requires_grad_()
    (gradient,) = torch.autograd.grad(mixer(x).pow(2).sum(), x)
    assert (gradient.abs().amax(-1) > 0).all()


def test_selecting_and_joining_rows_commutes_with_steps(spec: Mixer) -> None:
    mixer = causal(spec)
    x = inputs(12)
    _, ahead = mixer.prefill(x[:, :7])
    _, behind = mixer.prefill(x[:, :2])
    mixed = joined(rows(ahead, [2, 0]), rows(behind, [1, 1]))
    after_ahead, _ = stepped(mixer, x[:, 7:12], ahead)
    after_behind, _ = stepped(mixer, x[:, 2:7], behind)
    following = torch.cat([x[[2, 0], 7:12], x[[1, 1], 2:7]])
    y, state = stepped(mixer, following, mixed)
    assert relative(y, torch.cat([after_ahead[[2, 0]], after_behind[[1, 1]]])) <= 1e-12
    assert state["position"].tolist() == [12, 12, 7, 7]


def test_a_saved_state_goes_on(spec: Mixer) -> None:
    mixer = causal(spec)
    x, file = inputs(6), io.BytesIO()
    torch.save(mixer.prefill(x[:, :4])[1], file)
    file.seek(0)
    y, _ = stepped(mixer, x[:, 4:], torch.load(file, weights_only=True))
    assert relative(y, mixer(x)[:, 4:]) <= 1e-12


def test_right_padding_changes_nothing(spec: Mixer) -> None:
    mixer = build(spec)
    x, lengths = inputs(15), torch.tensor([15, 4, 1])
    padded = torch.where(torch.arange(15)[None, :, None] < lengths[:, None, None], x, 1e3)
    y = mixer(padded, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert relative(y[row, :length], mixer(x[row : row + 1, :length])[0]) <= 1e-12


def test_steps_after_a_padded_prompt(spec: Mixer) -> None:
    mixer = causal(spec)
    x, following, lengths = inputs(15), inputs(3), torch.tensor([15, 4, 1])
    _, state = mixer.prefill(torch.where(torch.arange(15)[None, :, None] < lengths[:, None, None], x, 1e3), lengths)
    assert state["position"].tolist() == lengths.tolist()
    y, _ = stepped(mixer, following, state)
    for row, length in enumerate(lengths.tolist()):
        own = torch.cat([x[row, :length], following[row]])[None]
        assert relative(y[row], mixer(own)[0, length:]) <= 1e-12


def resetting(spec: Mixer) -> SequenceMixer:
    mixer = causal(spec)
    if not mixer.resets:
        with pytest.raises(ValueError, match="document"):
            mixer(inputs(4), None, torch.zeros(BATCH, 4, dtype=torch.bool))
        pytest.skip("it cannot begin a document inside a row")
    return mixer


def test_documents_in_a_row_do_not_see_each_other(spec: Mixer) -> None:
    mixer = resetting(spec)
    x, length = inputs(20), 20
    begins = [[0, 1, 2, 13], [7], []]
    starts = torch.zeros(BATCH, length, dtype=torch.bool)
    for row, times in enumerate(begins):
        starts[row, times] = True
    y = mixer(x, None, starts)
    for row, times in enumerate(begins):
        for begin, end in pairwise([0, *(t for t in times if t), length]):
            alone = mixer(x[row : row + 1, begin:end])[0]
            assert relative(y[row, begin:end], alone) <= 1e-11, f"row {row}, positions {begin} to {end}"


def test_left_padding_changes_nothing(spec: Mixer) -> None:
    mixer = resetting(spec)
    x, following, padding = inputs(15), inputs(3), torch.tensor([0, 11, 14])
    padded = torch.where(torch.arange(15)[None, :, None] < padding[:, None, None], 1e3, x)
    y, state = mixer.prefill(padded, None, starts_after_padding(padding, 15))
    assert state["position"].tolist() == (15 - padding).tolist()
    rest, _ = stepped(mixer, following, state)
    for row, first in enumerate(padding.tolist()):
        own = mixer(torch.cat([x[row, first:], following[row]])[None])[0]
        assert relative(torch.cat([y[row, first:], rest[row]]), own) <= 1e-11


def test_steps_after_documents_and_right_padding(spec: Mixer) -> None:
    mixer = resetting(spec)
    x, following, lengths = inputs(15), inputs(3), torch.tensor([15, 9, 4])
    starts = torch.zeros(BATCH, 15, dtype=torch.bool)
    starts[:, [1, 4, 12]] = True
    _, state = mixer.prefill(
        torch.where(torch.arange(15)[None, :, None] < lengths[:, None, None], x, 1e3), lengths, starts
    )
    begins = [12, 4, 1]
    assert state["position"].tolist() == [3, 5, 3]
    y, _ = stepped(mixer, following, state)
    for row, (begin, end) in enumerate(zip(begins, lengths.tolist(), strict=True)):
        own = mixer(torch.cat([x[row, begin:end], following[row]])[None])[0]
        assert relative(y[row], own[end - begin :]) <= 1e-11


def test_no_gradient_across_a_start(spec: Mixer) -> None:
    mixer = resetting(spec)
    x = inputs(9, batch=1).requires_grad_()
    starts = torch.arange(9)[None] == 4
    (gradient,) = torch.autograd.grad(mixer(x, None, starts)[:, 4:].pow(2).sum(), x)
    assert gradient[:, :4].abs().sum() <= 1e-12 * gradient.abs().max()


BAD_INPUT = {
    "no position": (lambda m: m(inputs(0)), "one position"),
    "no row": (lambda m: m(inputs(3, batch=0)), "one row"),
    "two axes": (lambda m: m(inputs(3)[0]), r"\(B, L, D\)"),
    "another dtype": (lambda m: m(inputs(3).float()), "float64.*float32"),
    "whole numbers": (lambda m: m(inputs(3).long()), "int64"),
    "a row of length zero": (lambda m: m(inputs(3), torch.tensor([3, 0, 1])), "length 0"),
    "a row longer than the input": (lambda m: m(inputs(3), torch.tensor([3, 4, 1])), "length 4.*3 positions"),
    "lengths of another batch": (lambda m: m(inputs(3), torch.tensor([3, 3])), r"\(3,\)"),
    "fractional lengths": (lambda m: m(inputs(3), torch.tensor([3.0, 3.0, 1.0])), "float32"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_told_in_one_sentence(spec: Mixer, case: str) -> None:
    call, wanted = BAD_INPUT[case]
    with pytest.raises(ValueError, match=wanted) as told:
        call(build(spec))
    assert "\n" not in str(told.value)


BAD_STATE = {
    "another batch": (lambda s: rows(s, [0, 1]), "2"),
    "another dtype": (lambda s: {n: t.int() for n, t in s.items()}, "int32"),
    "another mixer": (lambda s: s | {"of_another": s["position"]}, "another mixer"),
    "nothing": (lambda s: {}, "another mixer"),
    "another shape": (lambda s: s | {"position": s["position"][:, None]}, "position"),
}


@pytest.mark.parametrize("case", BAD_STATE)
def test_a_wrong_state_is_told_in_one_sentence(spec: Mixer, case: str) -> None:
    mixer = causal(spec)
    change, wanted = BAD_STATE[case]
    _, state = mixer.prefill(inputs(3))
    with pytest.raises(ValueError, match=wanted) as told:
        mixer.step(inputs(3)[:, 0], change(state))
    assert "\n" not in str(told.value)


def test_the_spec_says_where_it_comes_from(spec: Mixer) -> None:
    assert spec.source
    assert spec.complexity


def test_gradients_are_right(spec: Mixer) -> None:
    torch.manual_seed(0)
    mixer = spec.build(dim=8, length=5).double()
    names = [name for name, _ in mixer.named_parameters()]
    x = torch.randn(2, 4, 8, dtype=torch.float64, requires_grad=True)

    def f(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(mixer, dict(zip(names, values, strict=True)), (x,))

    # fast_mode: one random direction in place of every entry, which is enough to see a wrong gradient.
    assert torch.autograd.gradcheck(f, (x, *mixer.parameters()), fast_mode=True)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-2)])
def test_narrow_dtypes_stay_and_come_close(spec: Mixer, dtype: torch.dtype, tolerance: float) -> None:
    """bf16 has 8 bits: weights, inputs and a few intermediate results are off by up to 4e-3 each."""
    mixer, x = build(spec), inputs(17)
    exact = mixer(x)
    narrowed(mixer.float(), dtype)
    y = mixer(x.to(dtype).requires_grad_())
    assert y.dtype == dtype
    assert relative(y, exact) <= tolerance
    y.sum().backward()
    assert all(p.grad is not None and p.grad.dtype == p.dtype for p in mixer.parameters())
    if mixer.causal:
        steps, _ = stepped(mixer, x.to(dtype), mixer.init_state(BATCH))
        assert steps.dtype == dtype
        assert relative(steps, exact) <= tolerance


def test_it_computes_when_everything_is_cast(spec: Mixer) -> None:
    """A model cast whole to bf16, with the parts that ought to keep float32, as `model.bfloat16()` does it."""
    mixer, x = build(spec).bfloat16(), inputs(5).bfloat16().requires_grad_()
    y = mixer(x)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    if mixer.causal:
        stepped(mixer, x.detach(), mixer.prefill(x)[1])


def test_the_state_is_as_stated(spec: Mixer) -> None:
    mixer = causal(spec)
    _, filled = mixer.prefill(inputs(7))
    fresh = mixer.init_state(BATCH)
    assert filled["position"].dtype == torch.int64
    assert filled["position"].tolist() == [7] * BATCH
    assert fresh["position"].tolist() == [0] * BATCH
    assert {k: (v.shape[0], v.dtype) for k, v in fresh.items()} == {k: (BATCH, v.dtype) for k, v in filled.items()}
    assert sum(tensor.nbytes for tensor in filled.values()) == mixer.state_bytes(BATCH, 7)


def test_spec_survives_json(spec: Mixer) -> None:
    assert from_json(to_json(spec)) == spec


def test_seeds_and_resets(spec: Mixer) -> None:
    first, again, other = build(spec, 1), build(spec, 1), build(spec, 2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    x = inputs(5)
    assert relative(first(x), other(x)) > 1e-3
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.fill_(float("nan"))
    first.reset_parameters()
    assert first(x).isfinite().all(), "reset_parameters left a parameter as it was"
    assert all(parameter.isfinite().all() for parameter in first.parameters())


def test_parameter_groups_hold_own_parameters_once(spec: Mixer) -> None:
    mixer = build(spec)
    own = {id(parameter) for parameter in mixer.parameters()}
    grouped = [id(parameter) for group in mixer.param_groups() for parameter in group["params"]]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= own
    assert all(set(group) - {"params"} <= {"lr", "weight_decay"} for group in mixer.param_groups())


def test_biases_and_skips_do_not_decay(spec: Mixer) -> None:
    model = nn.ModuleList([build(spec), nn.Linear(1, 1)])  # a fixed memory alone has nothing to train
    decays = {name: g["weight_decay"] for g in parameter_groups(model, AdamW()) for name in g["names"]}
    kept = {name: decay for name, decay in decays.items() if name.endswith(("bias", "skip"))}
    assert set(kept.values()) <= {0.0}, kept


def test_flops_grow_with_the_length(spec: Mixer) -> None:
    mixer = build(spec)
    assert 0 < mixer.flops(1) < mixer.flops(LENGTH)
