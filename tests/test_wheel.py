"""The installed package stands alone: recipes and the embedded text work from an empty directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 4 * 2**20


def test_wheel_trains_from_an_empty_directory(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        embedded = [info.file_size for info in archive.infolist() if "/embedded/" in info.filename]
        assert embedded
        assert sum(embedded) < LIMIT
        archive.extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "SEQLAB_RUNS"} | {
        "PYTHONPATH": str(tmp_path / "site"),
        "SEQLAB_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    program = "import seqlab, sys; from seqlab.cli.main import main; print(seqlab.__file__, file=sys.stderr); main()"
    small = ["budget.steps=1", "task.length=16", "task.validation=0.001", "model.dim=16", "--name", "first"]
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "demo:letters", *small],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stderr, "the wheel's own package must have run"
    summary = json.loads((empty / "runs" / "first" / "summary.json").read_text())
    assert summary["step"] == 1
