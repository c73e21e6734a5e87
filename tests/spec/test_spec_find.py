"""Parts are found by file name; a user's file is as good as ours, and its faults are one sentence."""

from pathlib import Path

import pytest
from parts_for_tests import Layer, Trial

from seqlab.nn.inits.glorot import Glorot
from seqlab.spec import Field, SpecError, describe, did_you_mean, find, load_file, matching_paths, members, names
from seqlab.spec.find import loaded_file, user_file_of


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.py"
    path.write_text(text)
    return path


def test_members_are_the_files_of_the_folder() -> None:
    assert names("nn/inits") == ["glorot", "he", "lecun", "normal"]
    assert find("nn/inits", "glorot") is members("nn/inits")["glorot"] is Glorot


@pytest.mark.parametrize("kind", ["nonsense", "nn/nonsense", "nonsense/nn", "", "experiment"])
def test_a_kind_that_is_none(kind: str) -> None:
    with pytest.raises(SpecError, match=f"there is no kind of part `{kind}`"):
        names(kind)


def test_did_you_mean() -> None:
    assert did_you_mean("hyenna", ["hyena", "attention"]) == "did you mean `hyena`?"
    assert did_you_mean("xyz", ["hyena", "attention"]) == "known: `attention`, `hyena`."
    assert did_you_mean("xyz", []) == "there is none to choose from."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef broken(:\n", r"mine.py, line 2: invalid syntax; correct the file and run again\.$"),
        ("x = 1\n\nundefined_name\n", r"mine.py, line 3: NameError: name 'undefined_name' is not defined\.$"),
        ("import a_module_that_is_not_there\n", r"mine.py, line 1: ModuleNotFoundError: No module named"),
        ("from seqlab.spec import SpecError\nraise SpecError('told so.')\n", r"^told so\.$"),
    ],
)
def test_faults_of_a_users_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load_file(write(tmp_path, text))


def test_a_users_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"^cannot read .*mine.py: No such file or directory\.$"):
        find("nn/inits", f"{tmp_path}/mine.py:Mine")


def test_a_users_file_is_loaded_once_for_each_content(tmp_path: Path) -> None:
    first = load_file(write(tmp_path, "x = 1\n"))
    assert load_file(tmp_path / "mine.py") is first
    second = load_file(write(tmp_path, "x = 2\n"))
    assert (first.module.x, second.module.x) == (1, 2)
    assert loaded_file(first.sha256) is first
    assert loaded_file("0" * 64, tmp_path) is None


def test_where_a_part_comes_from(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "from seqlab.nn.inits import Init\n"
        "class Mine(Init):\n"
        "    '''My law.'''\n"
        "    size: float = 2.0\n"
        "    '''How large.'''\n"
        "    def std(self, fan_in, fan_out):\n"
        "        return self.size\n",
    )
    mine = find("nn/inits", f"{path}:Mine")
    assert user_file_of(mine) is load_file(path)
    assert user_file_of(Glorot) is None
    assert describe(mine) == {"size": "How large."}
    with pytest.raises(SpecError, match=r"^Mine has no field `sise` \(.*mine.py\); did you mean `size`\?$"):
        mine(sise=3.0)


def test_describe() -> None:
    assert describe(Layer) == {"width": "Features.", "init": "Its law."}
    assert list(describe(Trial)) == [
        "model", "data", "lr", "steps", "betas", "mode", "bits", "name", "check_twice",
    ]  # fmt: skip

    class Wider(Layer):
        """Inherits one docstring, replaces another."""

        width: int = Field(default=16, ge=1)
        """More features,
        over two lines."""
        plain: int = 0

    assert describe(Wider) == {"width": "More features,\nover two lines.", "init": "Its law.", "plain": ""}


PATHS = ["embedding.weight", "blocks.0.in.weight", "blocks.0.in.bias", "blocks.10.in.weight", "head.weight"]


@pytest.mark.parametrize(
    ("where", "except_where", "expected"),
    [
        (["*"], [], PATHS),
        (["head.weight"], [], ["head.weight"]),
        (["blocks.0"], [], ["blocks.0.in.weight", "blocks.0.in.bias"]),
        (["blocks.*.weight", "head"], [], ["blocks.0.in.weight", "blocks.10.in.weight", "head.weight"]),
        (["*"], ["blocks", "*.bias"], ["embedding.weight", "head.weight"]),
        ([], [], []),
    ],
)
def test_paths(where: list[str], except_where: list[str], expected: list[str]) -> None:
    assert matching_paths(PATHS, where, except_where) == expected


@pytest.mark.parametrize("pattern", ["block.0", "blocks.1", "haed.weight", "*.bais"])
def test_a_pattern_that_matches_nothing(pattern: str) -> None:
    with pytest.raises(SpecError, match="matches no parameter; "):
        matching_paths(PATHS, ["*"], [pattern])


def test_a_pattern_that_is_near_nothing_is_told_where_paths_begin() -> None:
    with pytest.raises(SpecError, match=r"`xyz` matches no parameter; known: `blocks`, `embedding`, `head`\.$"):
        matching_paths(PATHS, ["xyz"])
