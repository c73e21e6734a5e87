"""What the xLSTM of NX-AI and of Hugging Face's transformers gets wrong, and that ours does not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from seqlab.mixers import Mixer, SequenceMixer
from seqlab.mixers.mlstm import MLSTM
from seqlab.mixers.mlstm_classic import ClassicMLSTM
from seqlab.mixers.slstm import SLSTM
from seqlab.nn.matrix_cell import MatrixCell
from seqlab.nn.rows import starts_after_padding
from seqlab.spec import SpecError

XLSTM: list[Mixer] = [MLSTM(), ClassicMLSTM(), SLSTM()]
every_mixer = pytest.mark.parametrize("spec", XLSTM, ids=["mlstm", "mlstm_classic", "slstm"])


def built(spec: Mixer, dim: int = 16, *, alive: bool = True) -> SequenceMixer:
    """A mixer; alive: with gates and recurrences that depend on the input, unlike at the start."""
    mixer = spec.build(dim=dim, length=8)
    if alive:
        with torch.no_grad():
            for parameter in mixer.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return mixer


@torch.no_grad()
def stepped(mixer: SequenceMixer, x: Tensor) -> Tensor:
    outputs, state = [], mixer.init_state(len(x))
    for x_t in x.unbind(1):
        y_t, state = mixer.step(x_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize(("dim", "heads", "factor"), [(64, 4, 0.5), (24, 2, 0.25), (10, 1, 0.7), (12, 3, 1.5)])
def test_a_state_fits_its_layer_at_any_width(dim: int, heads: int, factor: float) -> None:
    """The public cache rounds the width of keys up to a multiple of 64, its layer does not."""
    mixer = built(MLSTM(heads=heads, qk_dim_factor=factor), dim).double()
    x = torch.randn(2, 5, dim, dtype=torch.float64)
    torch.testing.assert_close(stepped(mixer, x), mixer(x))


def test_heads_that_do_not_divide_a_width_are_told() -> None:
    with pytest.raises(SpecError, match=r"qk_dim_factor=0.3 makes 4 .* 3 heads"):
        MLSTM(heads=3, qk_dim_factor=0.3).build(dim=15, length=8)


@pytest.mark.parametrize("spec", [MLSTM(heads=8, qk_dim_factor=1.0), ClassicMLSTM(heads=16), SLSTM(heads=8)])
def test_heads_of_one_feature_are_refused(spec: Mixer) -> None:
    """Their layer norm leaves nothing: the layer would be 0 whatever it reads."""
    with pytest.raises(SpecError, match="heads of one feature"):
        spec.build(dim=8, length=8)


@every_mixer
def test_a_bfloat16_model_remembers_in_float32(spec: Mixer) -> None:
    """The public cache takes the dtype of the embedding."""
    mixer = built(spec).bfloat16()
    _, state = mixer.prefill(torch.randn(1, 3, 16).bfloat16())
    memory = {name: entry.dtype for name, entry in state.items() if name not in ("recent", "position")}
    assert set(memory.values()) == {torch.float32}


def test_a_bfloat16_memory_forgets() -> None:
    """What the public cache does to its own model, with everything else in float32."""
    x, weights = torch.randn(4, 100, 16), built(MLSTM()).state_dict()
    errors = []
    for spec in (MLSTM(), MLSTM(cell=MatrixCell(state_dtype="bfloat16"))):
        mixer = built(spec)
        mixer.load_state_dict(weights)
        errors.append((stepped(mixer, x) - mixer(x)).square().mean().sqrt())
    assert errors[1] > 100 * errors[0]


@every_mixer
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 130])
def test_a_bfloat16_model_needs_no_state(spec: Mixer, length: int) -> None:
    """The public chunkwise path multiplies bfloat16 by float32 zeros and fails."""
    mixer = built(spec).bfloat16()
    assert mixer(torch.randn(2, length, 16).bfloat16()).dtype == torch.bfloat16


@every_mixer
def test_a_long_input_without_a_state_keeps_its_digits(spec: Mixer) -> None:
    """Beyond 16384 positions the public model goes on from a bfloat16 cache, and is off by 0.3."""
    mixer, x = built(spec, dim=8), torch.randn(1, 16384 + 70, 8)
    with torch.no_grad():
        y, exact = mixer(x)[:, -70:], mixer.double()(x.double())[:, -70:]
    assert (y - exact).abs().max() <= 1e-3 * exact.abs().max()


@every_mixer
def test_left_padding_changes_nothing(spec: Mixer) -> None:
    """The public model takes an attention mask and does not look at it."""
    mixer, prompts = built(spec).double(), [torch.randn(n, 16, dtype=torch.float64) for n in (9, 4)]
    padding = torch.tensor([0, 5])
    padded = torch.full((2, 9, 16), 7.0, dtype=torch.float64)
    for row, prompt in enumerate(prompts):
        padded[row, padding[row] :] = prompt
    following = torch.randn(2, 16, dtype=torch.float64)
    y, state = mixer.prefill(padded, None, starts_after_padding(padding, 9))
    after, _ = mixer.step(following, state)
    for row, prompt in enumerate(prompts):
        alone = mixer(torch.cat([prompt, following[row][None]])[None])[0]
        torch.testing.assert_close(torch.cat([y[row, padding[row] :], after[row][None]]), alone)


@every_mixer
@pytest.mark.parametrize("length", [1, 37, 64, 100])
def test_training_at_any_length(spec: Mixer, length: int) -> None:
    """The public model trains at multiples of 64 alone, and fails in the backward pass when it also returns a state."""
    mixer, x = built(spec).train(), torch.randn(2, length, 16)
    y, state = mixer.prefill(x)
    following, _ = mixer.step(x[:, 0], state)
    (y.sum() + following.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in mixer.parameters())


def test_the_memory_is_trained_through_its_end() -> None:
    """A gradient that comes in through the state reaches the first position."""
    mixer, x = built(MLSTM(cell=MatrixCell(chunk=4))).double(), torch.randn(1, 11, 16, dtype=torch.float64)
    x.requires_grad_()
    _, state = mixer.prefill(x)
    y, _ = mixer.step(torch.randn(1, 16, dtype=torch.float64), state)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert (gradient.abs().sum(-1) > 0).all()
