"""Every benchmark runs, quickly, and a red gate lets none of them speak. No test looks at how long anything took."""

from __future__ import annotations

import importlib
import io
import json
import math
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from seqlab import bench
from seqlab.bench import Interrupted, Options, Row, gate
from seqlab.bench.shared import peer, processes
from seqlab.cli.bench import command
from seqlab.cli.main import main
from seqlab.journal import Run
from seqlab.train.training import Training
from seqlab.train.watch import Watch


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["bench", *arguments])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text of about 5,000 bytes."""
    path = tmp_path / "text.txt"
    path.write_text("to be quick is good and to be right is better still " * 100)
    return path


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in this process: a new one would import torch again."""

    def call(command: Sequence[str]) -> str:
        _, _, module, *arguments = command
        if module == "seqlab.cli.main":
            return CliRunner().invoke(main, arguments, catch_exceptions=False).output
        printed = io.StringIO()
        with redirect_stdout(printed):
            peer.main(arguments)
        return printed.getvalue()

    monkeypatch.setattr(processes, "run", call)


def finite(row: Row) -> bool:
    numbers = [row.value, row.minimum, row.spread, row.target, row.ratio, *row.also.values()]
    return bool(row.what and row.unit) and all(math.isfinite(number) for number in numbers if number is not None)


@pytest.mark.parametrize(
    "name",
    [
        "audits",
        "fits",
        "gemm",
        "generate",
        "generators",
        "gpt",
        "inspect",
        "loop",
        "methods",
        "mixers",
        "packing",
        "potts",
        "selection",
        "serve",
        "start",
        "updates",
        "web",
    ],
)
def test_it_runs_quickly_and_gives_finite_rows(name: str) -> None:
    rows = bench.measure(name, Options(quick=True))
    assert rows
    assert all(finite(row) for row in rows)


def test_every_benchmark_is_tested_here() -> None:
    assert bench.names() == [
        "audits",
        "fits",
        "gate",
        "gemm",
        "generate",
        "generators",
        "gpt",
        "inspect",
        "loop",
        "methods",
        "mixers",
        "operators",
        "packing",
        "potts",
        "selection",
        "serve",
        "shakespeare",
        "start",
        "updates",
        "web",
    ]


class EndedBySignal:
    """In the place of a training loop: at the given call SIGTERM comes, which `train` obeys by ending well."""

    def __init__(self, train: Callable[..., str], at: int) -> None:
        self._train, self._left = train, at

    def __call__(self, training: Training, run: Run, watch: Watch | None = None) -> str:
        self._left -= 1
        if self._left == 0:
            step = training.next_batch
            training.next_batch = lambda: (signal.raise_signal(signal.SIGTERM), step())[1]  # type: ignore[method-assign]
        return self._train(training, run, watch) if watch is not None else self._train(training, run)


@pytest.mark.parametrize(("name", "place", "at", "known"), [("loop", "loop", 2, 1), ("packing", "shared.clock", 1, 0)])
def test_an_interrupted_benchmark_says_in_one_sentence_what_was_not_measured(
    name: str, place: str, at: int, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module(f"seqlab.bench.{place}")
    monkeypatch.setattr(gate, "measure", lambda options: [])
    monkeypatch.setattr(module, "train", EndedBySignal(module.train, at))
    shown = run(name, "--quick")
    assert shown.exit_code == 1
    assert "Traceback" not in shown.output
    (said,) = [line for line in shown.output.splitlines() if "a signal ended the benchmark: `" in line]
    assert said.endswith("`, and what was to follow, was not measured.")
    assert shown.output.count("% over bare") == known, "what was measured before is shown"


def test_what_was_measured_before_a_signal_is_printed_as_json_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(options: Options) -> Iterator[Row]:
        yield Row(what="one", value=1.0, unit="ms")
        raise Interrupted("two")

    monkeypatch.setattr(gate, "measure", lambda options: [])
    monkeypatch.setattr("seqlab.bench.gemm.measure", lambda options: [Row(what="all", value=2.0, unit="ms")])
    monkeypatch.setattr("seqlab.bench.loop.measure", two)
    shown = run("gemm", "loop", "start", "--json", "--keep", "--runs", str(tmp_path))
    assert shown.exit_code == 1
    assert "`two`, and what was to follow, was not measured." in shown.stderr
    (kept,) = (tmp_path / ".bench").iterdir()
    for text in (shown.stdout, kept.read_text()):
        rows = json.loads(text)["benchmarks"]
        assert {name: [row["what"] for row in found] for name, found in rows.items()} == {
            "gemm": ["all"],
            "loop": ["one"],
        }


def test_a_signal_ends_the_benchmark_of_audits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqlab.bench.audits.train", lambda training, run: "preempted")
    with pytest.raises(Interrupted, match="a signal ended the benchmark: `tiny`"):
        bench.measure("audits", Options(quick=True))


@pytest.mark.usefixtures("in_process")
@pytest.mark.slow
def test_shakespeare_beside_its_peer(text: Path) -> None:
    ours, theirs = bench.measure("shakespeare", Options(quick=True, path=text))
    assert finite(ours)
    assert finite(theirs)
    assert theirs.ratio == 1.0
    assert "ended above 1.88" in theirs.note


def test_shakespeare_says_what_it_lacks() -> None:
    with pytest.raises(ValueError, match="--path"):
        bench.measure("shakespeare", Options(quick=True))


def test_without_a_name_the_benchmarks_are_listed() -> None:
    lines = run().output.splitlines()
    assert [line.split()[0] for line in lines] == bench.names()
    assert all(len(line.split()) > 5 for line in lines)
    assert [entry["name"] for entry in json.loads(run("--json").output)] == bench.names()


def test_an_unknown_name_stops_before_anything_runs() -> None:
    result = run("mixer", "--quick")
    assert result.exit_code == 1
    assert "did you mean `mixers`?" in result.output


@pytest.fixture
def green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "measure", lambda options: [Row(what="all", value=0.0, unit="difference", target=0.0)])


@pytest.mark.usefixtures("green")
def test_json_is_strict_and_a_table_has_the_machine() -> None:
    found = json.loads(run("mixers", "--quick", "--only", "window", "--json").stdout, parse_constant=pytest.fail)
    assert {"processor", "threads", "load_average", "idle"} <= found["machine"].keys()
    assert [row["ratio"] for row in found["benchmarks"]["mixers"] if row["what"].startswith("attention")] == [1.0] * 4
    table = run("mixers", "--quick", "--only", "hyena")
    assert table.exit_code == 0
    assert "threads" in table.output.splitlines()[0]
    assert "gate: 1 of 1 checks are green" in table.output
    assert "hyena 32 bfloat16 forward+backward" in table.output


@pytest.mark.usefixtures("green")
def test_a_busy_machine_is_said_to_be_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (9.0, 9.0, 9.0))
    assert "not idle" in run("gate").output
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 9.0, 9.0))
    assert "not idle" not in run("gate").output


@pytest.mark.parametrize("form", [[], ["--json"]])
@pytest.mark.parametrize("error", [1e-3, math.nan])
def test_a_red_gate_lets_nothing_be_timed(monkeypatch: pytest.MonkeyPatch, form: list[str], error: float) -> None:
    red = Row(what="kernel x", value=error, unit="of the largest entry", target=1e-6)
    monkeypatch.setattr(gate, "measure", lambda options: [red])
    monkeypatch.setattr("seqlab.bench.mixers.measure", lambda options: pytest.fail("it was timed"))
    result = run("mixers", "--quick", *form)
    assert result.exit_code == 1
    assert "the gate is red, so nothing was timed: kernel x." in result.stderr
    if form:
        assert json.loads(result.stdout)["benchmarks"] == {}


def test_lengths_are_numbers() -> None:
    result = CliRunner().invoke(command, ["mixers", "--lengths", "1024,many"])
    assert result.exit_code == 2
    assert "such as 1024,4096" in result.output


def test_the_rows_have_the_keys_that_the_page_tells() -> None:
    page = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text()
    keys = Row(what="a", value=1.0, unit="s").to_json().keys()
    assert [key for key in keys if f"`{key}`" not in page] == []
    failed = Row.failed("a", ValueError("no such thing"), labels={"mixer": "a"})
    assert failed.misses
    assert json.loads(json.dumps(failed.to_json()))["error"] == "ValueError: no such thing"
