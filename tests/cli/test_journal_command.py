"""The lab book and the plan, as they are printed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calling import Cli

from seqlab.cli import markdown
from seqlab.journal import LabBook, clock

MACHINE = {"host": "hut", "device": "cpu", "processor": "abacus", "threads": 2, "compute_dtype": "float32"}
FLOORS = {"uniform": {"nats_per_symbol": 5.545}, "bigram": {"nats_per_symbol": 2.453}}
AUDITS = {
    "schema": 1,
    "before": [
        {"name": "shape", "status": "pass", "measured": {}, "message": "", "seconds": 0.1},
        {"name": "causality", "status": "fail", "measured": {}, "message": "layer 2 sees the future", "seconds": 0.1},
    ],
    "accepted": ["causality"],
}


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Its only item is the time of day, on a machine whose clock shows UTC."""
    now = ["2026-11-24T09:30:00.000000+00:00"]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "UTC")
        time.tzset()
        yield now
    time.tzset()


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: list[str]) -> LabBook:
    """Two days: `base`, which has a bug, and on the next one its fork `deep`, which fails its floor; and a plan."""
    monkeypatch.setenv("SEQLAB_RUNS", str(tmp_path / "runs"))
    book = LabBook(tmp_path / "runs")
    origin = {"recipe": "hyena:wt103", "environment": MACHINE}
    base = book.create(
        {"optim": {"lr": 6e-4}, "depth": 2},
        name="base", why="is Hyena as good\nas attention?", tags=["wt103", "small"],
        origin=origin | {"argv": ["main.py", "run", "hyena:wt103", "optim.lr=6e-4"], "overrides": ["optim.lr=6e-4"]},
    )  # fmt: skip
    with base.attempt() as attempt:
        attempt.log(step=200, **{"val/loss": 1.006, "val/accuracy": 0.9})
        attempt.summarise(step=200, steps=200, tokens=1_000_000, wall_seconds=3725.0, floors=FLOORS)
        attempt.finish("finished", step=200)
    base.note("perplexity < 3, <too good> to be true", "works")
    moment[0] = "2026-11-25T18:05:00.000000+00:00"
    base.note("10 of 12 layers saw the future", "bug")
    deep = book.create(
        {"optim": {"lr": 6e-4}, "depth": 12},
        name="deep", parent={"run": "base", "step": 200, "inherited": ["weights"]},
        origin=origin | {"argv": ["main.py", "run", "hyena:wt103", "depth=12"], "overrides": ["depth=12"]},
    )  # fmt: skip
    (deep.folder / "audits.json").write_text(json.dumps(AUDITS))
    call_plan(book)
    return book


def call_plan(book: LabBook) -> None:
    """One item with two parts, of which the second is not to be done."""
    from seqlab.journal import planning

    planning.add(book, "Reproduce WikiText-103")
    planning.add(book, "12 layers", under=1)
    planning.add(book, "dropout", under=1)
    planning.change(book, 2, "running")
    planning.link(book, 2, ["deep", "base"])
    planning.change(book, 3, "dropped", "the paper has none")


PAGE = r"""# Lab book

2 runs in `{root}`.

## 2026-11-24

### base

- TAINTED: its verdict is bug
- why: is Hyena as good
  as attention?
- when: 09:30, notebook hyena, tags wt103 small
- where: hut, abacus, 2 threads, float32
- command: `seqlab run hyena:wt103 optim.lr=6e-4`
- differs from hyena:wt103: `optim.lr=6e-4`
- result: val loss 1.006 (< bigram 2.453), accuracy 0.9000 at step 200/200
- cost: 1 h 02 min, 1,000,000 tokens
- state: finished: attempt 1 wrote exit.json at 2026-11-24T09:30:00.000000+00:00 (step: 200)
- verdict: bug
- plan: 2 12 layers (running)
- notes:
  - 2026-11-24 (works): perplexity < 3, \<too good> to be true
  - 2026-11-25 (bug): 10 of 12 layers saw the future

## 2026-11-25

### deep

- TAINTED: it descends from base, whose verdict is bug
- when: 18:05, notebook hyena
- where: hut, abacus, 2 threads, float32
- command: `seqlab run hyena:wt103 depth=12`
- fork of: base at step 200, inherits weights
- differs from base: `depth` 2 -> 12
- state: queued: no attempt yet
- audits: 1 passed, 1 did not
  - causality (fail, accepted, before training): layer 2 sees the future
- plan: 2 12 layers (running)

## Plan

- [ ] 1 Reproduce WikiText-103 (open since 2026-11-25)
  - [ ] 2 12 layers (running since 2026-11-25)
    - run deep: queued, TAINTED: it descends from base, whose verdict is bug
    - run base: finished, val loss 1.006 (< bigram 2.453), bug
"""


def test_the_lab_book_is_a_page_of_markdown(cli: Cli, book: LabBook) -> None:
    said = cli("journal").output
    assert said == PAGE.replace("{root}", str(book.root))
    assert cli("journal", "--markdown").output == said


def test_one_run_by_name_one_day_one_notebook(cli: Cli, book: LabBook) -> None:
    said = cli("journal", "deep").output
    assert "### deep" in said
    assert "### base" not in said
    assert "## Plan" not in said
    assert "### deep" not in cli("journal", "--until", "2026-11-24").output
    assert "### base" not in cli("journal", "--since", "2026-11-25").output
    assert cli("journal", "--notebook", "hyena").output.startswith("# Notebook hyena\n")
    assert "### deep" not in cli("journal", "--tag", "small").output
    assert "### base" not in cli("journal", "--where", "depth>2").output
    assert "No run like that in " in cli("journal", "--tag", "none").output


@pytest.mark.parametrize(
    ("parent", "said"),
    [
        (
            {"kind": "file", "run": "/old/model.safetensors", "step": 0, "inherited": ["weights"]},
            "- fork of: /old/model.safetensors, inherits weights\n- differs from hyena:wt103: `depth=12`\n",
        ),
        (
            {"kind": "rerun", "run": "base", "step": 0, "inherited": []},
            "- rerun of: base\n- differs from base: `depth` ",
        ),
        (
            {"run": "gone", "step": 3},
            "- differs: unknown, for gone is gone or cannot be read; it was typed: `depth=12`\n",
        ),
    ],
)
def test_where_a_run_began(parent: dict[str, object], said: str, cli: Cli, book: LabBook) -> None:
    (book.root / "deep/parent.json").write_text(json.dumps(parent))
    assert said in cli("journal", "deep").output


def test_the_lab_book_speaks_strict_json(cli: Cli, book: LabBook) -> None:
    said = json.loads(cli("journal", "--json").output, parse_constant=pytest.fail)
    assert [entry["name"] for entry in said["entries"]] == ["base", "deep"]
    assert said["entries"][1]["changes"] == {"depth": [2, 12]}
    assert [part["id"] for part in said["plan"][0]["items"]] == [2]


def test_a_damaged_run_is_an_entry_and_the_rest_goes_on(cli: Cli, book: LabBook) -> None:
    (book.root / "base/summary.json").write_text("{")
    result = cli("journal")
    assert "### base\n\n- DAMAGED: " in result.stdout
    assert "- fork of: base" in result.stdout
    assert f"run base: {book.root}/base/summary.json is damaged" in cli("plan").stdout
    (book.root / "base/origin.json").write_text("{")
    assert "## Nobody knows when\n\n### base" in cli("journal").stdout
    assert "base is left out: " in cli("journal", "--tag", "small").stderr
    assert "base is left out: " in cli("ls").stderr


def test_mistakes_are_a_sentence(cli: Cli, book: LabBook) -> None:
    assert "'soon' is no day; write 2026-11-25" in cli("journal", "--since", "soon", code=1).stderr
    assert "swap them" in cli("journal", "--since", "2026-11-25", "--until", "2026-11-24", code=2).stderr
    assert "the notebooks are hyena" in cli("journal", "--notebook", "dln", code=1).stderr
    assert "did you mean deep" in cli("journal", "deepp", code=1).stderr
    assert "there is no item 9" in cli("plan", "done", "9", code=1).stderr
    assert "either --under ID or --top" in cli("plan", "move", "1", code=2).stderr
    assert "cannot be moved under 2" in cli("plan", "move", "1", "--under", "2", code=1).stderr
    assert "did you mean deep" in cli("plan", "link", "1", "deepp", code=1).stderr
    assert "leave it out where you change it" in cli("plan", "--json", "add", "x", code=2).stderr


def test_an_empty_lab_book_says_how_to_begin(cli: Cli, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert "; `seqlab run demo:letters` makes one." in cli("journal", "--runs", nowhere).output
    assert "`seqlab plan add TEXT` begins" in cli("plan", "--runs", nowhere).output
    assert json.loads(cli("journal", "--json", "--runs", nowhere).output)["entries"] == []
    assert json.loads(cli("plan", "--json", "--runs", nowhere).output) == {"items": [], "skipped": 0}
    assert not nowhere.exists()


def test_the_plan_is_made_in_the_terminal(cli: Cli, tmp_path: Path, moment: list[str]) -> None:
    runs = tmp_path / "runs"

    def plan(*arguments: str) -> str:
        return cli("plan", *arguments, "--runs", runs).output

    assert plan("add", "causality") == "planned: 1 causality\n"
    assert plan("add", "at every length", "--under", "1") == "planned: 2 at every length\n"
    assert plan("done", "1", "--note", "well") == "1 is done: causality\nstill to be done under it: 2\n"
    assert plan("drop", "2") == "2 is dropped: at every length\n"
    assert plan("reopen", "1") == "1 is open: causality\n"
    assert plan("start", "1") == "1 is running: causality\n"
    assert plan("move", "2", "--top") == "2 stands at the top: at every length\n"
    LabBook(runs).create({}, name="first", origin={})
    assert plan("link", "1", "first") == "1 causality: first\n"
    assert plan() == (
        "- [ ] 1 causality (running since 2026-11-24)\n  - 2026-11-24: well\n  - run first: queued\n"
        "- 2 ~~at every length~~ (dropped 2026-11-24)\n"
    )
    assert plan("unlink", "1", "first") == "1 causality: no runs\n"
    assert cli("plan", "--runs", runs, "done", "1").output == "1 is done: causality\n"
    assert plan().startswith("- [x] 1 causality (done 2026-11-24)\n")
    (runs / ".plan.jsonl").write_bytes((runs / ".plan.jsonl").read_bytes() + b'{"event": "new", "id": 1}\n')
    assert "1 line of .plan.jsonl cannot be read or understood" in cli("plan", "--runs", runs).stderr
    assert "1 line of .plan.jsonl cannot be read or understood" in cli("journal", "--runs", runs).stderr


def test_a_verdict_needs_no_text(cli: Cli, book: LabBook) -> None:
    cli("note", "deep", "--verdict", "fails")
    assert "  - 2026-11-25 (fails)\n" in cli("journal", "deep").output
    assert "write some text or give a verdict" in cli("note", "deep", code=1).stderr


def test_what_people_write_does_not_break_the_page() -> None:
    assert markdown.item("# no title\n---\n\n`<a>` but <a>", depth=1) == (
        "  - \\# no title\n    \\---\n\n    `<a>` but \\<a>"
    )
    assert markdown.code("a") == "`a`"
    assert markdown.code("a `b` c") == "`` a `b` c ``"


def test_a_terminal_gets_wrapped_prose_and_whole_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "24")
    lines = ["# A title", "- why: a long line of prose is here", "- command: `seqlab run a b c d e f`"]
    markdown.show(lines)
    shown = capsys.readouterr().out
    assert "- why: a long line of\n  prose is here\n- command: `seqlab run a b c d e f`\n" in shown
    markdown.show(lines, as_written=True)
    assert capsys.readouterr().out == "\n".join(lines) + "\n"


def test_the_lab_book_and_the_plan_need_no_classes(book: LabBook) -> None:
    program = (
        "import sys; from seqlab.cli.main import main;"
        f"[main([*a, '--runs', {str(book.root)!r}], standalone_mode=False) for a in (['journal'], ['plan'])];"
        "print(sorted({'torch', 'pydantic', 'rich', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "### deep" in done.stdout
