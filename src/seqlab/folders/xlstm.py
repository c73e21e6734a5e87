"""xLSTM Large, as transformers' xLSTMForCausalLM and as NX-AI's own package keep it (arXiv 2503.13427)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from seqlab.channels.swiglu import SwiGLU
from seqlab.data.signature import Signature
from seqlab.folders import Contents, Folder, FolderError, Place
from seqlab.folders.shared.config import Config
from seqlab.folders.shared.shards import Shards
from seqlab.folders.shared.tied import is_tied
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.matrix_cell import MatrixCell
from seqlab.nn.norms.rmsnorm import RMSNorm

__all__ = ["XLSTMFolder"]

EMBEDDINGS = ("backbone.embeddings.weight", "embedding.weight")
"""Of transformers and of NX-AI, which have all other names in common."""
HEAD = "lm_head.weight"
LAYER = re.compile(r"backbone\.blocks\.(\d+)\..+")
END_OF_TEXT = 0
"""`<|endoftext|>` in the tokenizer of this family: its texts begin and end with it. The configurations name 2 for the
end, another symbol: who waits for that never stops."""
CONTEXT = 8192
"""Symbols of a text that the published models were trained on; the models themselves have no limit."""
WITHOUT_MEANING = (
    "_name_or_path", "add_embedding_dropout", "add_forward_backend_padding", "architectures", "auto_map",
    "autocast_kernel_dtype", "bos_token_id", "cell_norm_eps", "dtype", "force_bos_token_insert", "head_dim",
    "igate_bias_init_range", "max_inference_chunksize", "mlstm_round_up_to_multiple_of", "mode", "model_type",
    "norm_reduction_force_float32", "pad_token_id", "return_last_states", "sequence_kernel", "step_kernel",
    "torch_dtype", "transformers_version", "use_cache", "weight_mode",
)  # fmt: skip
"""Fields of other programs' kernels and training, and of what the weights tell by themselves."""
NAMES = {"embedding_dim", "num_blocks", "num_heads", "vocab_size"}


class XLSTMFolder(Folder):
    """Either name of a field is taken, weights may be single or fused, and the head may be the embedding."""

    @classmethod
    def recognises(cls, config: Config) -> bool:
        if config.architectures:
            return "xLSTMForCausalLM" in config.architectures or config.architectures == ["xlstm"]
        return config.values.keys() >= NAMES and not {"mlstm_block", "slstm_block"} & config.values.keys()

    @classmethod
    def contents(cls, config: Config, shards: Shards) -> Contents:
        for name, value in (("use_bias", False), ("add_qk_norm", False), ("add_post_norm", False)):
            config.must_be(name, value)
        for name in ("add_out_norm", "add_post_blocks_norm"):
            config.must_be(name, True)
        embedding = next((name for name in EMBEDDINGS if name in shards), EMBEDDINGS[0])
        tied, remarks = is_tied(config, shards, embedding, HEAD, said="tie_word_embeddings")
        remarks += _of_the_end(config)
        model = LM(
            dim=config.take(int, "embedding_dim", "hidden_size", fitting=_width(shards, embedding)),
            layers=(_block(config),) * config.take(int, "num_blocks", "num_hidden_layers", fitting=_depth(shards)),
            norm=RMSNorm(eps=config.take(float, "norm_eps", default=1e-6)),
            tied=tied,
            logit_cap=config.optional(float, "output_logit_soft_cap"),
        )
        vocabulary = config.take(int, "vocab_size")
        return Contents(
            model=model,
            signature=Signature(vocabulary=vocabulary, length=CONTEXT),
            places=_places(model, vocabulary, embedding, fused=any("qkv_opreact" in name for name in shards)),
            unknown=config.unknown(WITHOUT_MEANING),
            remarks=remarks,
            left_out=frozenset({HEAD} if tied else ()),
            begin=END_OF_TEXT,
            end=END_OF_TEXT,
        )

    @classmethod
    def configuration(cls, model: LM, vocabulary: int) -> dict[str, Any]:
        """config.json for a model of this format. Raises FolderError for another model."""
        block = model.layers[0]
        mixer, channel = block.mixer, block.channel
        if not (isinstance(mixer, MLSTM) and isinstance(channel, SwiGLU) and isinstance(block.norm, RMSNorm)):
            raise FolderError(
                "xLSTM Large has a matrix LSTM, SwiGLU and RMS norms in every block; this is another model."
            )
        fields = _fields(model, vocabulary, mixer, channel, block.norm.eps)
        read = cls.contents(Config(fields, Path("config.json")), {}).model
        drawn = {name: getattr(model, name) for name in vars(model) if name.endswith("init")}
        same = replace(read, **drawn, depth_scaled=model.depth_scaled, tied=model.tied)
        if same != model:
            other = next(name for name in vars(model) if getattr(same, name) != getattr(model, name))
            raise FolderError(f"xLSTM Large has nothing like this model's `{other}`; it cannot be saved as that.")
        return fields

    @classmethod
    def places(cls, model: LM, vocabulary: int) -> dict[str, Place]:
        """Every tensor of a folder of that model, as transformers names them; a tied head is written again, since
        transformers has two tensors in any case."""
        places = _places(model, vocabulary, EMBEDDINGS[0], fused=False)
        return places | ({HEAD: places[EMBEDDINGS[0]]} if model.tied else {})


def _fields(model: LM, vocabulary: int, mixer: MLSTM, channel: SwiGLU, norm_eps: float) -> dict[str, Any]:
    cell = mixer.cell
    return {
        "architectures": ["xLSTMForCausalLM"],
        "model_type": "xlstm",
        "vocab_size": vocabulary,
        **dict.fromkeys(("embedding_dim", "hidden_size"), model.dim),
        **dict.fromkeys(("num_blocks", "num_hidden_layers"), len(model.layers)),
        "num_heads": mixer.heads,
        "qk_dim_factor": mixer.qk_dim_factor,
        "v_dim_factor": mixer.v_dim_factor,
        "ffn_proj_factor": channel.expansion,
        "ffn_round_up_to_multiple_of": channel.multiple,
        "gate_soft_cap": mixer.gate_cap,
        "output_logit_soft_cap": model.logit_cap,
        "norm_eps": norm_eps,
        "eps": cell.eps,
        "chunk_size": cell.chunk,
        "chunkwise_kernel": "chunkwise--native_autograd",
        "sequence_kernel": "native_sequence__native",
        "step_kernel": "native",
        "mode": "inference",
        "return_last_states": True,
        "inference_state_dtype": "float32",
        "use_bias": mixer.bias,
        "tie_word_embeddings": False,
        "weight_mode": "single",
        "bos_token_id": END_OF_TEXT,
        "eos_token_id": END_OF_TEXT,
    }


def _of_the_end(config: Config) -> tuple[str, ...]:
    said = config.optional(int, "eos_token_id")
    if said in (None, END_OF_TEXT):
        return ()
    return (f"texts end with <|endoftext|> (symbol {END_OF_TEXT}), not with {said} as `eos_token_id` says.",)


def _width(shards: Shards, embedding: str) -> int | None:
    return shards[embedding].shape[-1] if embedding in shards else None


def _depth(shards: Shards) -> int:
    return 1 + max((int(match[1]) for name in shards if (match := LAYER.fullmatch(name))), default=-1)


def _block(config: Config) -> Block:
    norm_eps = config.take(float, "norm_eps", default=1e-6)
    sigmoid = "siging" in config.take(str, "chunkwise_kernel", default="")
    kept = config.take(str, "inference_state_dtype", default="float32")
    narrow: Literal["auto", "bfloat16"] = "bfloat16" if kept == "bfloat16" else "auto"
    mixer = MLSTM(
        heads=config.take(int, "num_heads"),
        qk_dim_factor=config.take(float, "qk_dim_factor", default=0.5),
        v_dim_factor=config.take(float, "v_dim_factor", default=1.0),
        gate_cap=config.optional(float, "gate_soft_cap"),
        norm_eps=norm_eps,
        cell=MatrixCell(
            input_gate="sigmoid" if sigmoid else "exponential",
            normalised=config.take(bool, "normalize_siging", default=True) if sigmoid else True,
            chunk=config.take(int, "chunk_size", default=64),
            state_dtype=narrow,
            eps=config.take(float, "eps", default=1e-6),
        ),
    )
    channel = SwiGLU(
        expansion=config.take(float, "ffn_proj_factor", default=2.667),
        multiple=config.take(int, "ffn_round_up_to_multiple_of", default=64),
    )
    return Block(mixer=mixer, channel=channel, norm=RMSNorm(eps=norm_eps))


def _places(model: LM, vocabulary: int, embedding: str, *, fused: bool) -> dict[str, Place]:
    """Theirs to ours."""
    places = {
        embedding: Place("embedding.weight", (vocabulary, model.dim)),
        "backbone.out_norm.weight": Place("norm.weight", (model.dim,)),
    }
    if not model.tied:
        places[HEAD] = Place("head.weight", (vocabulary, model.dim))
    for index, block in enumerate(model.layers):
        for name, place in _of_layer(block, model.dim, fused=fused):
            places[f"backbone.blocks.{index}.{name}"] = place.below(f"blocks.{index}")
    return places


def _of_layer(block: Block, dim: int, *, fused: bool) -> Iterator[tuple[str, Place]]:
    mixer, channel = block.mixer, block.channel
    assert isinstance(mixer, MLSTM)
    assert isinstance(channel, SwiGLU)
    keys, values, hidden = int(dim * mixer.qk_dim_factor), int(dim * mixer.v_dim_factor), channel.hidden(dim)
    project = {"q": keys, "k": keys, "v": values, "ogate_preact": values}
    gates = {"igate_preact": mixer.heads, "fgate_preact": mixer.heads}
    if fused:
        project, gates = {"qkv_opreact": 2 * (keys + values)}, {"ifgate_preact": 2 * mixer.heads}
    up = {"proj_up_gate_z": 2 * hidden} if fused else {"proj_up_gate": hidden, "proj_up": hidden}
    yield "norm_mlstm.weight", Place("mixer_norm.weight", (dim,))
    yield from _stacked("mlstm_layer", project, "mixer.project.weight", dim)
    yield from _stacked("mlstm_layer", gates, "mixer.gates.project.weight", dim)
    yield from _stacked("mlstm_layer", gates, "mixer.gates.project.bias")
    yield "mlstm_layer.multihead_norm.weight", Place("mixer.norm.weight", (values,))
    yield "mlstm_layer.out_proj.weight", Place("mixer.out.weight", (dim, values))
    yield "norm_ffn.weight", Place("channel_norm.weight", (dim,))
    yield from _stacked("ffn", up, "channel.gate_and_up.weight", dim)
    yield "ffn.proj_down.weight", Place("channel.down.weight", (dim, hidden))


def _stacked(prefix: str, rows: dict[str, int], ours: str, *columns: int) -> Iterator[tuple[str, Place]]:
    """Tensors that follow each other in one of ours."""
    begin = 0
    for name, count in rows.items():
        yield f"{prefix}.{name}.{ours.rpartition('.')[2]}", Place(ours, (count, *columns), begin)
        begin += count
