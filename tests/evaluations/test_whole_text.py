"""Bits per byte of a whole text: the same in chunks as at once."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from seqlab.data import DataError
from seqlab.data.signature import Signature
from seqlab.data.symbols import Bytes
from seqlab.evaluations import text
from seqlab.evaluations.text import WholeText
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.mlstm import MLSTM
from seqlab.mixers.mlstm_classic import ClassicMLSTM
from seqlab.mixers.slstm import SLSTM
from seqlab.models import Block
from seqlab.models.lm import LM, LanguageModel
from seqlab.nn.inits.normal import Normal

TEXT = "Ein Text mit Umlauten: äöü, und noch etwas.".encode()
IDS = torch.tensor([list(TEXT)])


def model_of(*mixers: Mixer) -> LanguageModel:
    torch.manual_seed(0)
    layers = tuple(Block(mixer=mixer) for mixer in mixers)
    spec = LM(dim=16, layers=layers, init=Normal(scale=0.4), embedding_init=Normal(scale=0.4))
    return spec.build(Signature(vocabulary=256, length=16)).eval()


def bits(model: LanguageModel, ids: torch.Tensor) -> float:
    with torch.inference_mode():
        nats = F.cross_entropy(model(ids[:, :-1])[0], ids[0, 1:], reduction="sum").item()
    return nats / math.log(2)


@pytest.mark.parametrize("mixer", [MLSTM(), ClassicMLSTM(), SLSTM()])
@pytest.mark.parametrize("chunk", [5, 512])
def test_a_state_is_carried(mixer: Mixer, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "CHUNK", chunk)
    (file := tmp_path / "text.txt").write_bytes(TEXT)
    model = model_of(mixer, MLSTM())
    found = WholeText(file=str(file)).ask(model, Bytes())
    assert found.measured["bits_per_byte"] == pytest.approx(bits(model, IDS) / (len(TEXT) - 1), rel=1e-5)
    assert (found.measured["symbols"], found.remarks) == (len(TEXT) - 1, ())
    begun = WholeText(file=str(file), begin=7).ask(model, Bytes())
    whole = bits(model, torch.cat([torch.tensor([[7]]), IDS], dim=1))
    assert begun.measured["bits_per_byte"] == pytest.approx(whole / len(TEXT), rel=1e-5)


def test_a_memory_that_grows_is_read_in_windows(tmp_path: Path) -> None:
    (file := tmp_path / "text.txt").write_bytes(TEXT)
    model = model_of(Attention(heads=2, position="rotary"))
    found = WholeText(file=str(file)).ask(model, Bytes())
    expected = sum(bits(model, IDS[:, start : start + 17]) for start in range(0, len(TEXT) - 1, 16))
    assert found.measured["bits_per_byte"] == pytest.approx(expected / (len(TEXT) - 1), rel=1e-5)
    assert "windows of 16 symbols" in found.remarks[0]


def test_there_is_something_to_predict(tmp_path: Path) -> None:
    (file := tmp_path / "text.txt").write_bytes(b"a")
    with pytest.raises(DataError, match="fewer than two symbols"):
        WholeText(file=str(file)).ask(model_of(MLSTM()), Bytes())
    with pytest.raises(DataError, match="does not predict a text"):
        WholeText(file=str(file)).ask(torch.nn.Linear(1, 1), Bytes())
