"""Files of safari's Hyena models: the same logits from the same numbers, and nothing guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safari_files import FEATURES, LENGTH, WIDTH, logits_of, safari_tensors, write_lightning

from seqlab.cli.main import main
from seqlab.mixers.hyena import Hyena
from seqlab.models.lm import LM
from seqlab.published import format_of
from seqlab.published.hyena import PublishedHyena
from seqlab.published.shared.files import read_tensors
from seqlab.spec import SpecError
from seqlab.train.saving import fill
from wikitext_folder import settings, write_tokenizer, write_wikitext

GIVEN = ("modulate=true", "activation=gelu_tanh")


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("modulate", [True, False])
def test_the_logits_are_those_of_safari(order: int, modulate: bool, tmp_path: Path) -> None:
    tensors = safari_tensors(order)
    weights = read_tensors(write_lightning(tmp_path / "hyena.ckpt", tensors))
    assert format_of(weights) is PublishedHyena
    found = PublishedHyena(modulate=modulate, activation="gelu_tanh").translated(weights)
    assert (found.signature.vocabulary, found.signature.length) == (264, LENGTH)
    assert isinstance(found.model, LM)
    assert found.model.tied
    mixer = found.model.layers[1].mixer
    assert isinstance(mixer, Hyena)
    assert mixer.order == order
    assert (mixer.filter.emb_dim, mixer.filter.width, mixer.filter.inner_layers) == (FEATURES, WIDTH, 2)
    model = found.model.build(found.signature)
    fill(model, found.weights)
    tokens = torch.randint(264, (2, 31), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(model.eval()(tokens), logits_of(tensors, tokens, modulate), rtol=1e-4, atol=1e-4)


def test_what_no_shape_tells_must_be_given() -> None:
    with pytest.raises(SpecError, match=r"do not tell modulate and activation; .* modulate=\.\.\. activation=\.\.\."):
        PublishedHyena.with_settings(())
    with pytest.raises(SpecError, match="do not tell activation"):
        PublishedHyena.with_settings(("modulate=false",))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"backbone.layers.1.norm2.bias": None}, r"layer 1 of the file has no tensor `norm2.bias`"),
        ({"backbone.ln_f.bias": None}, r"has no tensor `backbone.ln_f.bias`"),
        ({"backbone.layers.0.mixer.extra": torch.ones(1)}, r"layer 0 of the file has a tensor `mixer.extra`"),
        ({"decoder.weight": torch.ones(1)}, r"has a tensor `decoder.weight`"),
        ({"backbone.layers.0.mixer.Wqkv.weight": torch.ones(1)}, r"layer 0 of the file is attention"),
        ({"backbone.layers.7.norm1.bias": torch.ones(1)}, r"has the layers 0, 1, 7: some are missing"),
        ({"backbone.layers.0.mixer.filter_fn.implicit_filter.3.freq": torch.ones(1, WIDTH)}, "not one for all"),
        ({"backbone.layers.1.mixer.filter_fn.modulation.deltas": torch.ones(1, 1, 8)}, "another `mixer.filter_fn.modu"),
    ],
)
def test_a_file_of_another_model_is_refused(change: dict[str, torch.Tensor | None], told: str) -> None:
    tensors = safari_tensors() | change
    with pytest.raises(SpecError, match=told):
        PublishedHyena.renamed({name: tensor for name, tensor in tensors.items() if tensor is not None})


def test_a_head_of_its_own_is_kept() -> None:
    tensors = safari_tensors() | {"lm_head.weight": torch.ones(264, 8)}
    found = PublishedHyena(modulate=True, activation="gelu").translated(tensors)
    assert isinstance(found.model, LM)
    assert not found.model.tied
    assert torch.equal(found.weights["head.weight"], torch.ones(264, 8))


def test_no_code_of_a_file_is_run(tmp_path: Path) -> None:
    class Runs:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    path = tmp_path / "bad.ckpt"
    torch.save({"state_dict": {"a": torch.ones(2)}, "callbacks": Runs()}, path)
    assert read_tensors(path)["a"].tolist() == [1, 1]
    assert not (tmp_path / "ran").exists()
    torch.save({"callbacks": Runs()}, path)
    with pytest.raises(ValueError, match="holds no tensors"):
        read_tensors(path)


RECIPE = '''
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.filters.implicit import Implicit
from seqlab.mixers.hyena import Hyena
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.tasks.wikitext import WikiText


def trial() -> Experiment:
    """As the file."""
    layer = Block(
        mixer=Hyena(filter=Implicit(emb_dim=5, width=6)),
        channel=MLP(expansion=1.5, activation="gelu_tanh"),
        norm=LayerNorm(),
    )
    return Experiment(
        task=WikiText(**FILES),
        model=LM(dim=8, layers=(layer,) * 2, norm=LayerNorm()),
        batch=Batching(size=2),
        budget=Budget(steps=2),
        precision="float32",
    )
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a file of safari's names, a tokenizer, a text, questions, and a recipe."""
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("SEQLAB_CACHE", str(tmp_path / "cache"))
    write_lightning(tmp_path / "hyena.ckpt", safari_tensors())
    write_tokenizer(tmp_path)
    write_wikitext(tmp_path / "wiki")
    (tmp_path / "questions.jsonl").write_text(json.dumps({"text": "to be or not to be"}) + "\n")
    files = settings(tmp_path) | {"length": LENGTH}
    (tmp_path / "mine.py").write_text(RECIPE.replace("**FILES", f"**{files!r}"))
    return tmp_path


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_lambada_is_asked_of_the_file(folder: Path) -> None:
    asked = ("eval", folder / "hyena.ckpt", "lambada", "--file", folder / "questions.jsonl")
    tokenizer = f"tokenizer={folder / 'tokenizer.json'}"
    assert "do not tell modulate and activation" in call(*asked, tokenizer, code=1)
    found = json.loads(call(*asked, *GIVEN, tokenizer, "--json"))
    assert {"accuracy", "accuracy_filtered", "perplexity"} <= found.keys()
    assert found["count"] == 1
    assert found["settings"]["format"]["modulate"] is True
    assert found["settings"]["model"]["dim"] == 8
    recipe = f"{folder / 'mine.py'}:trial"
    assert json.loads(call(*asked, "--recipe", recipe, "--json"))["perplexity"] == found["perplexity"]
    assert "perplexity" in call(*asked, *GIVEN, tokenizer)


def test_training_goes_on_from_the_file(folder: Path) -> None:
    forked = ("fork", folder / "hyena.ckpt", "--recipe", f"{folder / 'mine.py'}:trial")
    said = call(*forked, "--name", "on")
    assert "inherits weights" in said
    asked = ("eval", "on", "lambada", "--file", folder / "questions.jsonl", "--json")
    assert json.loads(call(*asked))["count"] == 1
    assert len(list((folder / "runs" / "on" / "eval").iterdir())) == 1
    refused = call(*forked, "task.length=32", code=1)
    assert "is (40, 5) in the checkpoint and (32, 5) in the model" in refused
    refused = call(*forked, "task.vocabulary=272", code=1)
    assert "`embedding.weight` is (264, 8) in the checkpoint and (272, 8) in the model" in refused
