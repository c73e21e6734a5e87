"""The experiment's checks across its fields, and what decides its identity."""

from dataclasses import replace
from typing import Any

import pytest

from seqlab.experiment import Batching, Budget, Evaluation, Experiment, Snapshots
from seqlab.optim.schedules.constant import Constant
from seqlab.optim.schedules.cosine import Cosine
from seqlab.optim.schedules.plateau import Plateau
from seqlab.spec import SpecError, diff, from_json, id, override, to_json
from tiny_runs import text, tiny, workplace

__all__ = ["text", "tiny", "workplace"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Budget, "budget needs a limit"),
        (lambda: Budget(steps=0), "greater than or equal to 1"),
        (lambda: Batching(size=2, accumulate=3), "batch.accumulate=3 is more parts than batch.size=2"),
        (lambda: Evaluation(every_steps=1, every_minutes=1.0), "by steps or by minutes"),
        (lambda: Snapshots(keep_last=0), "keep_last"),
    ],
)
def test_a_part_that_makes_no_sense(make: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"budget": Budget(minutes=1.0), "schedule": Cosine()}, "gives the schedule no end to aim at"),
        (
            {"schedule": Plateau(), "evaluation": Evaluation(every_minutes=1.0)},
            "must come by steps and not by the clock",
        ),
        (
            {"schedule": Plateau(), "evaluation": Evaluation(), "budget": Budget(minutes=1.0)},
            "must come by steps and not by the clock",
        ),
        ({"device": "cpu", "precision": "float16"}, "precision=float16 needs a GPU"),
        ({"seed": -1}, "seed"),
        ({"averaging": 1.0}, "averaging"),
        ({"model": None}, "missing part"),
    ],
)
def test_fields_that_do_not_go_together(tiny: Experiment, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        replace(tiny, **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"budget": Budget(minutes=1.0), "schedule": Constant()},
        {"budget": Budget(minutes=1.0), "schedule": Cosine(steps=100)},
        {"budget": Budget(minutes=1.0, tokens=10), "schedule": Cosine()},
        {"schedule": Plateau(), "evaluation": Evaluation(every_steps=3), "budget": Budget(minutes=1.0)},
        {"schedule": Plateau(), "evaluation": Evaluation()},
    ],
)
def test_fields_that_do(tiny: Experiment, fields: dict[str, Any]) -> None:
    assert replace(tiny, **fields) != tiny


def test_it_is_saved_exactly_and_known_by_its_content(tiny: Experiment) -> None:
    again = from_json(to_json(tiny))
    assert again == tiny
    assert id(again) == id(tiny)
    changed = override(tiny, {"seed": "1", "model.layers.all.mixer.heads": "4"})
    assert set(diff(tiny, changed)) == {"seed", "model.layers.0.mixer.heads", "model.layers.1.mixer.heads"}
    assert id(changed) != id(tiny)
