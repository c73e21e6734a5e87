"""`seqlab run` and `seqlab resume`: what they print, what they record, how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from calling import RECIPE, Cli, Place, call

from seqlab.cli import display
from seqlab.cli.fields import _alike
from seqlab.experiment import Experiment
from seqlab.journal import LabBook, open_run
from seqlab.spec import from_json, to_json
from seqlab.train.watch import Progress


def test_a_run_says_where_it_lies_how_it_did_and_what_to_do_next(place: Place) -> None:
    said = (place.text.parent / "said.txt").read_text()
    for expected in (
        "tiny finished at step 4/4",
        "this run (val)",
        "bigram",
        "Sample",
        "seqlab generate tiny --prompt",
    ):
        assert expected in said
    run = place.runs / "tiny"
    assert (run / "source/recipes.py").read_text() == RECIPE.replace("{text}", str(place.text))
    assert "step 4/4  train loss" in (run / "attempts/1/stdout.log").read_text()
    origin = json.loads((run / "origin.json").read_text())
    assert origin["recipe"] == place.recipe
    assert origin["overrides"] == ["seed=1"]


def test_print_is_json_that_reads_back(cli: Cli, place: Place) -> None:
    before = place.files()
    printed = json.loads(cli("run", place.recipe, "--print").output)
    experiment = from_json(printed)
    assert isinstance(experiment, Experiment)
    assert to_json(experiment) == printed
    assert experiment.budget.steps == 4
    assert place.files() == before


def test_a_dry_run_shows_all_and_writes_nothing(cli: Cli, place: Place, tmp_path: Path) -> None:
    said = cli("run", place.recipe, "--dry-run", "--runs", tmp_path / "none").output
    for expected in ("attention", "memory", "sha256", "unigram", "audits passed"):
        assert expected in said
    assert not (tmp_path / "none").exists()


def test_a_dry_run_is_audited(cli: Cli, place: Place) -> None:
    leaking = ("run", place.recipe, "model.layers.0.mixer.causal=false", "--dry-run")
    assert "causality fails: " in cli(*leaking, code=1).stderr
    assert "1 failed" in cli(*leaking, "accept=causality").output
    assert "did you mean `causality`" in cli("run", place.recipe, "accept=causalty", "--dry-run", code=1).stderr


def test_fit_prints_the_largest_value_as_an_override(cli: Cli, place: Place) -> None:
    field, _, value = cli("run", place.recipe, "--fit", "batch.size").output.strip().partition("=")
    assert (field, int(value) > 1) == ("batch.size", True)
    assert "did you mean `size`" in cli("run", place.recipe, "--fit", "batch.sise", code=1).stderr


def test_help_lists_every_field_of_the_recipe(cli: Cli, place: Place) -> None:
    said = cli("run", place.recipe, "model.layers.0.mixer.heads=4", "--help").output
    assert "Learns nothing." in said
    assert "task.length = 16  (whole number, ≥ 1)" in said
    assert "model.layers.0.mixer.heads = 4" in said
    assert "model.layers.1.mixer.heads = 2" in said
    assert "--dry-run" in said
    assert "model.layers.all.mixer.heads = 2" in cli("run", place.recipe, "--help").output


def test_the_help_of_a_shipped_recipe_fits_80_columns(cli: Cli) -> None:
    assert max(map(len, cli("run", "demo:letters", "--help").output.splitlines())) <= 80


def test_a_deadline_ends_with_75_and_resume_goes_on(cli: Cli, place: Place) -> None:
    cli("run", place.recipe, "--name", "late", "--deadline", "0.000001", code=75)
    assert json.loads(cli("show", "late", "--json").output)["state"] == "timed_out"
    assert "late finished at step 4/4" in cli("resume", "late").output
    assert "late is finished" in cli("resume", "late").output


@pytest.mark.parametrize(
    ("number", "state", "code"), [(signal.SIGINT, "stopped", 0), (signal.SIGTERM, "preempted", 75)]
)
def test_a_signal_ends_it_after_the_step(
    number: int, state: str, code: int, cli: Cli, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def at_once(self: object, progress: Progress, values: object) -> None:
        if progress.step == 1 and not sent:  # a second one would end it at once
            sent.append(number)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(display.Display, "metrics", at_once)
    result = cli("run", place.recipe, "--name", f"sent-{state}", code=code)
    assert f"sent-{state} {state} at step 1/4" in result.output
    assert f"seqlab resume sent-{state}" in result.output


def test_training_goes_on_where_nobody_reads_any_more(place: Place, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "seqlab.cli.main", "run", place.recipe, "--name", "unread", "--runs", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert LabBook(tmp_path).open("unread").state().name == "finished"
    assert "step 4/4  train loss" in (tmp_path / "unread/attempts/1/stdout.log").read_text()


def test_a_run_of_a_persons_own_loop_is_not_resumed_here(cli: Cli, tmp_path: Path) -> None:
    with open_run("by-hand", {"lr": 0.1}, runs=tmp_path) as own:
        own.log(step=1, **{"train/loss": 1.0})
    (tmp_path / "by-hand/attempts/1/exit.json").unlink()
    assert "only that program can train it on." in cli("resume", "by-hand", "--runs", tmp_path, code=1).stderr


def test_a_live_line_logs_what_plain_lines_say(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    run = LabBook(place.runs).create({"part": "x"}, name="watched", origin={})
    with run.attempt() as attempt, display.LiveDisplay(run) as shown:
        shown.floors({"uniform": {"nats_per_symbol": 5.5}, "bigram": {"nats_per_symbol": 2.0}})
        shown.metrics(Progress(5, 10, 1200.0, 3.0, 10**8), {"train/loss": 3.0})
        shown.message("a checkpoint was skipped")
    assert attempt.stdout.read_text().splitlines() == [
        "step  5/10  train loss 3.000 < uniform 5.500  1.2k tokens/s  3.0 s left  100 MB",
        "a checkpoint was skipped",
    ]
    assert "a checkpoint was skipped" in capsys.readouterr().out


MINE = '''
from torch import nn
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers import Mixer, SequenceMixer
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.tasks.text import Text


class Mine(Mixer):
    """Mixes nothing."""

    width: int = 3
    """What it divides by."""

    def build(self, *, dim, length):
        return Same(self.width)


class Same(SequenceMixer):
    causal, max_length, reach = True, None, 1

    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, x, lengths=None):
        return x / self.width

    def prefill(self, x, lengths=None):
        return x / self.width, self.init_state(len(x))

    def init_state(self, batch):
        import torch
        return {"position": torch.zeros(batch, dtype=torch.int64)}

    def step(self, x_t, state):
        return x_t / self.width, state

    def flops(self, length):
        return 0.0


def trial():
    """Mine."""
    return Experiment(
        task=Text(path="text.txt", length=8),
        model=LM(dim=8, layers=(Block(mixer=Mine(), channel=None),)),
        batch=Batching(size=2),
        budget=Budget(steps=2),
        precision="float32",
    )
'''


def test_a_file_of_ones_own_works_from_an_empty_folder(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEQLAB_RUNS")
    Path("mine.py").write_text(MINE)
    Path("text.txt").write_bytes(place.text.read_bytes())
    assert "model.layers.all.mixer.width = 3" in call("run", "./mine.py:trial", "--help").output
    assert call("run", "./mine.py:trial", "--name", "own").exit_code == 0
    assert (tmp_path / "runs/own/source/mine.py").read_text() == MINE
    assert call("generate", "own", "--prompt", "the ", "--symbols", "3").exit_code == 0


def test_a_mixer_without_steps_is_trained_and_says_why_it_writes_nothing(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # the test above starts the process that prepares it anew; one more takes seconds
    monkeypatch.setattr("seqlab.audits.process_independence.ProcessIndependence.wanted", lambda *_: False)
    Path("text.txt").write_bytes(place.text.read_bytes())
    begin, end = MINE.index("    def prefill"), MINE.index("    def flops")
    Path("mine.py").write_text(MINE[:begin] + MINE[end:])
    trained = call("run", "./mine.py:trial", "--name", "stepless", "--runs", tmp_path / "runs")
    assert (trained.exit_code, trained.stderr) == (0, "")
    assert "No sample: Same has no `prefill`, which every mixer must have." in trained.output
    assert "seqlab show stepless" in trained.output
    asked = call("generate", "stepless", "--prompt", "a", "--runs", tmp_path / "runs")
    assert asked.exit_code == 1
    assert asked.stderr.endswith("\nError: Same has no `prefill`, which every mixer must have.\n")


def test_layers_that_take_turns_are_described_once_each(cli: Cli, place: Place) -> None:
    said = cli("run", place.recipe, "model.layers.1.mixer=window", "--help").output
    assert "model.layers.0.mixer = attention" in said
    assert "model.layers.1.mixer = window" in said
    assert list(_alike("abab")) == [("0:3:2", "a"), ("1:4:2", "b")]
    assert list(_alike("aab")) == [("0:2", "a"), ("2", "b")]
    assert list(_alike("abaa")) == [("0", "a"), ("2", "a"), ("3", "a"), ("1", "b")]


def test_what_a_part_replaced_by_name_takes_with_it_is_said(cli: Cli, place: Place) -> None:
    """Not among what is printed, which a program reads; of a sweep once, whatever the number of cells."""
    lost = (
        "`model.layers.all.channel=mlp` has its own defaults, and loses multiple=8, which channels/mlp does not have.\n"
    )
    change = "model.layers.all.channel=mlp"
    printed = cli("run", place.recipe, change, "model.layers.all.channel.dropout=0.1", "--print")
    assert (printed.stderr, json.loads(printed.stdout)["model"]["layers"][0]["channel"]["dropout"]) == (lost, 0.1)
    assert cli("run", place.recipe, "model.layers.all.mixer.heads=4", "--print").stderr == ""
    assert cli("sweep", place.recipe, change, "optim.lr=0.1,0.2", "--dry-run").stderr.count(lost) == 1
    assert cli("audit", place.recipe, change).stderr.count(lost) == 1
    forked = cli("fork", "tiny", "model.layers.all.mixer=attention", "budget.steps=8", "--dry-run").stderr
    assert forked.startswith("`model.layers.all.mixer=attention` has its own defaults, and loses heads=2, now 4")
