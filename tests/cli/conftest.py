"""One tiny trained run for all tests of the command line, in a lab book of each file's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from calling import RECIPE, TEXT, Cli, Place, call
from click.testing import Result


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """With one finished run, `tiny`, and nothing that a test has left there."""
    folder = tmp_path_factory.mktemp("trained")
    text = folder / "text.txt"
    text.write_text(TEXT)
    recipes = folder / "recipes.py"
    recipes.write_text(RECIPE.replace("{text}", str(text)))
    found = Place(text, folder / "runs", f"{recipes}:tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQLAB_CACHE", str(folder / "cache"))
        patch.setenv("SEQLAB_RUNS", str(found.runs))
        result = call("run", found.recipe, "seed=1", "--name", "tiny", "--why", "to see", "--tag", "small")
    assert result.exit_code == 0, result.output
    (folder / "said.txt").write_text(result.output)
    return found


@pytest.fixture(scope="module")
def place(trained: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A lab book with a copy of it for the tests of one file, whichever files ran before."""
    folder = tmp_path_factory.mktemp("place")
    own = trained._replace(runs=folder / "runs")
    shutil.copytree(trained.runs, own.runs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQLAB_CACHE", str(folder / "cache"))
        patch.setenv("SEQLAB_RUNS", str(own.runs))
        yield own


@pytest.fixture
def cli(place: Place) -> Cli:
    """`cli("show", "tiny")` must end with exit code 0, unless another `code` is expected."""

    def checked(*arguments: object, code: int = 0) -> Result:
        result = call(*arguments)
        assert result.exit_code == code, result.output
        return result

    return checked
