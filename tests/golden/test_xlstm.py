"""The matrix LSTM in every form against arrays of NX-AI/mlstm_kernels, the classic blocks against the package xlstm.

Every file is compared; sizes and what is compared are read from its own arrays.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from seqlab.folders import open_folder
from seqlab.kernels.mlstm import mlstm
from seqlab.kernels.mlstm.reference import mlstm_reference
from seqlab.kernels.slstm import slstm

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


@pytest.mark.parametrize("path", files("cell/x"))
def test_scalar_cell(path: Path) -> None:
    """x and the biases lie by gate, then head and unit; the recurrence by head, then gate and unit."""
    arrays = load(path)
    recurrence, (batch, length, _) = arrays["cell/param/_recurrent_kernel_"].double(), arrays["cell/x"].shape
    heads, _, units = recurrence.shape
    raw = arrays["cell/x"].double() + arrays["cell/param/_bias_"].double()
    by_gate = raw.view(batch, length, 4, heads, units).transpose(2, 3)
    h, c, n, m = slstm(by_gate, recurrence.view(heads, 4, units, units))
    assert_close(h.transpose(1, 2), arrays["cell/h"], 1e-5, "h")
    for name, got, wanted in zip("ycnm", (h[:, -1], c, n, m), arrays["cell/state"], strict=True):
        assert_close(got.flatten(1), wanted, 1e-5, name)


def below(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}


def classic_folder(folder: Path, weights: dict[str, Tensor]) -> Path:
    """A classic language model as a folder; the fields are read from the tensors."""
    layers = sorted({int(key.split(".")[2]) for key in weights if ".blocks." in key})
    blocks = [below(weights, f"xlstm_block_stack.blocks.{layer}.") for layer in layers]
    vocabulary, dim = weights["token_embedding.weight"].shape
    fields: dict[str, Any] = {
        "vocab_size": vocabulary, "embedding_dim": dim, "num_blocks": len(layers), "context_length": 48,
        "slstm_at": [layer for layer in layers if "xlstm.group_norm.weight" in blocks[layer]],
    }  # fmt: skip
    for block in blocks:
        taps = block["xlstm.conv1d.conv.weight"].shape[-1]
        if "xlstm.group_norm.weight" in block:
            heads, hidden = len(block["xlstm.fgate.weight"]), block["ffn.proj_down.weight"].shape[1]
            own = {"num_heads": heads, "conv1d_kernel_size": taps}
            feedforward = {"proj_factor": hidden / dim, "act_fn": "gelu", "round_proj_up_to_multiple_of": 1}
            fields["slstm_block"] = {"slstm": own, "feedforward": feedforward}
        else:
            inner, width = block["xlstm.learnable_skip"].shape[0], block["xlstm.q_proj.weight"].shape[-1]
            own = {"num_heads": len(block["xlstm.mlstm_cell.igate.bias"]), "conv1d_kernel_size": taps}
            own |= {"qkv_proj_blocksize": width, "proj_factor": inner / dim, "round_proj_up_to_multiple_of": 1}
            fields["mlstm_block"] = {"mlstm": own}
    (folder / "config.json").write_text(json.dumps(fields))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("path", files("logits_step"))
def test_classic_model(path: Path, tmp_path: Path) -> None:
    """Over the sequence and step by step. The arrays are float32; the package's two ways differ by 5e-6."""
    arrays = load(path)
    folder, ids = open_folder(classic_folder(tmp_path, below(arrays, "param/"))), arrays["input_ids"]
    assert folder.contents.unknown == ()
    model = folder.load(torch.float64)
    with torch.inference_mode():
        whole = model(ids)
        assert_close(whole, arrays["logits"], 1e-5, "logits")
        state, steps = model.init_state(len(ids)), []
        for symbols in ids.unbind(1):
            logits, state = model.step(symbols, state)
            steps.append(logits)
    assert_close(torch.stack(steps, dim=1), arrays["logits_step"], 1e-5, "logits step by step")
    assert_close(torch.stack(steps, dim=1), whole, 1e-12, "steps against the whole")


@pytest.mark.parametrize("path", files("logits_step"))
def test_gates_exchanged_by_their_names_are_another_model(path: Path, tmp_path: Path) -> None:
    arrays = load(path)
    swapped = {
        key.replace(".fgate.", ".?.").replace(".igate.", ".fgate.").replace(".?.", ".igate.")
        if ".mlstm_cell." not in key
        else key: a
        for key, a in below(arrays, "param/").items()
    }
    with torch.inference_mode():
        logits = open_folder(classic_folder(tmp_path, swapped)).load()(arrays["input_ids"])
    assert (logits - arrays["logits"]).abs().max() > 1e-3


def folders() -> list[Any]:
    """The folders of weights that arrays lie beside: `golden.npz`, and `golden64_L*.npz` of an independent program."""
    found = [pytest.param(path.parent, id=path.parent.name) for path in sorted(FOLDER.parent.glob("*/golden.npz"))]
    found = [one for one in found if "xlstm" in json.loads((one.values[0] / "config.json").read_text())["model_type"]]
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=f"no folder of weights in {FOLDER.parent}"))]


def prompts(arrays: dict[str, Tensor]) -> list[str]:
    return [name.removesuffix("_input_ids") for name in arrays if name.endswith("_input_ids")]


def assert_state(state: dict[str, Tensor], arrays: dict[str, Tensor], prefix: str) -> None:
    for name, wanted in below(arrays, prefix).items():
        layer, entry = name.split("_")
        kept = {"c": "memory", "n": "normaliser", "m": "stabiliser"}[entry]
        assert_close(state[f"{layer}/{kept}"].view(wanted.shape), wanted, 2e-4, f"{prefix}{name}")


@pytest.mark.parametrize("folder", folders())
def test_folder(folder: Path) -> None:
    """Logits, states and greedy symbols of every prompt; then the states once more, 19 symbols later."""
    arrays, model = load(folder / "golden.npz"), open_folder(folder).load()
    with torch.inference_mode():
        for prompt in prompts(arrays):
            ids = arrays[f"{prompt}_input_ids"]
            torch.testing.assert_close(model(ids)[0], arrays[f"{prompt}_logits"], rtol=0, atol=2e-4)
            logits, state = model.prefill(ids)
            torch.testing.assert_close(logits[0], arrays[f"{prompt}_logits"][-1], rtol=0, atol=2e-4)
            assert_state(state, arrays, f"{prompt}_state")
            greedy = arrays[f"{prompt}_greedy"]
            for symbol in greedy[:-1]:
                assert logits.argmax() == symbol
                logits, state = model.step(symbol[None], state)
            assert logits.argmax() == greedy[-1]
            assert_state(state, arrays, f"{prompt}_after{len(greedy) - 1}_state")


@pytest.mark.parametrize("folder", folders())
def test_folder_in_float64(folder: Path) -> None:
    """The weights are float32 and the arithmetic is float64, as that of the independent program."""
    arrays, model = load(folder / "golden.npz"), open_folder(folder).load(torch.float64)
    for path in sorted(folder.glob("golden64_L*.npz")):
        ids = arrays[f"{path.stem.removeprefix('golden64_')}_input_ids"]
        with torch.inference_mode():
            torch.testing.assert_close(model(ids)[0], load(path)["logits64"], rtol=0, atol=1e-9)
