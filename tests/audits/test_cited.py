"""What audits found is cited while all that it depends on is the same, and not a moment longer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from audits_for_tests import Always, Broken, times

import seqlab
from seqlab.audits.shared import cited, code
from seqlab.audits.shared.gate import Result, chosen, examine
from seqlab.audits.shared.subject import Subject, loop_step
from seqlab.experiment import Batching, Experiment
from seqlab.mixers.attention import Attention
from seqlab.regularisers.l2 import L2
from seqlab.spec import override, to_json
from tiny_runs import in_memory


def test_a_finding_is_cited_while_what_it_depends_on_is_the_same(tiny: Experiment) -> None:
    def look(experiment: Experiment, **options: bool) -> Result:
        (found,) = examine(Subject(in_memory(experiment)), {"always": Always()}, **options)
        return found

    assert look(tiny).measured_at is None
    assert look(override(tiny, "optim.lr=0.5", "seed=3")).measured_at is not None
    assert len(times) == 1
    assert look(tiny, use_cited=False).measured_at is None
    assert look(override(tiny, "model.dim=32")).measured_at is None
    assert len(times) == 3


def test_a_finding_about_other_code_data_or_steps_is_not_cited(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject(in_memory(tiny))
    known = cited.key(Always(), subject)
    assert known == cited.key(Always(), Subject(in_memory(tiny)))
    assert cited.key(Always(), Subject(subject.training, step=lambda t: loop_step(t))) is None
    assert cited.key(Always(), Subject(subject.training, "trained")) is None
    assert cited.key(Broken(), subject) is None
    monkeypatch.setattr(code, "of_seqlab", lambda: "other")
    assert cited.key(Always(), subject) not in (None, known)


HELPER = "def mixed(x):\n    return x{}\n"
PROGRAM = """
import sys
import torch
from helper import mixed
from seqlab.audits.shared.gate import chosen, examine
from seqlab.audits.shared.subject import Subject
from seqlab.mixers.attention import Attention, SelfAttention
from seqlab.spec import from_json, override
from seqlab.train.start import built, read

class Mixed(SelfAttention):
    def forward(self, x, lengths=None):
        return super().forward(mixed(x){})

class Own(Attention):
    def build(self, *, dim, length):
        return Mixed(self, dim, length)

experiment = override(from_json(__import__("json").load(sys.stdin)), {{"model.layers.all.mixer": Own(heads=2)}})
for found in examine(Subject(built(experiment, read(experiment))), chosen(["causality"])):
    print(found.status, found.measured_at is not None)
"""


STARTER = """
import io, os, runpy, sys, traceback
import seqlab.audits.causality, seqlab.audits.shared.gate, seqlab.models.lm, seqlab.optim.optimisers.adamw

sys.path.insert(0, os.getcwd())
for line in sys.stdin:
    if os.fork():
        os.wait()
        print("done", flush=True)
        continue
    sys.stdin = io.StringIO(line)
    try:
        runpy.run_path("program.py", run_name="__main__")
    except BaseException:
        traceback.print_exc(file=sys.stdout)
    sys.stdout.flush()
    os._exit(0)
"""
"""Runs program.py once for each line, which it reads as its input: in a process of its own, which need not import torch
anew."""


def test_a_finding_about_code_that_a_user_has_changed_is_not_cited(tiny: Experiment, workplace: Path) -> None:
    """A helper that a part imports, and the very program that defines a part and runs it."""
    surroundings = os.environ | {"PYTHONPATH": str(Path(seqlab.__file__).parent.parent)}
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER], env=surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    told = json.dumps(to_json(tiny))

    def look(helper: str = "", program: str = "") -> str:
        for name, text in (("helper.py", HELPER.format(helper)), ("program.py", PROGRAM.format(program))):
            if not (workplace / name).exists() or (workplace / name).read_text() != text:
                (workplace / name).write_text(text)
                os.utime(workplace / name, (1e9 + len(text), 1e9 + len(text)))  # long before the process that loads it
        print(told, file=starter.stdin, flush=True)
        return "".join(takewhile(lambda line: line != "done\n", starter.stdout)).strip()

    with starter:
        assert look() == "pass False"
        assert look() == "pass True"
        assert look(helper=" + x.roll(-1, 1)") == "fail False"
        assert look() == "pass True"
        assert look(program=" + x.roll(-1, 1)") == "fail False"


def test_nothing_is_cited_about_code_that_may_have_changed_since_it_was_loaded(
    tiny: Experiment, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = Subject(in_memory(tiny))
    assert cited.key(Always(), subject) is not None
    module = ModuleType("helper_of_mine")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    module.__file__ = str(workplace / "helper_of_mine.py")
    Path(module.__file__).touch()
    assert cited.key(Always(), subject) is None


def test_the_workers_of_a_sweep_cite_what_its_command_measured(
    tiny: Experiment, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is `seqlab`, an installed script, and a worker is a module of the package: neither is a user's."""
    subject = Subject(in_memory(tiny))
    command, mine = ModuleType("command"), ModuleType("mine")
    installed = workplace / "bin" / "seqlab"
    installed.parent.mkdir()
    installed.touch()
    monkeypatch.setattr(code, "COMMANDS", {installed.resolve()})
    (workplace / "link").symlink_to(installed)
    command.__file__, mine.__file__ = str(workplace / "link"), str(workplace / "seqlab")
    key = cited.key(Always(), subject)
    monkeypatch.setitem(sys.modules, "command", command)
    assert cited.key(Always(), subject) == key
    Path(mine.__file__).touch()
    os.utime(mine.__file__, (1e9, 1e9))
    monkeypatch.setitem(sys.modules, "mine", mine)
    assert cited.key(Always(), subject) != key


def test_nothing_is_cited_about_a_part_that_was_typed_at_a_prompt(
    tiny: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Typed(Attention):
        """Stands in no file."""

    typed = override(tiny, {"model.layers.all.mixer": Typed(heads=2)})
    assert cited.key(Always(), Subject(in_memory(typed))) is not None
    monkeypatch.setitem(sys.modules, "prompt", ModuleType("prompt"))
    monkeypatch.setattr(Typed, "__module__", "prompt")
    assert cited.key(Always(), Subject(in_memory(typed))) is None


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("method_effect", {"freeze": ("blocks.0",)}),
        ("optimiser_state", {"clip": None}),
        ("optimiser_state", {"regularisers": (L2(strength=0.1),)}),
        ("optimiser_state", {"batch": Batching(size=2)}),
        ("batch_mixing", {"batch": Batching(size=2)}),
    ],
)
def test_what_an_audit_reads_is_in_its_key(tiny: Experiment, name: str, changes: dict[str, Any]) -> None:
    (audit,) = chosen([name]).values()
    key, other = (cited.key(audit, Subject(in_memory(e))) for e in (tiny, replace(tiny, **changes)))
    assert None not in (key, other)
    assert key != other


def test_a_cache_that_is_damaged_is_measured_again(tiny: Experiment, workplace: Path) -> None:
    subject = Subject(in_memory(tiny))
    list(examine(subject, {"always": Always()}))
    for kept in (workplace / "cache" / "audits").glob("*.json"):
        kept.write_text("{")
    list(examine(subject, {"always": Always()}))
    assert len(times) == 2
