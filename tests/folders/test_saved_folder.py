"""Models saved as folders: read again they are the same, here and, where it is installed, in transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from tiny_folder import TINY, configuration, tensors, write

from seqlab.channels.swiglu import SwiGLU
from seqlab.cli.main import main
from seqlab.data.signature import Signature
from seqlab.folders import FolderError, open_folder
from seqlab.folders.shared import writing
from seqlab.folders.shared.writing import write_folder
from seqlab.folders.xlstm import XLSTMFolder
from seqlab.mixers.attention import Attention
from seqlab.mixers.mlstm import MLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.inits.normal import Normal
from seqlab.nn.norms.rmsnorm import RMSNorm

IDS = torch.tensor([[5, 9, 12, 77, 3] * 30])


def export(*arguments: object) -> None:
    result = CliRunner().invoke(main, ["export", *map(str, arguments)])
    assert result.exit_code == 0, result.output


def trained(tied: bool) -> tuple[LM, LanguageModel]:
    """A model of ours, with none of the numbers of its initial law; wide enough for transformers' cache."""
    torch.manual_seed(0)
    block = Block(mixer=MLSTM(heads=2), channel=SwiGLU(expansion=2.667), norm=RMSNorm())
    spec = LM(dim=128, layers=(block,) * 2, norm=RMSNorm(), tied=tied, init=Normal(scale=0.1), logit_cap=30.0)
    model = spec.build(Signature(vocabulary=128, length=64))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return spec, model.eval()


def saved(folder: Path, tied: bool) -> LanguageModel:
    spec, model = trained(tied)
    fields = XLSTMFolder.configuration(spec, 128)
    write_folder(folder, fields, XLSTMFolder.places(spec, 128), model.state_dict())
    return model


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shard_bytes", [10**9, 200_000])
def test_the_same_logits(tied: bool, shard_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "SHARD_BYTES", shard_bytes)
    model = saved(tmp_path / "it", tied)
    assert (len(list((tmp_path / "it").glob("*.safetensors"))) > 1) == (shard_bytes < 10**9)
    with torch.inference_mode():
        assert torch.equal(open_folder(tmp_path / "it").load()(IDS), model(IDS))


def test_a_folder_of_any_form_as_the_one_of_transformers(tmp_path: Path) -> None:
    export(TINY, tmp_path / "it")
    with torch.inference_mode():
        assert torch.equal(open_folder(tmp_path / "it").load()(IDS), open_folder(TINY).load()(IDS))
    fields = json.loads((tmp_path / "it" / "config.json").read_text())
    assert (fields["hidden_size"], fields["torch_dtype"], fields["eos_token_id"]) == (64, "float32", 0)
    export(TINY, tmp_path / "narrow", "--dtype", "bfloat16")
    assert open_folder(tmp_path / "narrow").dtype == torch.bfloat16


def test_a_model_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="matrix LSTM, SwiGLU and RMS norms"):
        XLSTMFolder.configuration(LM(layers=(Block(mixer=Attention(heads=2)),)), 9)
    spec, _ = trained(False)
    with pytest.raises(FolderError, match="nothing like this model's `position`"):
        XLSTMFolder.configuration(LM(dim=128, layers=spec.layers, position="learned"), 9)


def test_nothing_is_overwritten_and_nothing_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FolderError, match="is already there"):
        saved(tmp_path, False)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "save_file", full)
    with pytest.raises(FolderError, match=r"No space left on device.*nothing of it was left"):
        saved(tmp_path / "it", False)
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize("tied", [False, True])
def test_transformers_has_the_same_logits(tied: bool, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model = saved(tmp_path / "it", tied)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "it", dtype=torch.float32).eval()
    with torch.inference_mode():
        expected = theirs(IDS, use_cache=False).logits
        torch.testing.assert_close(model(IDS), expected, rtol=0, atol=2e-4)
        written = theirs.generate(IDS[:, :70], max_new_tokens=10, do_sample=False, eos_token_id=None)[0, 70:]
        logits, state = model.prefill(IDS[:, :70])
        for symbol in written:
            assert logits.argmax() == symbol
            logits, state = model.step(symbol[None], state)


def test_what_transformers_saved_is_read(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    write(tmp_path / "mine", configuration(), tensors())
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "mine", dtype=torch.float32).eval()
    theirs.save_pretrained(tmp_path / "it", max_shard_size="200KB")
    with torch.inference_mode():
        ours = open_folder(tmp_path / "it").load()(IDS)
        torch.testing.assert_close(ours, theirs(IDS, use_cache=False).logits, rtol=0, atol=2e-4)
