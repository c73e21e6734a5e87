"""The matrix LSTM in every form against arrays of NX-AI/mlstm_kernels: h, last memories, every gradient.

Every file that has q, k, v and the gates is compared; sizes and what is compared are read from its own arrays.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqlab.kernels.mlstm import mlstm
from seqlab.kernels.mlstm.reference import mlstm_reference

FOLDER = Path(os.environ.get("SEQLAB_GOLDEN", Path(__file__).parent / "data")) / "xlstm_kernels"
FORMS: dict[str, dict[str, Any]] = {
    "chunks of 16": {"chunk": 16},
    "chunks with a rest": {"chunk": 25},
    "parallel": {"form": "parallel"},
    "recurrent": {"form": "recurrent"},
}
NAMES = ("q", "k", "v", "i", "f", "c0", "n0", "m0")


def files(holding: str) -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("*.npz")):
        with np.load(path) as arrays:
            if holding in arrays.files:
                found.append(pytest.param(path, id=path.stem))
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no file with {holding} in {FOLDER}"))]


def load(path: Path) -> dict[str, Tensor]:
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def arguments(arrays: dict[str, Tensor], dtype: torch.dtype, m: float = 0.0) -> list[Tensor]:
    """q, k, v, i, f with the heads after the positions, and the memory to begin with: as stored, or nothing at m."""
    sequence = [arrays[name].to(dtype).transpose(1, 2) for name in NAMES[:5]]
    if "c0" in arrays:
        memory = [arrays["c0"], arrays["n0"], arrays["m0"][..., 0]]
    else:
        (batch, heads, _, keys), values = arrays["q"].shape, arrays["v"].shape[-1]
        memory = [torch.zeros(batch, heads, keys, values), torch.zeros(batch, heads, keys)]
        memory.append(torch.full((batch, heads), m))
    return [x.contiguous().requires_grad_() for x in (*sequence, *(x.to(dtype) for x in memory))]


def run(given: list[Tensor], **form: Any) -> tuple[Tensor, list[Tensor]]:
    """h (B, H, L, E) and the last memory."""
    h, c, n, m = mlstm(*given[:5], (given[5], given[6], given[7]), **form)
    return h.transpose(1, 2), [c, n, m[..., None]]


def assert_close(got: Tensor, wanted: Tensor, tolerance: float, what: str) -> None:
    assert got.shape == wanted.shape, what
    error = (got.double() - wanted.double()).abs().max().item()
    assert error <= tolerance * wanted.abs().max().item(), f"{what} is off by {error:.1e}"


@pytest.mark.parametrize("path", files("h_recurrent64"))
@pytest.mark.parametrize("form", FORMS)
def test_values_and_last_memories(path: Path, form: str) -> None:
    arrays = load(path)
    h, memory = run(arguments(arrays, torch.float64), **FORMS[form])
    assert_close(h, arrays["h_recurrent64"], 1e-11, "h")
    for name, got in zip("cnm", memory, strict=True):
        assert_close(got, arrays[f"{name}_last_recurrent64"], 1e-12, name)


@pytest.mark.parametrize("path", files("dh"))
@pytest.mark.parametrize("form", FORMS)
def test_gradients(path: Path, form: str) -> None:
    """The published parallel form begins with m at minus infinity, which acts through eps alone."""
    arrays = load(path)
    given = arguments(arrays, torch.float64, m=-1e30)
    h, _ = run(given, **FORMS[form])
    if "h_parallel64" in arrays:
        assert_close(h, arrays["h_parallel64"], 1e-11, "h")
    gradients = torch.autograd.grad((h * arrays["dh"]).sum(), given)
    compared = 0
    for name, gradient in zip(NAMES, gradients, strict=True):
        stored = [a for key, a in arrays.items() if key.startswith(f"d{name}_") and key.endswith("64")]
        moved = gradient.transpose(1, 2) if name in NAMES[:5] else gradient
        for wanted in stored:
            assert_close(moved.reshape(wanted.shape), wanted, 1e-11, f"d{name}")
            compared += 1
    assert compared >= 5


@pytest.mark.parametrize("path", files("h_recurrent32"))
@pytest.mark.parametrize("form", FORMS)
def test_float32_is_as_close_as_the_published_float32(path: Path, form: str) -> None:
    arrays = load(path)
    truth = arrays["h_recurrent64"]
    published = max((arrays[f"h_{name}"].double() - truth).abs().max() for name in ("recurrent32", "chunk16_32"))
    h, _ = run(arguments(arrays, torch.float32), **FORMS[form])
    error = (h.double() - truth).abs().max()
    assert error <= 4 * published + 1e-6 * truth.abs().max()


@pytest.mark.parametrize("path", files("h_recurrent64"))
def test_the_law(path: Path) -> None:
    arrays = load(path)
    given = arguments(arrays, torch.float64)
    h = mlstm_reference(*given[:5], (given[5], given[6], given[7]))[0]
    assert_close(h.transpose(1, 2), arrays["h_recurrent64"], 1e-11, "h")
