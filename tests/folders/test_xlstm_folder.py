"""Folders of xLSTM Large in every form: the same model, strictly, or one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tiny_folder import TINY, configuration, fused, tensors, write
from torch import Tensor

from seqlab.data import progress
from seqlab.folders import FolderError, open_folder
from seqlab.folders.shared import stored
from seqlab.nn.quantised import QuantisedLinear

IDS = torch.tensor([[5, 9, 12, 77, 3]])
TENSORS = tensors()


def logits(folder: Path, dtype: torch.dtype | None = None) -> Tensor:
    with torch.inference_mode():
        found: Tensor = open_folder(folder).load(dtype)(IDS)
    return found


GOLDEN = logits(TINY)


def halves() -> tuple[dict[str, Tensor], ...]:
    names = sorted(TENSORS)
    return tuple({name: TENSORS[name] for name in names[half::2]} for half in (0, 1))


def test_names_of_nx_ai_alone(tmp_path: Path) -> None:
    write(tmp_path, configuration(hidden_size=None, num_hidden_layers=None), TENSORS)
    assert torch.equal(logits(tmp_path), GOLDEN)


def test_names_of_transformers_alone(tmp_path: Path) -> None:
    write(tmp_path, configuration(embedding_dim=None, num_blocks=None), TENSORS)
    assert torch.equal(logits(tmp_path), GOLDEN)


def test_of_names_that_disagree_the_one_that_fits_the_weights(tmp_path: Path) -> None:
    """transformers writes its defaults beside what it was given."""
    write(tmp_path, configuration(hidden_size=4096, num_hidden_layers=32), TENSORS)
    assert torch.equal(logits(tmp_path), GOLDEN)
    write(tmp_path, configuration(embedding_dim=4096, num_blocks=32), TENSORS)
    assert torch.equal(logits(tmp_path), GOLDEN)


def test_several_shards(tmp_path: Path) -> None:
    assert torch.equal(logits(write(tmp_path, configuration(), *halves())), GOLDEN)


def test_fused_weights(tmp_path: Path) -> None:
    assert torch.equal(logits(write(tmp_path, configuration(weight_mode="fused"), fused(TENSORS))), GOLDEN)


def test_the_layout_of_nx_ai(tmp_path: Path) -> None:
    """config.yaml, model_{n}.safetensors, and another name of the embedding."""
    ours = configuration(hidden_size=None, num_hidden_layers=None, model_type=None, architectures=None)
    shards = [dict(half) for half in halves()]
    for shard in shards:
        if "backbone.embeddings.weight" in shard:
            shard["embedding.weight"] = shard.pop("backbone.embeddings.weight")
    write(tmp_path, {}, *shards, names="model_{}.safetensors")
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(ours))
    assert torch.equal(logits(tmp_path), GOLDEN)


def test_a_head_that_is_the_embedding(tmp_path: Path) -> None:
    embedding = TENSORS["backbone.embeddings.weight"]
    write(tmp_path / "two", configuration(), TENSORS | {"lm_head.weight": embedding})
    alone = {name: tensor for name, tensor in TENSORS.items() if name != "lm_head.weight"}
    for number, weights in enumerate((alone, alone | {"lm_head.weight": embedding.clone()})):
        tied = open_folder(write(tmp_path / str(number), configuration(tie_word_embeddings=True), weights))
        assert tied.contents.model.tied
        assert torch.equal(logits(tied.path), logits(tmp_path / "two"))


def test_a_tied_head_that_is_another_tensor_is_used(tmp_path: Path) -> None:
    found = open_folder(write(tmp_path, configuration(tie_word_embeddings=True), TENSORS))
    assert "another tensor" in found.contents.remarks[0]
    assert torch.equal(logits(tmp_path), GOLDEN)


def test_fields_that_mean_nothing_here_are_listed(tmp_path: Path) -> None:
    assert open_folder(TINY).contents.unknown == ()
    write(tmp_path, configuration(rope_theta=1e4, my_field=[1]), TENSORS)
    assert open_folder(tmp_path).contents.unknown == ("my_field", "rope_theta")


def test_weights_keep_their_dtype_and_norms_and_gates_are_exact(tmp_path: Path) -> None:
    write(tmp_path, configuration(), {name: tensor.bfloat16() for name, tensor in TENSORS.items()})
    folder = open_folder(tmp_path)
    model = folder.load()
    assert folder.dtype == torch.bfloat16
    assert model.embedding.weight.dtype == model.blocks[0].mixer.project.weight.dtype == torch.bfloat16
    assert model.blocks[0].mixer.gates.project.weight.dtype == torch.float32
    assert model.init_state(1)["0/memory"].dtype == torch.float32
    assert (logits(tmp_path) - GOLDEN).abs().max() < 0.3


@pytest.mark.parametrize("tied", [False, True])
def test_eight_bits_for_linears_and_head_as_they_are_read(tied: bool, tmp_path: Path) -> None:
    weights = {name: tensor for name, tensor in TENSORS.items() if not tied or name != "lm_head.weight"}
    folder = open_folder(write(tmp_path, configuration(tie_word_embeddings=tied), weights))
    model, wide = folder.load("int8"), folder.load()
    assert isinstance(model.head, QuantisedLinear)
    assert isinstance(model.blocks[1].channel.down, QuantisedLinear)
    with torch.inference_mode():
        assert (model(IDS) - wide(IDS)).abs().max() < 0.05 * wide(IDS).abs().max()
    assert folder.forecast()["int8"] == sum(t.nbytes for t in (*model.parameters(), *model.buffers()))
    assert folder.forecast()["int4"] < folder.forecast()["int8"] < folder.forecast()["bfloat16"]


def test_pieces_smaller_than_a_tensor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "PIECE_BYTES", 3000)
    shares: list[float] = []
    with progress.listening(lambda what, share: shares.append(share)):
        assert torch.equal(logits(write(tmp_path, configuration(), *halves())), GOLDEN)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) > 100


def cut(folder: Path) -> None:
    file = folder / "model-00002-of-00002.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def without_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def without_shard(folder: Path) -> None:
    (folder / "model-00001-of-00002.safetensors").unlink()


def without_index_and_shard(folder: Path) -> None:
    without_shard(folder)
    (folder / "model.safetensors.index.json").unlink()


def without_weights(folder: Path) -> None:
    for file in folder.glob("model*"):
        file.unlink()


def changed(**fields: Any) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(json.dumps(configuration(**fields))) and None


def with_weights(name: str, tensor: Tensor | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        without_weights(folder)
        found = {key: value for key, value in (TENSORS | {name: tensor}).items() if value is not None}
        write(folder, configuration(), found)

    return change


def garbled(folder: Path) -> None:
    (folder / "model-00002-of-00002.safetensors").write_bytes(b"PK\x03\x04 this is no safetensors")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_config, r"has no config.json \(nor config.yaml\): it is no folder of a model"),
        (lambda folder: (folder / "config.json").write_text("{") and None, "config.json cannot be read: "),
        (changed(architectures=["LlamaForCausalLM"], model_type="llama"), "config.json is of LlamaForCausalLM; seqlab"),
        (changed(num_heads=None), "says nothing of `num_heads`"),
        (changed(num_heads="four"), "`num_heads` in .* is 'four'; it must be a whole number"),
        (changed(use_bias=True), "`use_bias` in .* is True; seqlab has this model with False alone"),
        (changed(vocab_size=256), r"`backbone.embeddings.weight` in .* is \(128, 64\) and must be \(256, 64\)"),
        (changed(ffn_proj_factor=4.0), r"`backbone.blocks.0.ffn.proj_up_gate.weight` in .* is \(192, 64\) and must be"),
        (changed(num_heads=8), r"`.*igate_preact.weight` in .* is \(4, 64\) and must be \(8, 64\)"),
        (without_shard, "lacks the shard model-00001-of-00002.safetensors, which model.safetensors.index.json names"),
        (without_index_and_shard, "lacks the shard 1 of 1 to 2"),
        (without_weights, "has no weights"),
        (cut, r"model-00002-of-00002.safetensors is cut off or damaged: it must have [\d,]+ bytes and has [\d,]+;"),
        (garbled, "model-00002-of-00002.safetensors is cut off, or no file of safetensors"),
        (with_weights("lm_head.weight", None), "has no tensor `lm_head.weight`; a shard is missing"),
        (with_weights("lm_tail.weight", torch.ones(2)), "has a tensor `lm_tail.weight` that its configuration has no"),
        (with_weights("lm_head.weight", torch.full((128, 64), float("nan"))), "`lm_head.weight` in .* no numbers"),
        (with_weights("lm_head.weight", torch.ones(128, 64, dtype=torch.int8)), "`lm_head.weight` in .* is int8; this"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_folder_is_one_sentence(
    spoil: Callable[[Path], None], told: str, tmp_path: Path
) -> None:  # fmt: skip
    folder = write(tmp_path / "model", configuration(), *halves())
    spoil(folder)
    with pytest.raises(FolderError, match=told) as raised:
        open_folder(folder).load()
    assert "\n" not in str(raised.value)


def test_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is no folder"):
        open_folder(tmp_path / "none")
