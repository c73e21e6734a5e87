"""Folders of classic xLSTMs: what their configuration must say (the numbers: tests/golden/test_xlstm.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from seqlab.folders import FolderError, open_folder
from seqlab.folders.xlstm_classic import ClassicXLSTMFolder
from seqlab.nn.shapes_only import shapes_only

FIELDS: dict[str, Any] = {
    "vocab_size": 40, "embedding_dim": 32, "num_blocks": 2, "context_length": 48, "slstm_at": [1], "dropout": 0.1,
    "mlstm_block": {"mlstm": {"num_heads": 4}},
    "slstm_block": {"slstm": {"num_heads": 4, "backend": "vanilla"}, "feedforward": {"act_fn": "gelu"}},
}  # fmt: skip


def folder_of(folder: Path, fields: dict[str, Any]) -> Path:
    """Weights as the format asks for them, all ones."""
    from seqlab.folders.shared.config import Config

    contents = ClassicXLSTMFolder.contents(Config(FIELDS, folder / "config.json"), {})
    save_file({name: torch.ones(place.shape) for name, place in contents.places.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(fields))
    return folder


def test_fields_of_the_package_and_its_defaults(tmp_path: Path) -> None:
    folder = open_folder(folder_of(tmp_path, {"model": FIELDS | {"my_field": 1}, "training": {}}))
    assert folder.contents.unknown == ("my_field",)
    model = folder.load()
    assert torch.equal(model.blocks[0].mixer_norm.weight, torch.full((32,), 2.0))
    shapes = shapes_only(lambda: folder.contents.model.build(folder.contents.signature)).state_dict()
    assert {place.name for place in folder.contents.places.values()} == shapes.keys()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"slstm_at": [2]}, r"`slstm_at` in .* is \[2\]; it must be a list of layers from 0 to 1"),
        ({"slstm_at": []}, "has no tensor `xlstm_block_stack.blocks.1.xlstm.proj_up.weight`"),
        ({"bias": True}, "`bias` in .* is True"),
        ({"slstm_block": {"feedforward": {"act_fn": "relu"}}}, "`act_fn` in .* is 'relu'"),
        ({"mlstm_block": {"mlstm": {"proj_factor": 4.0}}}, "must be .256, 32. by the configuration"),
    ],
)
def test_what_is_wrong(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=told):
        open_folder(folder_of(tmp_path, FIELDS | changes))
