"""Several real processes (gloo, on the CPU) train one run: the numbers of one process, one record, no process waits
for a dead one."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import seqlab
from same_runs import assert_same
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Distribution, Evaluation, Experiment, Snapshots
from seqlab.journal import LabBook, Run
from seqlab.methods.shrink_and_perturb import ShrinkAndPerturb
from seqlab.models import Block
from seqlab.nn.norms.batchnorm import BatchNorm
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.optimisers.muon import Muon
from seqlab.probes.weight_norms import WeightNorms
from seqlab.regularisers.l2 import L2
from seqlab.spec import SpecError
from seqlab.train.checkpoint import checkpoints
from seqlab.train.distributed import World
from seqlab.train.fork import fork
from seqlab.train.load import load_model
from seqlab.train.start import prepare, record, resume
from tiny_runs import in_memory, lines, queued, text_in, tiny_over

HERE = Path(__file__).parent
SOURCE = Path(seqlab.__file__).parents[1]


def together(*runs: Run, processes: int = 2, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Carry out runs, one after the other, by the same few processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    paths = f"{SOURCE}{os.pathsep}{HERE.parent}"
    return subprocess.run(
        [*command, str(HERE / "processes.py"), *(str(run.folder) for run in runs)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


def on(processes: int, experiment: Experiment, sharding: str = "none") -> Experiment:
    return replace(experiment, distribution=Distribution(processes=processes, sharding=sharding))


def largest_difference(one: Run, other: Run) -> float:
    """Between the metrics of two runs that ought to be one: relative to the number, beyond 1."""
    first, second = lines(one), lines(other)
    assert [line.keys() for line in first] == [line.keys() for line in second]
    pairs = [(a[name], b[name]) for a, b in zip(first, second, strict=True) for name in a if "/" in name]
    return max(abs(a - b) / max(1.0, abs(a)) for a, b in pairs)


class Runs:
    """Runs of one process and of two, made once for all the tests here."""

    def __init__(self, folder: Path) -> None:
        tiny = tiny_over(text_in(folder))
        mixer = tiny.model.layers[0].mixer
        fifty = replace(
            tiny,
            optim=AdamW(lr=0.003),
            batch=Batching(size=6),
            budget=Budget(steps=50),
            evaluation=Evaluation(every_steps=25, log_every_steps=1),
            snapshots=Snapshots(every_steps=25),
            averaging=0.9,
            freeze=("blocks.0.mixer_norm",),
        )
        wide = replace(fifty, precision="float64")
        dropping = Block(mixer=mixer, channel=MLP(expansion=2.0, dropout=0.1), dropout=0.1)
        everything = replace(
            tiny,
            model=replace(tiny.model, layers=(dropping,)),
            optim=Muon(),
            precision="float64",
            methods=(ShrinkAndPerturb(every_tasks=None, every_steps=3),),
            regularisers=(L2(),),
            probes=(WeightNorms(every_steps=2),),
        )
        self.tiny, self.wide = tiny, wide
        self.alone = {name: self.queued(e, f"alone-{name}") for name, e in (("narrow", fifty), ("wide", wide))}
        self.alone["parts"] = self.queued(replace(everything, batch=Batching(size=6, accumulate=4)), "alone-parts")
        self.two = {
            "narrow": self.queued(on(2, fifty), "two-narrow"),
            "wide": self.queued(on(2, wide), "two-wide"),
            "shares": self.queued(on(2, wide, "full"), "two-shares"),
            "narrow-shares": self.queued(on(2, fifty, "full"), "two-narrow-shares"),
            "parts": self.queued(on(2, replace(everything, batch=Batching(size=6, accumulate=2))), "two-parts"),
        }
        for run in self.alone.values():
            resume(run)
        self.told = together(*self.two.values())

    @staticmethod
    def queued(experiment: Experiment, name: str) -> Run:
        return record(prepare(experiment), name=name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("processes")
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        patch.setenv("SEQLAB_RUNS", str(folder / "runs"))
        patch.setenv("SEQLAB_CACHE", str(folder / "cache"))
        yield Runs(folder)


@pytest.mark.parametrize("name", ["narrow", "wide", "parts"])
def test_two_processes_have_the_numbers_of_one(runs: Runs, name: str) -> None:
    """Rounding is all that differs; also of what draws dropout, part by part."""
    assert runs.two[name].state().name == "finished", runs.told.stderr
    assert largest_difference(runs.alone[name], runs.two[name]) < (1e-5 if name == "narrow" else 1e-10)


@pytest.mark.parametrize(("name", "bound"), [("shares", 1e-10), ("narrow-shares", 1e-5)])
def test_shares_have_the_numbers_of_the_whole(runs: Runs, name: str, bound: float) -> None:
    assert runs.two[name].state().name == "finished", runs.told.stderr
    assert largest_difference(runs.alone["wide" if name == "shares" else "narrow"], runs.two[name]) < bound


def test_the_record_says_who_took_part(runs: Runs) -> None:
    run = runs.two["shares"]
    (event,) = [event for event in run.events() if event["kind"] == "processes"]
    assert [member["rank"] for member in event["members"]] == [0, 1]
    assert event["sharding"] == "full"
    (attempt,) = run.attempts()
    assert (attempt["origin"]["processes"], attempt["origin"]["backend"]) == (2, "gloo")


def test_a_checkpoint_of_shares_is_whole_for_everybody_else(runs: Runs) -> None:
    """Weights and moments equal those of the run that was never shared out; a fork takes them over."""
    shares, alone = (checkpoints(run.folder)[-1] for run in (runs.two["shares"], runs.alone["wide"]))
    assert {"__0_0.distcp", "__1_0.distcp", ".metadata"} <= {path.name for path in shares.folder.iterdir()}
    assert shares.fault() is None
    for name, tensor in alone.weights(averaged=True).items():
        torch.testing.assert_close(shares.weights(averaged=True)[name], tensor, rtol=1e-9, atol=1e-9)
    moments = shares.state()["optimiser"]["state"]
    for index, kept in alone.state()["optimiser"]["state"].items():
        for key, value in kept.items():
            torch.testing.assert_close(moments[index][key], value, rtol=1e-8, atol=1e-10)
    load_model(runs.two["shares"])
    made = fork(runs.two["shares"], None, ["budget.steps=60", "distribution.processes=1"], None, book_of(runs))
    assert made.prepared.training.step == 50


def book_of(runs: Runs) -> LabBook:
    return LabBook(runs.two["shares"].folder.parent)


@pytest.mark.cluster
@pytest.mark.parametrize("sharding", ["none", "full"])
def test_a_stop_and_a_resume_change_no_bit(tiny: Experiment, sharding: str) -> None:
    """On the same number of processes; on another one the numbers are those within rounding, and it is marked."""
    experiment = replace(on(2, replace(tiny, averaging=0.9), sharding), precision="float64")
    whole, broken, moved = (queued(experiment, name) for name in ("whole", "broken", "moved"))
    told = together(broken, moved, SEQLAB_TEST_STOP="5")
    assert {run.state().name for run in (broken, moved)} == {"stopped"}, told.stderr
    told = together(whole, broken)
    assert broken.state().name == "finished", told.stderr
    assert_same(whole, broken)
    assert not [event for event in broken.events() if event["kind"] == "not_bit_comparable"]
    _, state = resume(moved)
    assert state == "finished"
    assert largest_difference(whole, moved) < 1e-10
    (event,) = [event for event in moved.events() if event["kind"] == "not_bit_comparable"]
    assert "processes: 2 -> 1" in event["changed"]


@pytest.mark.cluster
def test_shares_are_dealt_anew_among_three(tiny: Experiment) -> None:
    experiment = replace(on(2, replace(tiny, averaging=0.9), "full"), precision="float64")
    whole, moved = queued(experiment, "whole"), queued(experiment, "moved")
    together(moved, SEQLAB_TEST_STOP="5")
    told = together(moved, processes=3)
    assert moved.state().name == "finished", told.stderr
    together(whole)
    assert largest_difference(whole, moved) < 1e-10


@pytest.mark.cluster
@pytest.mark.parametrize("rank", [0, 1])
def test_nobody_waits_for_a_dead_process(tiny: Experiment, rank: int) -> None:
    run = queued(on(2, tiny))
    told = together(run, SEQLAB_TEST_RANK_DIES=f"{rank}@3")
    assert told.returncode != 0
    state = run.state()
    assert state.name == ("crashed" if rank == 0 else "failed"), told.stderr
    if rank == 1:
        assert "process 0 of 2 lost another one" in state.evidence
    assert checkpoints(run.folder)[-1].step == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"optim": Muon()}, "`optim` .*muon.* needs whole weights"),
        ({"methods": (ShrinkAndPerturb(every_tasks=None, every_steps=3),)}, "`methods.0` .* needs whole weights"),
        ({"regularisers": (L2(),)}, "`regularisers.0` .* needs whole weights"),
        ({"probes": (WeightNorms(),)}, "`probes.0` .* needs whole weights"),
        ({"precision": "bfloat16"}, "set `precision=float32`"),
    ],
)
def test_what_cannot_be_shared_out_is_refused_by_name(tiny: Experiment, changes: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        in_memory(on(2, replace(tiny, **changes), "full"))


def test_a_norm_over_rows_is_refused(tiny: Experiment) -> None:
    block = replace(tiny.model.layers[0], norm=BatchNorm())
    with pytest.raises(SpecError, match="takes statistics over the rows of a batch"):
        in_memory(on(2, replace(tiny, model=replace(tiny.model, layers=(block,)))))


def test_one_process_does_not_begin_what_asks_for_two(tiny: Experiment) -> None:
    run = queued(on(2, tiny))
    with pytest.raises(SpecError, match="asks for 2 processes and this is 1; `seqlab resume run --on torchrun`"):
        resume(run)
    assert not run.attempts()


def test_every_process_has_its_row(tiny: Experiment) -> None:
    with pytest.raises(SpecError, match=r"needs a row for each part of each process, and batch.size=4 has fewer"):
        on(5, tiny)


def test_the_gravest_reason_to_end_is_everybodys() -> None:
    alone = World()
    assert (alone.ending(None), alone.ending("preempted"), alone.any(False)) == (None, "preempted", False)
    assert World(1, 2).share([10, 11, 12, 13]) == [(2, 12), (3, 13)]
    assert math.isclose(float(alone.total({"loss": 2.0})["loss"]), 2.0)
