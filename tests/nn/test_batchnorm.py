"""Batch norm: torch's own on the real positions, its running averages in evaluation, and what it mixes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.nn.norms import normed
from seqlab.nn.norms.batchnorm import BatchNorm, BatchStatisticsNorm

DIM = 6


def pair() -> tuple[BatchStatisticsNorm, nn.BatchNorm1d]:
    """Ours and torch's, with the same weights."""
    ours, theirs = BatchNorm(momentum=0.3).build(dim=DIM).double(), nn.BatchNorm1d(DIM, momentum=0.3).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.add_(torch.randn(DIM))
    theirs.load_state_dict(ours.state_dict(), strict=False)
    return ours, theirs


def batch() -> tuple[Tensor, Tensor]:
    return torch.randn(3, 7, DIM, dtype=torch.float64), torch.tensor([7, 1, 4])


def test_it_is_torchs_on_the_real_positions() -> None:
    ours, theirs = pair()
    for _ in range(3):
        x, lengths = batch()
        real = torch.arange(7) < lengths[:, None]
        x.requires_grad_()
        y = normed(ours, x.masked_fill(~real[..., None], 1e3), lengths)
        torch.testing.assert_close(y[real], theirs(x[real]), rtol=0, atol=1e-12)
        assert (y[~real] == 0).all()
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=0, atol=1e-12)


def test_evaluation_takes_the_averages_at_every_position_and_step() -> None:
    ours, theirs = pair()
    x, lengths = batch()
    normed(ours, x), theirs(x.flatten(0, 1))
    ours.eval(), theirs.eval()
    before = ours.running_mean.clone()
    y = normed(ours, x, lengths)
    torch.testing.assert_close(y, theirs(x.flatten(0, 1)).view(x.shape), rtol=0, atol=1e-12)
    torch.testing.assert_close(ours(x[:, 3]), y[:, 3], rtol=0, atol=1e-12)
    assert torch.equal(ours.running_mean, before)


def test_a_model_streams_in_evaluation_and_gathers_a_recomputed_pass_once() -> None:
    block = Block(mixer=Attention(heads=2), norm=BatchNorm()).build(dim=DIM, length=7).double()
    x = torch.randn(3, 7, DIM, dtype=torch.float64, requires_grad=True)
    block(x).sum().backward()
    once = {name: tensor.clone() for name, tensor in block.named_buffers()}
    block.mixer_norm.reset_parameters()
    block.channel_norm.reset_parameters()
    block.checkpointing = True
    block(x).sum().backward()
    for name, tensor in block.named_buffers():
        assert torch.equal(tensor, once[name]), name
    block.eval()
    whole = block(x)
    y, state = block.prefill(x[:, :4])
    for t in range(4, 7):
        y_t, state = block.step(x[:, t], state)
        y = torch.cat([y, y_t[:, None]], dim=1)
    torch.testing.assert_close(y, whole, rtol=0, atol=1e-12)


def test_one_position_has_no_variance() -> None:
    with pytest.raises(ValueError, match="more than one real position"):
        BatchNorm().build(dim=DIM)(torch.randn(1, DIM))
