"""The language models of HazyResearch/safari (Hyena), such as hyena_small_150b_tok, from their Lightning files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import torch
from torch import Tensor

from seqlab.channels.mlp import MLP
from seqlab.data.signature import Signature
from seqlab.filters.implicit import Implicit, ImplicitFilter
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.activations import Activation
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.published import Published, Translated, Weights
from seqlab.spec import SpecError

__all__ = ["PublishedHyena"]

LAYER = re.compile(r"backbone\.layers\.(\d+)\.(.+)")
FILTER = re.compile(r"mixer\.filter_fn\.implicit_filter\.(\d+)\.(weight|bias|freq)")
EMBEDDING = "backbone.embeddings.word_embeddings.weight"
TOLERANCE = 2e-5
"""Of times and decays, which the files hold as float32 computed them."""

NAMES = {
    "mixer.in_proj.weight": "mixer.project.weight",
    "mixer.in_proj.bias": "mixer.project.bias",
    "mixer.short_filter.weight": "mixer.short_weight",
    "mixer.short_filter.bias": "mixer.short_bias",
    "mixer.out_proj.weight": "mixer.out.weight",
    "mixer.out_proj.bias": "mixer.out.bias",
    "mixer.filter_fn.bias": "mixer.skip",
    "mixer.filter_fn.pos_emb.z": "mixer.filter.positions",
    "norm1.weight": "mixer_norm.weight",
    "norm1.bias": "mixer_norm.bias",
    "norm2.weight": "channel_norm.weight",
    "norm2.bias": "channel_norm.bias",
    "mlp.fc1.weight": "channel.up.weight",
    "mlp.fc1.bias": "channel.up.bias",
    "mlp.fc2.weight": "channel.down.weight",
    "mlp.fc2.bias": "channel.down.bias",
}
"""Of a layer, theirs and ours."""
OUTSIDE = {
    EMBEDDING: "embedding.weight",
    "backbone.embeddings.position_embeddings.weight": "positions.weight",
    "backbone.ln_f.weight": "norm.weight",
    "backbone.ln_f.bias": "norm.bias",
}
COMPUTED = ("mixer.filter_fn.pos_emb.t", "mixer.filter_fn.modulation.deltas")
"""Of a layer, what the formula gives again."""


class PublishedHyena(Published):
    """Widths, layers, order, length, taps and filter are read from the shapes; what follows is not in them."""

    modulate: bool | None = None
    """Whether the filters' taps decay (safari: `modulate`; the configuration of its LAMBADA script says False where
    training said True)."""
    activation: Activation | None = None
    """What stands between the linears of the channel mixer (safari: gelu_tanh)."""
    shift: float = 0.0
    """Added to the decay (safari: 0)."""
    normalise: bool = False
    """Whether taps are divided by their L1 norm over the channels (safari: no)."""

    @classmethod
    def recognises(cls, tensors: Collection[str]) -> bool:
        return any(_plain(name) == EMBEDDING for name in tensors) and any("filter_fn" in name for name in tensors)

    @classmethod
    def renamed(cls, weights: Weights) -> dict[str, Tensor]:
        theirs = {_plain(name): tensor.float() for name, tensor in weights.items()}
        ours = dict(_outside(theirs))
        for index, layer in _layers(theirs).items():
            ours |= {f"blocks.{index}.{name}": tensor for name, tensor in _renamed_layer(index, layer)}
        return ours

    def translated(self, weights: Weights) -> Translated:
        ours = self.renamed(weights)
        layers = _layers({_plain(name): tensor for name, tensor in weights.items()})
        vocabulary, dim = ours["embedding.weight"].shape
        length = max(len(ours[f"blocks.{index}.mixer.filter.positions"]) for index in layers)
        model = LM(
            dim=dim,
            layers=tuple(self._block(ours, f"blocks.{index}.") for index in sorted(layers)),
            norm=LayerNorm(),
            tied="head.weight" not in ours,
            position="learned" if "positions.weight" in ours else "none",
        )
        return Translated(model, Signature(vocabulary=vocabulary, length=length), ours)

    def _block(self, ours: Weights, prefix: str) -> Block:
        def shape(name: str) -> torch.Size:
            return ours[f"{prefix}{name}"].shape

        dim, width = shape("mixer.out.weight")[0], shape("mixer.project.weight")[0]
        hidden = sum(name.startswith(f"{prefix}mixer.filter.hidden.") for name in ours) // 2
        assert self.modulate is not None  # Published.with_settings
        assert self.activation is not None
        filter = Implicit(
            emb_dim=shape("mixer.filter.positions")[1],
            width=shape("mixer.filter.last.weight")[1],
            inner_layers=hidden - 1,
            modulate=self.modulate,
            shift=self.shift,
            normalise=self.normalise,
        )
        mixer = Hyena(order=width // dim - 1, short_filter=shape("mixer.short_weight")[1], filter=filter)
        channel = MLP(expansion=shape("channel.up.weight")[0] / dim, activation=self.activation)
        return Block(mixer=mixer, channel=channel, norm=LayerNorm())


def _plain(name: str) -> str:
    """Lightning keeps the network as `model`."""
    return name.removeprefix("model.")


def _layers(theirs: Weights) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in theirs.items():
        if match := LAYER.fullmatch(name):
            found.setdefault(int(match[1]), {})[match[2]] = tensor
    if sorted(found) != list(range(len(found))):
        raise SpecError(f"the file has the layers {', '.join(map(str, sorted(found)))}: some are missing.")
    return found


def _outside(theirs: Weights) -> Iterator[tuple[str, Tensor]]:
    """What belongs to no layer; a head that is the embedding is not repeated."""
    for name, tensor in theirs.items():
        if LAYER.fullmatch(name):
            continue
        if name == "lm_head.weight":
            if not torch.equal(tensor, theirs[EMBEDDING]):
                yield "head.weight", tensor
        elif name in OUTSIDE:
            yield OUTSIDE[name], tensor
        else:
            raise SpecError(f"the file has a tensor `{name}`, which no Hyena language model of safari has.")
    missing = [name for name in OUTSIDE if name not in theirs and "position" not in name]
    if missing:
        raise SpecError(f"the file has no tensor `{missing[0]}`; it is cut off or of another model.")


def _renamed_layer(index: int, layer: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    if "mixer.Wqkv.weight" in layer:
        raise SpecError(f"layer {index} of the file is attention, whose heads no shape tells; only Hyena is read.")
    missing = [name for name in (*NAMES, *COMPUTED) if name not in layer]
    if missing:
        raise SpecError(f"layer {index} of the file has no tensor `{missing[0]}`; it is of another model.")
    for name, tensor in layer.items():
        if name in NAMES:
            squeezed = {"mixer.short_filter.weight": 1, "mixer.filter_fn.pos_emb.z": 0}
            yield NAMES[name], tensor.squeeze(squeezed[name]) if name in squeezed else tensor
        elif match := FILTER.fullmatch(name):
            yield from _renamed_filter(index, layer, int(match[1]), match[2], tensor)
        elif name not in COMPUTED:
            raise SpecError(f"layer {index} of the file has a tensor `{name}`, which no Hyena layer of safari has.")
    _check_computed(index, layer)


def _renamed_filter(
    index: int, layer: dict[str, Tensor], place: int, what: str, tensor: Tensor
) -> Iterator[tuple[str, Tensor]]:
    """Linears stand at even places of safari's list and the one sine that they share behind each but the last."""
    last = max(int(match[1]) for name in layer if (match := FILTER.fullmatch(name)))
    if what != "freq":
        yield (f"mixer.filter.last.{what}" if place == last else f"mixer.filter.hidden.{place // 2}.{what}"), tensor
        return
    if not torch.equal(tensor, layer["mixer.filter_fn.implicit_filter.1.freq"]):
        raise SpecError(f"layer {index} of the file has a frequency for each sine of its filter, not one for all.")
    if place == 1:
        yield "mixer.filter.frequency", tensor.squeeze(0)


def _check_computed(index: int, layer: dict[str, Tensor]) -> None:
    """Times and decays are those of the formula, or the model would be another one."""
    length, features = layer["mixer.filter_fn.pos_emb.z"].shape[1:]
    channels = len(layer["mixer.filter_fn.bias"])
    built = Implicit(emb_dim=features).build(channels=channels, length=length)
    assert isinstance(built, ImplicitFilter)
    for name, ours in zip(COMPUTED, (built.time, built.decay), strict=True):
        theirs = layer[name].flatten()
        if theirs.shape != ours.shape or not torch.allclose(theirs, ours, rtol=TOLERANCE, atol=TOLERANCE):
            raise SpecError(f"layer {index} of the file has another `{name}` than arXiv 2302.10866 gives.")
