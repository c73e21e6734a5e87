"""Potts: a transformer that reads a structure and emits the Potts model of its sequences (arXiv 2406.11975)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data.signature import Signature
from seqlab.kernels.potts_logits import potts_logits
from seqlab.kernels.potts_logits.reference import Form
from seqlab.kernels.potts_penalty import potts_penalty
from seqlab.models import Block, BlockModule, Model, layer_card
from seqlab.nn.linear import Linear
from seqlab.nn.parameter_heads import HeadMap, HeadWidening, InputMap, input_map
from seqlab.nn.rows import is_padding
from seqlab.spec import Field, SpecError

__all__ = ["Emitted", "LowRank", "Potts", "PottsModel"]

Likelihood = Literal["pseudo", "autoregressive", "autoregressive_scaled", "independent"]
FORMS: dict[str, Form] = {"pseudo": "all", "autoregressive": "before", "autoregressive_scaled": "before_scaled"}


class LowRank(NamedTuple):
    """J_ij(a, b) = sum_k left_k(i, a) right_k(j, b), zero where i = j; sites that are padding are zero throughout."""

    left: Tensor
    """(B, K, N, q)."""
    right: Tensor
    """(B, K, N, q)."""
    fields: Tensor
    """h, (B, N, q)."""


class Emitted(NamedTuple):
    """What a forward pass leaves; couplings are never laid out."""

    logits: Tensor
    """Of each letter of each sequence given the others, or those before: (B, M, N, q)."""
    couplings: Tensor
    """|J|^2 over ordered pairs (ij and ji), or over one triangle where the likelihood is autoregressive: (B,)."""
    fields: Tensor
    """|h|^2: (B,)."""


class Potts(Model):
    """x = map(encodings); blocks, a relu behind each; u_k = relu(P_k x), v_k = W u_k for K heads; J_ij(a, b) =
    K^-1/2 sum_k v_k(i, a) v_k(j, b) and h_i = K^-1/2 sum_k (W' v_k(i) + b'). Sequences are probable where h and J are
    positive. Without positions: the order of the chain comes from the encodings alone. Linears are drawn by torch's
    default, uniform within 1/sqrt(fan_in), biases too; factors, logits and norms are in float32 or wider.
    """

    dim: int = Field(default=512, ge=1)
    """D, the width of the residual stream."""
    layers: tuple[Block, ...]
    """The blocks, first to last; none may be causal. Published: post-norm, relu, attention without positions."""
    heads: int = Field(default=48, ge=1)
    """K, the parameter heads: couplings have at most this rank (untied ones twice it)."""
    input_map: InputMap = "linear"
    """What brings encodings to D features."""
    head_map: HeadMap = "linear"
    """P, what makes K vectors out of each site's."""
    couplings: Literal["shared", "signed", "untied"] = "shared"
    """shared: J = sum of +v v'; signed: every second head counts negative, for attraction alone is a cone; untied: J =
    sum of (u v' + v u') / 2, u of a linear of its own."""
    likelihood: Likelihood = "pseudo"
    """What logits condition on: all other sites; those before (arDCA), as they are or divided by max(i, 1), i from 0
    (the public code); or nothing: fields alone, no couplings."""
    relu: bool = True
    """Whether a relu stands behind each block, as in the public code."""

    def check(self) -> None:
        if not self.layers:
            raise SpecError("models/potts needs at least one layer in `layers`.")
        if self.likelihood == "independent" and self.couplings == "untied":
            raise SpecError("models/potts: `likelihood=independent` has no couplings to untie; set `couplings=shared`.")

    def build(self, signature: Signature) -> PottsModel:
        if not signature.emits or signature.shape is None:
            raise SpecError(
                "models/potts emits a distribution over the sequences of a structure, and the task asks for something "
                "else; set `task=families`, or choose another `model`."
            )
        return PottsModel(self, signature, *signature.shape)

    def card(self, model: nn.Module) -> dict[str, Any]:
        potts = cast(PottsModel, model)
        return {
            "dim": self.dim,
            "heads": self.heads,
            "head_map": self.head_map,
            "couplings": self.couplings,
            "likelihood": self.likelihood,
            "layers": [
                layer_card(index, spec, block)
                for index, (spec, block) in enumerate(zip(self.layers, potts.each_block(), strict=True))
            ],
        }


class PottsModel(nn.Module):
    """encodings (B, N, F), letters (B, M, N), lengths (B,) or None -> `Emitted`. What stands in the padding behind a
    structure's last residue changes nothing; logits there are zero."""

    causal = False

    def __init__(self, spec: Potts, signature: Signature, features: int) -> None:
        super().__init__()
        self.size, self.relu, self.kind = signature.vocabulary, spec.relu, spec.couplings
        self.form = FORMS.get(spec.likelihood)
        self.length = signature.length
        self.entrance = input_map(spec.input_map, features, spec.dim)
        self.blocks = nn.ModuleList(block.build(dim=spec.dim, length=signature.length) for block in spec.layers)
        self.widening = HeadWidening(spec.head_map, spec.dim, spec.heads)
        self.factors = _head(spec.dim, self.size)
        self.other_factors = _head(spec.dim, self.size) if spec.couplings == "untied" else None
        self.field = _head(self.size, self.size)
        if any(block.mixer.causal for block in self.each_block()):
            raise SpecError(
                "models/potts reads whole structures, and the mixer of a layer is causal; give each layer a mixer that "
                "looks both ways (attention: `causal=false`)."
            )

    def each_block(self) -> Iterator[BlockModule]:
        """The layers, first to last."""
        return cast(Iterator[BlockModule], iter(self.blocks))

    def forward(self, encodings: Tensor, letters: Tensor, lengths: Tensor | None = None) -> Emitted:
        left, right, fields = self.emit(encodings, lengths)
        squares = fields.square().sum((1, 2))
        if self.form is None:
            logits = fields[:, None].expand(-1, letters.shape[1], -1, -1)
            return Emitted(logits, torch.zeros_like(squares), squares)
        logits = potts_logits(left, right, fields, letters.long(), self.form)
        return Emitted(logits, potts_penalty(left, right, self.form), squares)

    def emit(self, encodings: Tensor, lengths: Tensor | None = None) -> LowRank:
        """The Potts model of each structure, of low rank: K heads, 2 K where couplings are untied."""
        x = self.entrance(encodings.to(self.factors.weight.dtype))
        padding = None if lengths is None else is_padding(x[..., 0], lengths)
        for block in self.each_block():
            x = block(x, lengths)
            x = F.relu(x) if self.relu else x
        heads = self.widening(x)
        v = _wide(self.factors(heads), padding)
        scale = v.shape[2] ** -0.5
        # K biases add up: each head has the linear to itself.
        summed = F.linear(v.sum(2), self.field.weight.to(v.dtype))
        fields = _real(scale * summed + (self.field.bias.to(v.dtype) / scale), padding)
        v = v.transpose(1, 2) * scale**0.5
        if self.other_factors is not None:
            u = _wide(self.other_factors(heads), padding).transpose(1, 2) * scale**0.5
            return LowRank(torch.cat([u, v], 1) * 0.5**0.5, torch.cat([v, u], 1) * 0.5**0.5, fields)
        return LowRank(v, v * _signs(v) if self.kind == "signed" else v, fields)

    @torch.no_grad()
    def fields_and_couplings(self, encodings: Tensor) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of one structure's encodings (N, F): h (N, q) and J laid out, (N, q, N, q), symmetric and zero at i = j.

        Where the likelihood is autoregressive, i sees j < i through J as it is scaled there, and the other triangle
        mirrors that one. Where it is independent, J is zero. In the dtype of the computation, on the CPU.
        """
        left, right, fields = (part[0].cpu() for part in self.emit(encodings[None]))
        count = len(fields)
        if self.form is None:
            return fields.numpy(), np.zeros((count, self.size, count, self.size), fields.numpy().dtype)
        places = torch.arange(count)
        j = torch.einsum("kia,kjb->iajb", left, right)
        if self.form == "all":
            j *= (places[:, None] != places)[:, None, :, None]
            return fields.numpy(), j.numpy()
        j *= (places[:, None] > places)[:, None, :, None]
        if self.form == "before_scaled":
            j /= places.clamp(min=1)[:, None, None, None]
        return fields.numpy(), (j + j.permute(2, 3, 0, 1)).numpy()

    def flops(self, length: int) -> float:
        """Floating-point operations of a structure's forward pass, sequences left out; a multiply-add counts as 2."""
        outer = [self.entrance, self.widening, *[self.factors] * self.widening.heads]
        linears = sum(2.0 * part.weight.numel() for m in outer for part in m.modules() if isinstance(part, nn.Linear))
        return length * linears + sum(block.flops(length) for block in self.each_block())


def _head(features: int, size: int) -> Linear:
    linear = Linear(features, size)
    linear.is_head = True  # type: ignore[assignment]  # read by optim.groups: a head is no hidden matrix
    return linear


def _wide(x: Tensor, padding: Tensor | None) -> Tensor:
    return _real(x if x.dtype == torch.float64 else x.float(), padding)


def _real(x: Tensor, padding: Tensor | None) -> Tensor:
    """x (B, N, ...) with zeros in the padding."""
    return x if padding is None else x.masked_fill(padding.view(padding.shape + (1,) * (x.ndim - 2)), 0.0)


def _signs(v: Tensor) -> Tensor:
    """+1, -1, +1 ... for the heads of v (B, K, N, q)."""
    odd = torch.arange(v.shape[1], device=v.device) % 2
    return (1 - 2 * odd).to(v.dtype)[:, None, None]
