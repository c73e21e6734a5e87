"""The configuration of NX-AI/xLSTM-7b, without its weights: every tensor, every parameter, every byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from seqlab import folders
from seqlab.cli.main import main
from seqlab.folders import FolderError, open_folder

CONFIG = {
    "architectures": ["xLSTMForCausalLM"], "model_type": "xlstm", "embedding_dim": 4096, "num_blocks": 32,
    "num_heads": 8, "head_dim": 512, "vocab_size": 50304, "qk_dim_factor": 0.5, "v_dim_factor": 1.0,
    "use_bias": False, "weight_mode": "single", "gate_soft_cap": 15.0, "output_logit_soft_cap": 30.0,
    "ffn_proj_factor": 2.667, "ffn_round_up_to_multiple_of": 64, "mlstm_round_up_to_multiple_of": 64,
    "norm_eps": 1e-6, "eps": 1e-6, "cell_norm_eps": 1e-6, "norm_reduction_force_float32": True, "add_out_norm": True,
    "add_post_blocks_norm": True, "add_post_norm": False, "add_qk_norm": False, "add_embedding_dropout": False,
    "add_forward_backend_padding": False, "igate_bias_init_range": -10.0, "force_bos_token_insert": True,
    "chunkwise_kernel": "chunkwise--triton_xl_chunk", "sequence_kernel": "native_sequence__triton",
    "step_kernel": "triton", "chunk_size": 64, "mode": "inference", "return_last_states": True,
    "autocast_kernel_dtype": "bfloat16", "inference_state_dtype": "float32", "tie_word_embeddings": False,
    "use_cache": True, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "torch_dtype": "float32",
    "transformers_version": "4.48.0.dev0",
}  # fmt: skip
PARAMETERS = 6_865_424_896
GIB = 2**30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    return tmp_path


def test_every_tensor_and_every_parameter(folder: Path) -> None:
    found = open_folder(folder, with_weights=False)
    assert len(found.contents.places) == 483
    assert found.parameters == PARAMETERS
    assert found.contents.unknown == ()
    assert found.shapes.state_bytes(1, 8192) == 32 * (8 * (256 * 512 + 256 + 1) * 4 + 8)
    shapes = {name: tensor.shape for name, tensor in found.shapes.state_dict().items()}
    filled = dict.fromkeys(shapes, 0)
    for place in found.contents.places.values():
        filled[place.name] += place.shape[0]
    assert filled == {name: shape[0] for name, shape in shapes.items()}


def test_float32_is_refused_on_24_gib_with_the_dtype_that_fits(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    found = open_folder(folder, with_weights=False)
    assert found.forecast()["float32"] == 4 * PARAMETERS
    assert 2 * PARAMETERS < found.forecast()["bfloat16"] < 2.01 * PARAMETERS
    monkeypatch.setattr(folders, "available_memory", lambda device: 24 * GIB)
    with pytest.raises(FolderError, match=r"needs 25.6 GiB in float32 and 24.0 GiB are free; bfloat16 needs 12.8 GiB"):
        found.load(torch.float32)
    monkeypatch.setattr(folders, "available_memory", lambda device: 1 * GIB)
    with pytest.raises(FolderError, match=r"1.0 GiB are free; not even int4 fits, with"):
        found.load(torch.float32)


def test_show_needs_no_weights(folder: Path) -> None:
    said = CliRunner().invoke(main, ["show", str(folder), "--chunk", "128"])
    assert said.exit_code == 0, said.output
    for told in ("483 tensors", "6,865,424,896 parameters", "chunkwise", "128", "27.5 GB", "13.7 GB", "symbol 0"):
        assert told in said.output
    assert "not with 2 as `eos_token_id` says" in said.output
    facts = json.loads(CliRunner().invoke(main, ["show", str(folder), "--json", "--kernel", "recurrent"]).output)
    assert facts["computed"] == {
        "sequence": "recurrent", "chunk": None, "step": "recurrent", "state_dtype": "float32",
    }  # fmt: skip
    assert facts["bytes_on_disk"] == 0
