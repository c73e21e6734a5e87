"""Classic xLSTM language models: xLSTMLMModel of NX-AI's package xlstm (arXiv 2405.04517)."""

from __future__ import annotations

from collections.abc import Iterator

from seqlab.channels.glu import GLU
from seqlab.channels.shared.gated import rounded_up
from seqlab.data.signature import Signature
from seqlab.folders import Contents, Folder, Place
from seqlab.folders.shared.config import Config
from seqlab.folders.shared.shards import Shards
from seqlab.folders.shared.tied import is_tied
from seqlab.mixers.mlstm_classic import ClassicMLSTM
from seqlab.mixers.slstm import SLSTM
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.norms.layernorm import LayerNorm

__all__ = ["ClassicXLSTMFolder"]

EMBEDDING, HEAD = "token_embedding.weight", "lm_head.weight"
GATES = {"fgate": "input_gate", "igate": "forget_gate", "zgate": "value", "ogate": "output_gate"}
"""Of the sLSTM: in the package, the layer named `fgate` feeds the input gate and the other way round."""
BLOCKS = {"mlstm_block", "slstm_block"}
NORM = LayerNorm(bias=False)
WITHOUT_MEANING = (
    "add_embedding_dropout", "architectures", "backend", "batch_size", "bias_init", "channel_mult", "context_length",
    "dropout", "dtype", "embedding_dim", "ff_type", "model_type", "weight_decay_on_embedding",
)  # fmt: skip
"""Fields that repeat others, of training, and of the package's ways to compute."""


class ClassicXLSTMFolder(Folder):
    """The configuration is that of xLSTMLMModelConfig, by itself or below `model`; the sLSTM's tensors are those of its
    backend `vanilla`. Weights of norms are stored as what is added to 1."""

    @classmethod
    def recognises(cls, config: Config) -> bool:
        return bool(BLOCKS & _own(config).values.keys())

    @classmethod
    def contents(cls, config: Config, shards: Shards) -> Contents:
        own = _own(config)
        own.must_be("bias", False)
        own.must_be("add_post_blocks_norm", True)
        tied, remarks = is_tied(own, shards, EMBEDDING, HEAD, said="tie_weights")
        depth, dim, vocabulary = (own.take(int, name) for name in ("num_blocks", "embedding_dim", "vocab_size"))
        scalar = own.layers("slstm_at", depth)
        layers = tuple(_scalar_block(own) if layer in scalar else _matrix_block(own, dim) for layer in range(depth))
        model = LM(dim=dim, layers=layers, norm=NORM, tied=tied)
        return Contents(
            model=model,
            signature=Signature(vocabulary=vocabulary, length=own.take(int, "context_length")),
            places=_places(model, vocabulary),
            unknown=own.unknown(WITHOUT_MEANING),
            remarks=remarks,
            left_out=frozenset({HEAD} if tied else ()),
        )


def _own(config: Config) -> Config:
    below = config.part("model")
    return below if below.values else config


def _matrix_block(config: Config, dim: int) -> Block:
    own = config.part("mlstm_block").part("mlstm")
    factor, multiple = _width(own, 2.0)
    mixer = ClassicMLSTM(
        heads=own.take(int, "num_heads", default=4),
        taps=own.take(int, "conv1d_kernel_size", default=4),
        block=own.take(int, "qkv_proj_blocksize", default=4),
        expand=rounded_up(factor * dim, multiple) / dim,
    )
    return Block(mixer=mixer, channel=None, norm=NORM)


def _scalar_block(config: Config) -> Block:
    own, feedforward = (config.part("slstm_block").part(name) for name in ("slstm", "feedforward"))
    mixer = SLSTM(
        heads=own.take(int, "num_heads", default=4),
        taps=own.take(int, "conv1d_kernel_size", default=4),
    )
    feedforward.must_be("act_fn", "gelu")
    factor, multiple = _width(feedforward, 1.3)
    return Block(mixer=mixer, channel=GLU(activation="gelu", expansion=factor, multiple=multiple), norm=NORM)


def _width(config: Config, default: float) -> tuple[float, int]:
    """In units of D, and what it is rounded up to a multiple of."""
    factor = config.take(float, "proj_factor", default=default)
    return factor, config.take(int, "round_proj_up_to_multiple_of", default=64)


def _places(model: LM, vocabulary: int) -> dict[str, Place]:
    """Theirs to ours."""
    places = {
        EMBEDDING: Place("embedding.weight", (vocabulary, model.dim)),
        "xlstm_block_stack.post_blocks_norm.weight": _norm("norm.weight", model.dim),
    }
    if not model.tied:
        places[HEAD] = Place("head.weight", (vocabulary, model.dim))
    for index, block in enumerate(model.layers):
        for name, place in _of_layer(block, model.dim):
            places[f"xlstm_block_stack.blocks.{index}.{name}"] = place.below(f"blocks.{index}")
    return places


def _of_layer(block: Block, dim: int) -> Iterator[tuple[str, Place]]:
    yield "xlstm_norm.weight", _norm("mixer_norm.weight", dim)
    mixer, channel = block.mixer, block.channel
    assert isinstance(mixer, SLSTM | ClassicMLSTM)
    own = _of_matrix(mixer, dim) if isinstance(mixer, ClassicMLSTM) else _of_scalar(mixer, dim)
    for name, place in own:
        yield f"xlstm.{name}", place.below("mixer")
    if isinstance(channel, GLU):
        hidden = channel.hidden(dim)
        yield "ffn_norm.weight", _norm("channel_norm.weight", dim)
        yield "ffn.proj_up.weight", Place("channel.gate_and_up.weight", (2 * hidden, dim))
        yield "ffn.proj_down.weight", Place("channel.down.weight", (dim, hidden))


def _of_matrix(mixer: ClassicMLSTM, dim: int) -> Iterator[tuple[str, Place]]:
    inner, heads = round(mixer.expand * dim), mixer.heads
    yield "proj_up.weight", Place("project.weight", (2 * inner, dim))
    yield from _convolution(inner, mixer.taps)
    for name in "qkv":
        blocks = (inner // mixer.block, mixer.block, mixer.block)
        yield f"{name}_proj.weight", Place(f"{name}.weight", blocks)
    for begin, gate in ((0, "igate"), (heads, "fgate")):
        yield f"mlstm_cell.{gate}.weight", Place("gates.project.weight", (heads, 3 * inner), begin)
        yield f"mlstm_cell.{gate}.bias", Place("gates.project.bias", (heads,), begin)
    yield "mlstm_cell.outnorm.weight", _norm("norm.weight", inner)
    yield "learnable_skip", Place("skip", (inner,))
    yield "proj_down.weight", Place("out.weight", (dim, inner))


def _of_scalar(mixer: SLSTM, dim: int) -> Iterator[tuple[str, Place]]:
    heads, units = mixer.heads, dim // mixer.heads
    yield from _convolution(dim, mixer.taps)
    for theirs, ours in (
        ("fgate", "input_gate"),
        ("igate", "forget_gate"),
        ("zgate", "value"),
        ("ogate", "output_gate"),
    ):
        yield f"{theirs}.weight", Place(f"{ours}.weight", (heads, units, units))
    yield (
        "slstm_cell._recurrent_kernel_",
        Place("recurrence.weight", (heads, 4 * units, units), as_ours=lambda rows: rows.unflatten(1, (4, -1))),
    )
    yield (
        "slstm_cell._bias_",
        Place("recurrence.bias", (4 * dim,), as_ours=lambda bias: bias.view(4, heads, units).transpose(0, 1)),
    )
    yield "group_norm.weight", _norm("norm.weight", dim)


def _convolution(features: int, taps: int) -> Iterator[tuple[str, Place]]:
    yield (
        "conv1d.conv.weight",
        Place("convolution.weight", (features, 1, taps), as_ours=lambda rows: rows.squeeze(1)),
    )
    yield "conv1d.conv.bias", Place("convolution.bias", (features,))


def _norm(ours: str, features: int) -> Place:
    return Place(ours, (features,), as_ours=lambda weight: 1 + weight)
