"""The checkpoints of a run folder, seen without torch: which there are, how large, and whether one can be used.

checkpoints/<step>/ holds files and, written last, MANIFEST.json with the size and the SHA-256 of each.
"""

import hashlib
import json
from pathlib import Path


def steps_of(run_folder: Path) -> list[int]:
    """The steps of all checkpoint folders of a run, valid or not, in order."""
    folder = run_folder / "checkpoints"
    return sorted(int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()) if folder.is_dir() else []


def fault(folder: Path) -> str | None:
    """Why the checkpoint in `folder` cannot be used, None when every file is as its manifest says. Reads it whole."""
    try:
        manifest = json.loads((folder / "MANIFEST.json").read_text())
        for name, expected in manifest["files"].items():
            path = folder / name
            if path.stat().st_size != expected["bytes"]:
                return f"{name} has {path.stat().st_size:,} bytes and should have {expected['bytes']:,}"
            if sha256(path) != expected["sha256"]:
                return f"{name} does not have the content that was written"
    except FileNotFoundError as error:
        return f"{Path(error.filename).name} is missing"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"its manifest cannot be read ({error})"
    return None


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
