"""A wrong spec is one sentence that names the key, what would be right, and the file."""

import copy
import dataclasses
import pickle

import pytest
from parts_for_tests import Data, Layer, Model, Trial

from seqlab.nn.inits import Init
from seqlab.nn.inits.glorot import Glorot
from seqlab.spec import Part, SpecError, label


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Layer(widht=3), r"^Layer has no field `widht` \(.*parts_for_tests.py\); did you mean `width`\?$"),
        (lambda: Layer(zzz=3), r"no field `zzz` .*; known: `init`, `width`\.$"),
        (
            lambda: Glorot(scael=1.0),
            r"^nn/inits/glorot has no field `scael` \(seqlab/nn/inits/glorot.py\); did you mean",
        ),
        (lambda: Layer(width="8"), r"^Layer\.width: input should be a valid integer, got '8' \(.*\)\.$"),
        (lambda: Layer(width=8.0), r"^Layer\.width: input should be a valid integer, got 8.0"),
        (lambda: Layer(width=True), r"^Layer\.width: input should be a valid integer, got True"),
        (lambda: Layer(width=0), r"^Layer\.width: input should be greater than or equal to 1, got 0"),
        (lambda: Trial(lr=float("nan")), r"^Trial\.lr: input should be .*, got nan"),
        (lambda: Trial(lr=float("inf")), r"^Trial\.lr: input should be a finite number, got inf"),
        (lambda: Trial(mode="medium"), r"^Trial\.mode: input should be 'fast' or 'slow', got 'medium'"),
        (lambda: Trial(betas=(0.9, 1.0)), r"^Trial\.betas\.1: input should be less than 1, got 1.0"),
        (lambda: Trial(check_twice=1), r"^Trial\.check_twice: input should be a valid boolean, got 1"),
        (lambda: Layer(init=None), r"^Layer\.init: .*, got None \(a missing part\)"),
        (lambda: Layer(init="glorot"), r"^Layer\.init: .*Init.*, got 'glorot'"),
        (lambda: Layer(init=Layer()), r"^Layer\.init: .*Init"),
        (lambda: Model(layers=[Layer()]), r"^Model\.layers: input should be a valid tuple"),
        (lambda: Model(layers=(Layer(), 3)), r"^Model\.layers\.1: .*Layer.*, got 3"),
        (lambda: Data(), r"^Data needs a value for `path` \(.*parts_for_tests.py\)\.$"),
        (lambda: Layer(3), r"^Layer takes its fields by name: `Layer\(field=value\)`\.$"),
        (lambda: Init(), r"^`Init` is a kind of part and cannot be built itself; choose a member of it\.$"),
        (lambda: Trial(steps=13, mode="slow"), r"^a trial of 13 steps must be fast\.$"),
    ],
)
def test_wrong_specs(build, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_defaults_are_validated_too() -> None:
    class Broken(Part):
        """A wrong default."""

        width: int = "8"

    with pytest.raises(SpecError, match=r"Broken\.width: input should be a valid integer"):
        Broken()


def test_parts_are_frozen_values() -> None:
    trial = Trial()
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.lr = 2.0
    assert trial == Trial()
    assert hash(trial) == hash(Trial())
    assert trial != Trial(lr=0.1)
    assert Layer(init=Glorot(scale=1)) == Layer(init=Glorot(scale=1.0)), "an integer will do for a number"
    for copied in (copy.deepcopy(trial), pickle.loads(pickle.dumps(trial)), dataclasses.replace(trial)):
        assert copied == trial
    with pytest.raises(SpecError, match="greater than 0"):
        dataclasses.replace(trial, lr=-1.0)


def test_labels() -> None:
    assert label(Glorot) == "nn/inits/glorot"
    assert label(Layer) == "Layer"
