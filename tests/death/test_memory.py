"""Memory that runs out: said in one sentence with what to do, recorded with its kind, never tried again blindly."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from operations import in_child

from seqlab.cli.main import main
from seqlab.experiment import Experiment
from seqlab.journal import Run
from seqlab.train import worker
from seqlab.train.shortage import OutOfMemory
from seqlab.train.start import prepare, resume
from tiny_runs import At, queued

TOO_MANY = 1 << 50


def of_python() -> object:
    raise MemoryError


def of_torch() -> object:
    return torch.empty(TOO_MANY)


def of_numpy() -> object:
    return np.empty(TOO_MANY)


def of_a_gpu() -> object:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 1 GiB.")


def of_a_library() -> object:
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")


def evidence(run: Run) -> dict[str, object]:
    ending = json.loads((run.folder / "attempts" / "1" / "exit.json").read_text())
    assert ending["state"] == "failed"
    found: dict[str, object] = ending["evidence"]
    return found


@pytest.mark.parametrize("shortage", [of_python, of_torch, of_numpy, of_a_gpu, of_a_library])
def test_memory_that_ran_out_is_a_failure_that_says_what_to_do(
    tiny: Experiment, shortage: Callable[[], object]
) -> None:
    run = queued(tiny)
    with pytest.raises(OutOfMemory) as caught:
        resume(run, At(3, shortage))
    told = str(caught.value)
    assert told.startswith("memory ran out at step 4 (")
    assert told.endswith(
        "train it anew with a smaller `batch.size` (4 now), a larger `batch.accumulate` (1 now), "
        "`gradient_checkpointing=true` or a smaller model."
    )
    assert (evidence(run)["kind"], evidence(run)["error"]) == ("out_of_memory", f"OutOfMemory: {told}")
    assert "kind: out_of_memory" in run.state().evidence
    assert resume(run)[1] == "finished"  # where there is more room, it is the same run


def test_what_cannot_be_made_smaller_is_not_suggested(tiny: Experiment) -> None:
    run = queued(replace(tiny, batch=replace(tiny.batch, size=1), gradient_checkpointing=True))
    with pytest.raises(OutOfMemory, match=r"\(MemoryError\); train it anew with a smaller model\."):
        resume(run, At(1, of_python))


def test_the_command_line_and_the_worker_say_one_sentence(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = queued(tiny)
    monkeypatch.setattr("seqlab.train.recorded.choice.optimiser_step", lambda t: of_torch())
    result = CliRunner().invoke(main, ["resume", run.name])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert result.output.startswith("Error: memory ran out at step 1 (RuntimeError: [enforce fail at alloc_cpu.cpp")
    assert worker.main([str(run.folder)]) == 1
    assert capsys.readouterr().err.startswith("memory ran out at step 1 (")
    assert [attempt["exit"]["evidence"]["kind"] for attempt in run.attempts()] == ["out_of_memory"] * 2


def test_a_model_that_cannot_even_be_built_is_one_sentence(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(tiny)
    monkeypatch.setattr("seqlab.train.start.assemble", lambda *_: of_torch())
    result = CliRunner().invoke(main, ["resume", run.name])
    assert result.exit_code == 1
    assert result.output.startswith("Error: there is not enough memory for this (RuntimeError: ")
    assert result.output.count("\n") == 1
    with pytest.raises(RuntimeError):
        prepare(tiny)
    assert run.state().name == "queued"


def test_another_failure_is_not_put_down_to_memory(tiny: Experiment) -> None:
    def fails() -> None:
        raise RuntimeError("the size of tensor a must match the size of tensor b")

    run = queued(tiny)
    with pytest.raises(RuntimeError, match="the size of tensor a"):
        resume(run, At(3, fails))
    assert "kind" not in evidence(run)


@pytest.mark.parametrize(("kills", "suspected"), [(7, False), (8, True), (None, False)])
def test_a_kill_by_the_kernel_for_lack_of_memory_is_suspected_aloud(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch, kills: int | None, suspected: bool
) -> None:
    run = queued(tiny)
    monkeypatch.setattr("seqlab.journal.memory.kernel_kills", lambda: 7)
    assert in_child(lambda: resume(run, At(3, lambda: os.kill(os.getpid(), signal.SIGKILL)))).killed
    monkeypatch.setattr("seqlab.journal.memory.kernel_kills", lambda: kills)
    state = run.state()
    assert state.name == "crashed"
    told = "the kernel has killed 1 for lack of memory on this machine since it began, perhaps this one"
    assert (told in state.evidence) == suspected
