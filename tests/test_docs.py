"""The pages in docs/ name only what exists: links, files, commands, parts, recipes, cards, fields, metrics."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import seqlab
from seqlab.channels.swiglu import SwiGLU
from seqlab.cli.main import main
from seqlab.data import DataError, cards
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.journal.state import STATES
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.methods.snr import SNR
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.probes.weight_norms import WeightNorms
from seqlab.recipes import shipped
from seqlab.regularisers.l2 import L2
from seqlab.spec import Part, SpecError, find, members
from seqlab.spec.override import field_types
from seqlab.tasks.text import Text

ROOT = Path(__file__).parent.parent
PAGES = {path.name: path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]}
KINDS = (
    "mixers", "channels", "filters", "tasks", "models", "probes", "methods", "regularisers", "optim/optimisers",
    "optim/schedules", "nn/norms", "nn/inits", "audits", "evaluations", "published", "folders",
)  # fmt: skip
PHASES = ("train", "val", "val_subset", "test", "speed", "memory", "method", "weight_norms")
ONLY_ON_A_GPU = {"train/overflows"}
ONLY_OF_CLASSES = {"train/accuracy"}
ONLY_OF_WIKITEXT = {"val/perplexity", "val/word_perplexity", "val/byte_perplexity"}
ONLY_OF_FAMILIES = {
    "train/nll",
    *(f"val/{what}_loss" for what in ("train", "structure", "superfamily", "shuffled")),
}
NOT_A_FIELD = {"task.FIELD", "model.safetensors"}
MEANT = {"field optim.lrr", "file src/seqlab/mixers/decay.py", "field local_order"}
"""The README's mistake, and the file that its reader makes."""


def code(text: str) -> Iterator[str]:
    """What stands in backticks on a line, and the lines of code blocks; not what an audit is quoted with."""
    text = re.sub(r"^> .*$", "", text, flags=re.MULTILINE)
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        yield from block.splitlines()
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    yield from (" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose))


def faults(text: str) -> list[str]:
    """The names in a page that name nothing."""
    return [fault for snippet in code(text) for fault in _faults_in(snippet)]


def _faults_in(snippet: str) -> Iterator[str]:
    for words in re.findall(r"(?:^|\$ )seqlab ([a-z]+(?: [a-z]+)?)", snippet):
        yield from _command(words.split())
    for name in re.findall(r"card:([a-z0-9-]+)", snippet):
        yield from _card(name)
    for name in re.findall(r"(?<![\w/.])demo:\w+", snippet):
        if name not in shipped():
            yield f"recipe {name}"
    if re.fullmatch(rf"(?:{'|'.join(KINDS)})/\w+", snippet):
        yield from _part(snippet)
    if re.fullmatch(r"(?:src|tests|docs)/[\w/.]+", snippet) and not (ROOT / snippet).exists():
        yield f"file {snippet}"
    if "run ./mine.py" in snippet:
        return  # the fields of a reader's own parts; test_readme.py types these lines
    if snippet.startswith(("seqlab run ", "$ seqlab run ")) or re.fullmatch(r"[a-z_]+(\.[\w:*-]+)*(=.*)?", snippet):
        for path in re.findall(r"(?:^| )([a-z_]+(?:\.[\w:*-]+)*)(?==|$)", snippet):
            yield from _path(path)


def _command(words: list[str]) -> Iterator[str]:
    command = main.get_command(click.Context(main), words[0])
    if command is None:
        yield f"command seqlab {words[0]}"
    elif isinstance(command, click.Group) and len(words) > 1 and words[1] not in command.commands:
        yield f"command seqlab {' '.join(words)}"


def _card(name: str) -> Iterator[str]:
    try:
        cards.card(name)
    except DataError:
        yield f"card:{name}"


def _part(tag: str) -> Iterator[str]:
    kind, _, name = tag.rpartition("/")
    try:
        find(kind, name)
    except SpecError:
        yield f"part {tag}"


def _path(path: str) -> Iterator[str]:
    """A path that begins with a field of the experiment must go on with fields; any other word is no path."""
    keys = path.split(".")
    if keys[0] not in field_types(Experiment) or path in NOT_A_FIELD:
        return
    classes = {Experiment}
    for key in keys:
        if re.fullmatch(r"all|-?\d+|[\d:-]+", key):
            continue
        wanted = [field_types(cls)[key] for cls in classes if key in field_types(cls)]
        if not wanted:
            yield f"field {path}"
            return
        classes = {cls for one in wanted for cls in _parts_in(one)}


def _parts_in(wanted: Any) -> Iterator[type[Part]]:
    """The classes of the parts that a field of this type can hold."""
    if isinstance(wanted, type) and issubclass(wanted, Part):
        yield from members(wanted.kind).values() if wanted.kind else [wanted]
    elif typing.get_origin(wanted) in (tuple, typing.Union, types.UnionType, typing.Annotated):
        for option in typing.get_args(wanted):
            yield from _parts_in(option)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_what_exists(page: str) -> None:
    assert set(faults(PAGES[page])) - MEANT == set()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("`seqlab shwo NAME`", "command seqlab shwo"),
        ("```console\n$ seqlab data gte kjv\n```", "command seqlab data gte"),
        ("`mixers/hyenna`", "part mixers/hyenna"),
        ("`optim/schedules/cosinus`", "part optim/schedules/cosinus"),
        ("`card:brwn`", "card:brwn"),
        ("`task.path=card:brwn`", "card:brwn"),
        ("`demo:leters`", "recipe demo:leters"),
        ("`evaluation.every_step`", "field evaluation.every_step"),
        ("`optim.rate=1`", "field optim.rate"),
        ("`model.layers.0::2.mixer.head=8`", "field model.layers.0::2.mixer.head"),
        ("`seqlab run demo:letters budget.step=3 --name x`", "field budget.step"),
        ("`src/seqlab/mixer`", "file src/seqlab/mixer"),
    ],
)
def test_a_wrong_name_is_found(text: str, fault: str) -> None:
    assert set(faults(text)) == {fault}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    folder = ROOT if page == "README.md" else ROOT / "docs"
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if re.match(r"\w+:", target):
            continue
        path, _, heading = target.partition("#")
        linked = folder / path if path else folder / page
        assert linked.exists(), f"{page} links to {target}"
        if heading:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            anchors = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
            assert heading in anchors, f"{page} links to {target}"


def test_every_page_is_linked_from_the_readme() -> None:
    assert set(re.findall(r"\(docs/(\w+\.md)\)", PAGES["README.md"])) == PAGES.keys() - {"README.md"}


def test_every_shipped_part_card_and_state_is_described() -> None:
    written = {snippet for page in PAGES.values() for snippet in code(page)}
    assert {f"{kind}/{name}" for kind in KINDS for name in members(kind)} <= written
    assert {f"card:{name}" for name in cards.names()} <= written
    assert set(shipped()) <= written
    assert set(STATES) <= written


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seqlab.api.TrainedRun:
    """A tiny run with everything that measures."""
    folder = tmp_path_factory.mktemp("docs")
    text = folder / "text.txt"
    text.write_text("the cat sat on the mat and the dog lay on the log. " * 40)
    experiment = Experiment(
        task=Text(path=str(text), length=16, test=0.1),
        model=LM(dim=8, layers=(Block(mixer=Attention(heads=2), channel=SwiGLU(multiple=8)),)),
        batch=Batching(size=2),
        budget=Budget(steps=2),
        regularisers=(L2(),),
        methods=(ShrinkAndPerturb(every_tasks=None, every_steps=2), SNR()),
        probes=(WeightNorms(),),
        averaging=0.9,
        precision="float32",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQLAB_CACHE", str(folder / "cache"))
        return seqlab.run(experiment, runs=folder / "runs")


def test_metrics_have_the_names_that_are_written(run: seqlab.api.TrainedRun) -> None:
    written = {s for page in PAGES.values() for s in code(page) if re.fullmatch(rf"(?:{'|'.join(PHASES)})/[\w/]+", s)}
    measured = set(run.metrics.last)
    assert written - ONLY_ON_A_GPU - ONLY_OF_CLASSES - ONLY_OF_WIKITEXT - ONLY_OF_FAMILIES <= measured
    described = set(code(PAGES["training.md"]))
    undescribed = {name for name in measured if name.partition("/")[0] in ("train", "speed", "memory", "val")}
    assert undescribed <= described


def test_every_file_of_a_run_is_in_the_protocol(run: seqlab.api.TrainedRun) -> None:
    written = set(code(PAGES["record.md"]))
    for path in run.folder.rglob("*"):
        if path.is_file():
            place = str(path.relative_to(run.folder))
            place = re.sub(r"^attempts/\d+/", "attempts/<n>/", place)
            assert place in written or path.name in written or f"{place.partition('/')[0]}/" in written, place


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_can_be_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of docs/; the README's have a test of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    if page == "README.md":
        return
    for block in re.findall(r"^```python\n(.*?)^```$", PAGES[page], re.DOTALL | re.MULTILINE):
        names: dict[str, Any] = {"__name__": "docs"}
        exec(compile(block, page, "exec"), names)
        for name, value in names.items():
            if isinstance(value, types.FunctionType) and value.__module__ == "docs":
                made = value()
                grid = made if isinstance(made, types.GeneratorType) else [made]
                assert all(isinstance(one, Experiment) for one in grid), name
