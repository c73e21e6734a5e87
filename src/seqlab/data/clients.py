"""Downloading one pinned archive through the registry's ordinary client (pip, npm or apt-get).

No code of the downloaded package is run: wheels, npm tarballs and Debian packages are only stored, and for a source
distribution, whose build script pip would ask for the package's metadata, a backend of our own answers in its place.
"""

import os
import subprocess
import sys
from pathlib import Path

from seqlab.data import DataError
from seqlab.data.cards import Package

_BACKEND = """\
import pathlib, sys

__legacy__ = sys.modules[__name__]  # the object pip asks for when a package names no backend


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    info = pathlib.Path(metadata_directory, "{name}-{version}.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return info.name
"""


def download(package: Package, folder: Path) -> Path:
    """Download the archive of `package` into the empty `folder`. Its hash is not yet checked, except by pip for a
    source distribution. Raises DataError with the client's own last word."""
    if package.client == "pip" and not package.archive.endswith(".whl"):
        command, environment = _source_distribution(package, folder)
    else:
        command, environment = _command(package), {}
    _run(command, folder, os.environ | environment, package)
    archive = folder / package.archive
    if not archive.is_file():
        got = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise DataError(f"{command[0]} was to download {package.archive} but left {got}; report this to seqlab")
    return archive


def _command(package: Package) -> list[str]:
    pinned = {"pip": "==", "npm": "@", "apt": "="}[package.client].join((package.name, package.version))
    return {
        "pip": [*_PIP_DOWNLOAD, "--only-binary", ":all:", pinned],
        "npm": ["npm", "pack", "--ignore-scripts", pinned],
        "apt": ["apt-get", "download", pinned],
    }[package.client]


_PIP_DOWNLOAD = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "-d", "."]


def _source_distribution(package: Package, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command and environment in which pip finds our stand-in where it looks for setuptools.

    `--hash` makes pip verify the archive before it asks the backend anything, so the archive is the one that was
    read when its card was written: it names no other backend.
    """
    stand_in = folder / "stand-in" / "setuptools"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "build_meta.py").write_text(_BACKEND.format(name=package.name, version=package.version))
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    source_only = ["--no-binary", ":all:", "--no-build-isolation", "--use-pep517", "--require-hashes"]
    return [*_PIP_DOWNLOAD, *source_only, "-r", requirement.name], {"PYTHONPATH": str(stand_in.parent)}


def _run(command: list[str], folder: Path, environment: dict[str, str], package: Package) -> None:
    tool = f"{package.client} (needed for {package.name} {package.version})"
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace")
    except FileNotFoundError as error:
        raise DataError(f"{tool} is not installed; install {command[0]} and run the command again") from error
    if done.returncode != 0:
        last = _last_word(done.stdout + "\n" + done.stderr)
        raise DataError(f"{tool} could not download it; check the network and run the command again: {last}")


def _last_word(output: str) -> str:
    """The last line that names an error, else the last line; npm ends on where its log lies, which is no reason."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and "complete log" not in line]
    errors = [line for line in lines if "err" in line.lower()]
    return (errors or lines or ["it said nothing"])[-1]
