"""float32 in a model of one's own that has no list of layers: most of its work is in float32 in a bf16 run."""

from __future__ import annotations

from dataclasses import replace

from exhibits import Own, mean_so_far, small
from torch import Tensor, nn
from torch.nn import functional as F

from seqlab.data.signature import Signature
from seqlab.experiment import Experiment

CAUGHT_BY = "dtype"
SAYS = r"of the work with weights and attention in the model is in float32"


class Flat(Own):
    """An embedding, one branch, a head."""

    wide: bool = True
    """Whether the branch is in float32."""

    def build(self, signature: Signature) -> nn.Module:
        return FlatModel(self.wide, signature.vocabulary)


class FlatModel(nn.Module):
    def __init__(self, wide: bool, vocabulary: int, dim: int = 16) -> None:
        super().__init__()
        self.wide = wide
        self.embedding, self.head = nn.Embedding(vocabulary, dim), nn.Linear(dim, vocabulary)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        x = mean_so_far(self.embedding(tokens))
        hidden = F.gelu(self._times(x, self.up))
        logits: Tensor = self.head((x + self._times(hidden, self.down)).to(self.head.weight.dtype))
        return logits

    def _times(self, x: Tensor, linear: nn.Linear) -> Tensor:
        if not self.wide:
            y: Tensor = linear(x)
            return y
        return F.linear(x.float(), linear.weight.float(), linear.bias.float())


def healthy() -> Experiment:
    return replace(small(Flat(wide=False)), precision="bfloat16")


def faulty() -> Experiment:
    return replace(small(Flat()), precision="bfloat16")
