"""float32 creeps into a bf16 block: one `.float()` for a stable activation, and all that follows it is in float32.

The xLSTM notebook's first model ran in float32 because no dtype was given (10.7 tokens a second over two GPUs). The
numbers are right; only the speed and the memory are those of another model, so nobody looks.
"""

from __future__ import annotations

from dataclasses import replace

from exhibits import small, small_model
from torch import Tensor
from torch.nn import functional as F

from seqlab.channels import ChannelMixer
from seqlab.channels.mlp import MLP, FeedForward
from seqlab.experiment import Experiment
from seqlab.mixers.attention import Attention
from seqlab.models import Block

CAUGHT_BY = "dtype"
SAYS = r"of the work with weights .* in `blocks\.0` is in float32 .* begins with `\w+` in `blocks\.0\.channel"


class Careful(MLP):
    def build(self, *, dim: int) -> ChannelMixer:
        return CarefulFeedForward(self, dim)


class CarefulFeedForward(FeedForward):
    def forward(self, x: Tensor) -> Tensor:
        hidden = F.gelu(self.up(x).float())  # gelu overflows, they say
        assert self.down.bias is not None
        return F.linear(hidden, self.down.weight.float(), self.down.bias.float()).to(x.dtype)


def healthy() -> Experiment:
    return replace(small(), precision="bfloat16")


def faulty() -> Experiment:
    layers = (Block(mixer=Attention(heads=2), channel=Careful()),) * 2
    return replace(small(replace(small_model(), layers=layers)), precision="bfloat16")
