"""The parts of a model over several devices, simulated: the same symbols, and everything is brought to where it is
used."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny_folder import TINY
from torch import Tensor

from seqlab.folders import FolderError, open_folder
from seqlab.folders.shared import spread_model
from seqlab.folders.shared.spread import Room, rooms_here, spread
from seqlab.generation.generate import generate
from seqlab.generation.sampling import Sampling

PROMPT = np.load(TINY / "golden.npz")["L37_input_ids"][0].tolist()
GREEDY = np.load(TINY / "golden.npz")["L37_greedy"].tolist()
FIRST, SECOND, CPU = torch.device("cuda", 0), torch.device("cuda", 1), torch.device("cpu")


def test_parts_follow_each_other_and_the_rest_is_on_the_cpu() -> None:
    rooms = [Room(FIRST, 250), Room(SECOND, 120), Room(CPU, 10_000)]
    assert spread("it", [100, 100, 100, 100, 50], rooms) == [FIRST, FIRST, SECOND, CPU, CPU]
    assert spread("it", [300, 10], rooms) == [CPU, CPU]
    with pytest.raises(FolderError, match=r"it needs .* on 3 devices; choose a narrower --dtype"):
        spread("it", [20_000], rooms)


def test_this_machine_has_a_cpu() -> None:
    assert rooms_here()[-1].device == CPU


def test_the_same_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both devices are the CPU; `Tensor.to` tells what would be moved where."""
    folder = open_folder(TINY)
    sizes = [32_768, 215_840, 215_840, 33_024]
    rooms = [Room(torch.device("cpu", 0), 300_000), Room(torch.device("cpu", 1), 10**9)]
    assert spread("it", sizes, rooms) == [rooms[0].device] * 2 + [rooms[1].device] * 2
    model = folder.load_over(rooms)
    assert isinstance(model, spread_model.SpreadLanguageModel)
    moves, to = [], Tensor.to

    def moved(tensor: Tensor, *where: object, **options: object) -> Tensor:
        if isinstance(where[0], torch.device) and where[0].index is not None:
            moves.append(where[0].index)
        return to(tensor, *where, **options)  # type: ignore[call-overload, no-any-return]

    assert list(generate(model, PROMPT, 20, Sampling(temperature=0))) == GREEDY
    monkeypatch.setattr(Tensor, "to", moved)
    with torch.inference_mode():
        logits, state = model.prefill(torch.tensor([PROMPT]), torch.tensor([37]))
        assert logits.argmax() == GREEDY[0]
        assert moves == [0, 0, 0, 1, 1, 1], "symbols; x and lengths to each block; x to the head"
        moves.clear()
        assert model.step(torch.tensor(GREEDY[:1]), state)[0].argmax() == GREEDY[1]
        assert moves == [0, 0, 1, 1]
