"""Models: backbones made of blocks, one backbone a file."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqlab.channels import Channel
from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.mixers import Mixer, State
from seqlab.nn.dropout import Dropout
from seqlab.nn.norms import Norm, gathering_nothing, normed
from seqlab.nn.norms.rmsnorm import RMSNorm
from seqlab.spec import Field, Part, SpecError, label

__all__ = [
    "Block",
    "BlockModule",
    "Model",
    "classifies",
    "layer_card",
    "reads_numbers",
    "reads_symbols",
    "refuses_sites",
]


class Model(Part, kind="models"):
    """A model's spec."""

    @abstractmethod
    def build(self, signature: Signature) -> nn.Module:
        """The module for a task of that signature, its parameters drawn (torch's global generator)."""

    @abstractmethod
    def card(self, model: nn.Module) -> dict[str, Any]:
        """What a model card shows, as JSON: per layer the mixer, causal or not, positions, norms, parameters."""


def reads_numbers(model: Model, signature: Signature) -> tuple[int, ...]:
    """The shape of one input of a model of images or features that classifies. Raises SpecError where the task gives
    symbols, or asks for them."""
    refuses_sites(model, signature)
    if signature.shape is None or signature.classes is None:
        asked = "gives symbols" if signature.shape is None else "asks for the input itself"
        raise SpecError(
            f"{label(type(model))} puts images or features into classes, and the task {asked}; choose another `model`, "
            "such as lm, or another `task`."
        )
    return signature.shape


def classifies(model: Model, signature: Signature) -> int:
    """The classes that a model of whole rows is asked for. Raises SpecError where the task asks for symbols."""
    refuses_sites(model, signature)
    if signature.classes is None:
        asked = "the input itself" if signature.reconstructs else "an answer at each position"
        better = "tiled" if signature.reconstructs else "lm"
        raise SpecError(
            f"{label(type(model))} puts whole rows into classes, and the task asks for {asked}; "
            f"choose another `model`, such as {better}, or another `task`."
        )
    return signature.classes


def refuses_sites(model: Model, signature: Signature) -> None:
    """Raise SpecError where a distribution over whole sequences is asked for, which this model does not give."""
    if signature.emits:
        raise SpecError(
            f"{label(type(model))} gives answers, and the task asks for a distribution over the sequences of a "
            "structure; set `model=potts`, or choose another `task`."
        )


def reads_symbols(model: Model, signature: Signature) -> None:
    """Raise SpecError where a model that predicts a symbol at each position is given numbers, or asked for a class."""
    refuses_sites(model, signature)
    if signature.shape is not None or signature.classes is not None:
        asked = "gives images or features" if signature.shape is not None else "asks for the class of a whole row"
        raise SpecError(
            f"{label(type(model))} predicts the next symbol, and the task {asked}; choose another `model`, such as "
            "classifier or mlp, or another `task`."
        )


class Block(Part):
    """One layer: norm, sequence mixer, add; norm, channel mixer, add."""

    mixer: Mixer
    """What mixes along the sequence."""
    channel: Channel | None = MLP()
    """What mixes along the features; none for a layer without one."""
    norm: Norm = RMSNorm()
    """The norm of both branches, each with weights of its own."""
    placement: Literal["pre", "post"] = "pre"
    """pre: x + f(norm(x)) (GPT-2); post: norm(x + f(x)) (the transformer of 2017)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the output of each branch, before it is added."""
    residual: Literal["single", "none", "doubled"] = "single"
    """single: what stands above; none: f(norm(x)), nothing is added; doubled: x + layer(x), where the layer has added x
    already, so that the stream doubles in each layer (randomekek/sequence, 2024; audits refuse it)."""

    def build(self, *, dim: int, length: int) -> BlockModule:
        """The module of the layer."""
        return BlockModule(self, dim, length)


class BlockModule(nn.Module):
    """The module of a block; `checkpointing` recomputes its activations in the backward pass."""

    checkpointing: bool = False

    def __init__(self, spec: Block, dim: int, length: int) -> None:
        super().__init__()
        self.pre, self.residual = spec.placement == "pre", spec.residual
        self.mixer = spec.mixer.build(dim=dim, length=length)
        self.mixer_norm = spec.norm.build(dim=dim)
        self.channel = spec.channel.build(dim=dim) if spec.channel is not None else None
        self.channel_norm = spec.norm.build(dim=dim) if spec.channel is not None else None
        self.dropout = Dropout(spec.dropout) if spec.dropout else nn.Identity()

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        """(B, L, D) -> (B, L, D); lengths and starts as mixers take them."""
        if self.checkpointing and self.training:
            result: Tensor = checkpoint(
                self._forward, x, lengths, starts, use_reentrant=False, context_fn=self._contexts
            )
            return result
        return self._forward(x, lengths, starts)

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Of the pass and of its repetition."""
        return nullcontext(), gathering_nothing(self)

    def _forward(self, x: Tensor, lengths: Tensor | None, starts: Tensor | None) -> Tensor:
        mixed = self.mixer(self._before_mixer(x, lengths), *_rows(lengths, starts))
        return self._after_mixer(x, mixed, lengths)

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        """`forward`, and the mixer's state after each row's last real position."""
        mixed, state = self.mixer.prefill(self._before_mixer(x, lengths), *_rows(lengths, starts))
        return self._after_mixer(x, mixed, lengths), state

    def extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The positions that follow those of a state: (B, L, D) -> (B, L, D)."""
        mixed, state = self.mixer.extend(self._before_mixer(x), state)
        return self._after_mixer(x, mixed), state

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One position: (B, D) -> (B, D)."""
        mixed, state = self.mixer.step(self._before_mixer(x_t), state)
        return self._after_mixer(x_t, mixed), state

    def _before_mixer(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return normed(self.mixer_norm, x, lengths) if self.pre else x

    def _after_mixer(self, x: Tensor, mixed: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = self._added(x, mixed)
        if not self.pre:
            y = normed(self.mixer_norm, y, lengths)
        if self.channel is not None and self.channel_norm is not None:
            y = self._added(y, self.channel(normed(self.channel_norm, y, lengths) if self.pre else y))
            y = y if self.pre else normed(self.channel_norm, y, lengths)
        return x + y if self.residual == "doubled" else y

    def _added(self, x: Tensor, branch: Tensor) -> Tensor:
        branch = self.dropout(branch)
        return branch if self.residual == "none" else x + branch

    def flops(self, length: int) -> float:
        """Floating-point operations of one row's forward pass."""
        return self.mixer.flops(length) + (length * self.channel.flops() if self.channel is not None else 0.0)


def _rows(lengths: Tensor | None, starts: Tensor | None) -> tuple[Tensor | None, ...]:
    """What a mixer is told of its rows; a user's mixer that knows no starts is not given any."""
    return (lengths,) if starts is None else (lengths, starts)


def layer_card(index: int, spec: Block, block: BlockModule) -> dict[str, Any]:
    """What a model card says of one layer."""
    return {
        "layer": index,
        "mixer": label(type(spec.mixer)).rpartition("/")[2],
        "causal": block.mixer.causal,
        "position": getattr(spec.mixer, "position", "none"),
        "channel": label(type(spec.channel)).rpartition("/")[2] if spec.channel else None,
        "norm": f"{spec.placement} {label(type(spec.norm)).rpartition('/')[2]}",
        "parameters": sum(p.numel() for p in block.parameters()),
    }
