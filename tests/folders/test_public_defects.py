"""What the public programs for xLSTM get wrong, right here: the table of docs/xlstm.md, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_folder import TINY, configuration, tensors, write
from torch import Tensor

from seqlab.data.signature import Signature
from seqlab.folders import open_folder
from seqlab.folders.shared.config import Config
from seqlab.folders.xlstm import XLSTMFolder
from seqlab.models.lm import LanguageModel
from seqlab.nn.matrix_cell import compute_by
from seqlab.nn.rows import starts_after_padding

LENGTH = 150


@pytest.fixture(scope="module")
def ids() -> Tensor:
    return torch.randint(128, (3, LENGTH), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return open_folder(TINY).load(torch.float64)


@pytest.mark.parametrize("width", [48, 72, 136])
@torch.inference_mode()
def test_any_width_that_the_heads_divide(width: int, tmp_path: Path) -> None:
    """Theirs needs width x qk_dim_factor to be a multiple of 64 as soon as there is a state."""
    fields = configuration(embedding_dim=width, hidden_size=width)
    contents = XLSTMFolder.contents(Config(fields, tmp_path), {})
    torch.manual_seed(0)
    model = contents.model.build(Signature(vocabulary=128, length=8)).double().eval()
    tokens = torch.arange(20)[None]
    logits, state = model.prefill(tokens)
    torch.testing.assert_close(logits, model(tokens)[:, -1])
    following, _ = model.step(torch.tensor([20]), state)
    torch.testing.assert_close(following, model(torch.arange(21)[None])[:, -1])


@pytest.mark.parametrize("kernel", ["chunkwise", "parallel", "recurrent"])
@torch.inference_mode()
def test_every_way_to_compute_is_the_same(kernel: str, ids: Tensor, model: LanguageModel) -> None:
    """Prompts longer than a chunk, and that no chunk divides; the states too."""
    other = open_folder(TINY).load(torch.float64)
    compute_by(other, form=kernel, chunk=16)  # type: ignore[arg-type]
    torch.testing.assert_close(other(ids), model(ids), rtol=1e-9, atol=1e-9)
    for (name, one), two in zip(other.prefill(ids)[1].items(), model.prefill(ids)[1].values(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-9, atol=1e-9, msg=name)


@torch.inference_mode()
def test_prompts_of_unequal_lengths_in_a_batch(ids: Tensor, model: LanguageModel) -> None:
    """Right padding with lengths, left padding with starts: each row as if it were alone."""
    lengths, alone = torch.tensor([LENGTH, 7, 64]), []
    for row, length in zip(ids, lengths.tolist(), strict=True):
        alone.append(model.prefill(row[None, :length])[0][0])
    logits, state = model.prefill(ids, lengths)
    torch.testing.assert_close(logits, torch.stack(alone), rtol=1e-9, atol=1e-9)
    assert state["0/position"].tolist() == lengths.tolist()
    left = torch.zeros_like(ids)
    for row, length in enumerate(lengths.tolist()):
        left[row, LENGTH - length :] = ids[row, :length]
    logits, state = model.prefill(left, None, starts_after_padding(LENGTH - lengths, LENGTH))
    torch.testing.assert_close(logits, torch.stack(alone), rtol=1e-9, atol=1e-9)


@torch.inference_mode()
def test_a_narrow_model_keeps_wide_states(ids: Tensor) -> None:
    """Theirs keeps states in bfloat16, and fails without a cache from 64 symbols on."""
    narrow = open_folder(TINY).load(torch.bfloat16)
    _, state = narrow.prefill(ids)
    _, state = narrow.step(ids[:, 0], state)
    assert {tensor.dtype for name, tensor in state.items() if "position" not in name} == {torch.float32}
    assert narrow(ids).isfinite().all()


@torch.inference_mode()
def test_a_prompt_in_pieces_is_one_prompt(ids: Tensor, model: LanguageModel) -> None:
    """Theirs changes the dtype of its states between the slices of a long prompt."""
    state = model.init_state(len(ids))
    pieces = []
    for piece in ids.split([1, 99, 50], dim=1):
        logits, state = model.extend(piece, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), model(ids), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("length", [1, 65])
def test_training_at_any_length(length: int, ids: Tensor) -> None:
    model = open_folder(TINY).load().train()
    model(ids[:, :length]).logsumexp(-1).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@torch.inference_mode()
def test_tied_embeddings_are_one_tensor(tmp_path: Path) -> None:
    weights = tensors()
    del weights["lm_head.weight"]
    tied = open_folder(write(tmp_path, configuration(tie_word_embeddings=True), weights)).load()
    assert tied.head is None
    assert sum(p.numel() for p in tied.parameters()) == sum(tensor.numel() for tensor in weights.values())


@torch.inference_mode()
def test_logits_of_a_prompt_are_those_of_its_last_symbol(
    ids: Tensor, model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    shapes, logits_of = [], model._logits
    monkeypatch.setattr(model, "_logits", lambda x, *more: shapes.append(x.shape) or logits_of(x, *more))
    assert model.prefill(ids)[0].shape == (3, 128)
    assert shapes == [(3, 64)]
