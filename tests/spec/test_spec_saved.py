"""The saved form is exact, opens for ever, and says clearly when it cannot."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import parts_for_tests
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parts_for_tests import Data, Layer, Model, Trial

from seqlab.nn.inits import Init
from seqlab.nn.inits.glorot import Glorot
from seqlab.nn.inits.he import He
from seqlab.nn.inits.normal import Normal
from seqlab.spec import Field, SpecError, diff, from_json, id, load_file, override, saved, to_json
from seqlab.spec.find import find

finite = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
laws = st.builds(lambda cls, scale: cls(scale=scale), st.sampled_from([Glorot, He, Normal]), finite)
layers = st.builds(Layer, width=st.integers(1, 10**12), init=laws)
models = st.builds(
    Model,
    layers=st.lists(layers, max_size=4).map(tuple),
    extra=st.none() | laws,
    laws=st.lists(laws, max_size=3).map(tuple),
)
shares = st.floats(0, 1, exclude_max=True)
trials = st.builds(
    Trial,
    model=models,
    data=st.builds(Data, path=st.text(max_size=8)),
    lr=st.floats(min_value=0, exclude_min=True, allow_infinity=False),
    steps=st.none() | st.integers(14, 10**9),
    betas=st.tuples(shares, shares),
    mode=st.sampled_from(["fast", "slow"]),
    name=st.text(max_size=8),
    check_twice=st.booleans(),
)


@pytest.fixture(autouse=True, scope="module")
def tags() -> Iterator[None]:
    """A tag of a part without a kind names a module inside seqlab; let it find the parts of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "seqlab.parts_for_tests", parts_for_tests)
        yield


@settings(max_examples=60, deadline=None)
@given(trials)
def test_round_trip_is_exact(trial: Trial) -> None:
    text = json.dumps(to_json(trial), allow_nan=False)
    again = from_json(json.loads(text))
    assert again == trial
    assert json.dumps(to_json(again)) == text
    assert id(again) == id(trial)
    assert diff(trial, json.loads(text)) == {}


@settings(max_examples=40, deadline=None)
@given(trials, trials)
def test_diff_is_empty_only_for_equal_specs(a: Trial, b: Trial) -> None:
    assert (diff(a, b) == {}) == (to_json(a) == to_json(b))
    assert {path: pair[::-1] for path, pair in diff(a, b).items()} == diff(b, a)


def test_the_saved_form() -> None:
    assert to_json(Layer(width=2, init=He())) == {
        "schema": 1,
        "part": "parts_for_tests:Layer",
        "width": 2,
        "init": {"part": "nn/inits/he", "scale": 1.0},
    }


def test_what_a_spec_may_not_hold() -> None:
    class Wrong(Layer):
        """A field of a type that has no saved form."""

        table: dict[str, int] = Field(default_factory=dict)
        """Of numbers."""

    with pytest.raises(SpecError, match=r"a spec holds numbers, words, tuples and parts, not a dict\."):
        to_json(Wrong())


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"schema": 2, "part": "nn/inits/he"},
            r"this record has schema 2 and this seqlab reads up to 1; update seqlab\.",
        ),
        ({"schema": 1}, "has no `part`"),
        ({"part": "nn/inits/hee"}, "`hee` is not one of the nn/inits; did you mean `he`"),
        ({"part": "gone/forever"}, "there is no kind of part `gone`"),
        ({"part": "gone/for/ever"}, "there is no kind of part `gone/for`"),
        ({"part": "word"}, "there is no kind of part ``"),
        ({"part": "nn.inits:Gone"}, "the part `nn.inits:Gone` of this record is not in this version of seqlab"),
        ({"part": "spec:diff"}, "`spec:diff` is not a part"),
        ({"part": f"file:{'0' * 64}:Mine"}, "the part `Mine` comes from a user's file 000000000000 that is not in"),
        ({"part": "nn/inits/he", "sclae": 1.0}, "nn/inits/he has no field `sclae`"),
        ({"part": "nn/inits/he", "scale": "1"}, r"nn/inits/he\.scale: input should be a valid number"),
    ],
)
def test_records_that_cannot_be_read(record: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        from_json(record)


def test_a_part_that_moved_opens_under_its_old_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(saved.ALIASES, "nn/inits/kaiming", "nn/inits/he")
    layer = from_json({"part": "parts_for_tests:Layer", "init": {"part": "nn/inits/kaiming", "scale": 2.0}})
    assert layer == Layer(init=He(scale=2.0))


USER_FILE = """
from seqlab.nn.inits import Init
class Mine(Init):
    '''My law.'''
    size: float = 2.0
    def std(self, fan_in, fan_out):
        return self.size
"""


def test_a_users_part_opens_from_the_runs_source_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "mine.py").write_text(USER_FILE)
    (source / "another.py").write_text("raise SystemExit('a file that is not asked for does not run')")
    part = find("nn/inits", f"{source}/mine.py:Mine")(size=3.0)
    record = to_json(part)
    assert record["part"] == f"file:{load_file(source / 'mine.py').sha256}:Mine"
    assert from_json(record) == part

    # A new process has loaded no file.
    monkeypatch.setattr(sys.modules["seqlab.spec.find"], "_user_files", {})
    with pytest.raises(SpecError, match=r"comes from a user's file .* that is not in this process"):
        from_json(record)
    assert from_json(record, source).std(1, 1) == 3.0


def test_id_is_short_and_of_the_content() -> None:
    assert id(Trial()) == id(Trial())
    assert len(id(Trial())) == 12
    assert id(Trial()) != id(Trial(lr=0.1))
    assert id(Normal(scale=1.0)) != id(He(scale=1.0))


def test_id_does_not_depend_on_where_the_data_lies() -> None:
    here, there = Trial(data=Data(path="/here/text")), Trial(data=Data(path="/there/text"))
    assert id(here) == id(there)
    assert id(here) != id(Trial(data=Data(path="/here/other")))
    assert here.data.path == "/here/text"


def test_diff_names_the_fields() -> None:
    changed = override(Trial(), "lr=0.1", "model.layers.1.init=he", "model.layers.2.init.scale=5", "model.extra=glorot")
    assert diff(Trial(), changed) == {
        "model.layers.1.init": ("nn/inits/normal", "nn/inits/he"),
        "model.layers.2.init.scale": (0.02, 5.0),
        "model.extra": (None, "nn/inits/glorot"),
        "lr": (1e-3, 0.1),
    }


def test_diff_of_different_lengths_and_of_records() -> None:
    shorter = to_json(Model(layers=(Layer(),) * 3))
    del shorter["laws"]
    assert diff(Model(), shorter) == {
        "layers.3": ("parts_for_tests:Layer", "(absent)"),
        "laws": ([{"part": "nn/inits/glorot", "scale": 1.0}], "(absent)"),
    }
    assert diff(Glorot(), {"part": "gone/forever", "schema": 1}) == {"part": ("nn/inits/glorot", "gone/forever")}


def test_kinds_have_no_saved_form_of_their_own() -> None:
    with pytest.raises(SpecError, match="is a kind of part"):
        Init()


def test_a_spec_of_another_version_says_so() -> None:
    with pytest.raises(SpecError, match=r"has no field `stride` .* saved by another version of seqlab"):
        from_json({**to_json(Normal()), "stride": 3})
