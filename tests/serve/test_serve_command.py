"""`seqlab serve` as a process: it listens, answers, and ends with what is under way written."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import seqlab
from seqlab.cli.main import main
from seqlab.experiment import Experiment
from seqlab.train.start import resume
from tiny_runs import queued, text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]


@pytest.fixture
def process(tiny: Experiment) -> Iterator["subprocess.Popen[str]"]:
    resume(queued(tiny, "little"))
    command = [sys.executable, "-m", "seqlab.cli.main", "serve", "little", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(Path(seqlab.__file__).parents[1])}
    started = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with started:
        yield started
        started.kill()


def asked(url: str, body: Any) -> Any:
    request = urllib.request.Request(f"{url}/v1/completions", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def test_it_answers_and_a_stop_writes_what_is_under_way(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving little at http://127.0.0.1:")
    url = line.split()[-1]
    assert len(asked(url, {"prompt": "the", "max_tokens": 4})["choices"][0]["ids"]) == 4
    told: list[Any] = []
    body = {"prompt": "a", "max_tokens": 12, "n": 3}
    asking = threading.Thread(target=lambda: told.append(asked(url, body)))
    asking.start()
    while json.loads(urllib.request.urlopen(f"{url}/health", timeout=60).read())["writing"] == 0 and not told:
        pass
    process.send_signal(signal.SIGTERM)
    asking.join()
    assert [choice["finish_reason"] for choice in told[0]["choices"]] == ["length"] * 3
    assert process.wait(60) in (0, -signal.SIGTERM)


def test_elsewhere_it_wants_a_key_and_a_taken_port_is_said(workplace: Path) -> None:
    result = CliRunner().invoke(main, ["serve", "little", "--host", "0.0.0.0"])
    assert (result.exit_code, "0.0.0.0 is not this machine alone: give a key" in result.output) == (2, True)
