"""One tiny trained run for all tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from calling import RECIPE, TEXT, Cli, Place, call
from click.testing import Result


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """With one finished run, `tiny`."""
    folder = tmp_path_factory.mktemp("place")
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
        yield found


@pytest.fixture
def cli(place: Place) -> Cli:
    """`cli("show", "tiny")` must end with exit code 0, unless another `code` is expected."""

    def checked(*arguments: object, code: int = 0) -> Result:
        result = call(*arguments)
        assert result.exit_code == code, result.output
        return result

    return checked
