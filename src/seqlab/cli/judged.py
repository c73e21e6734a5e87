"""A Potts model beside its family: of a run of `seqlab fit`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqlab.spec import Part, override

if TYPE_CHECKING:
    from seqlab.evaluations import OfCouplings
    from seqlab.journal import Run

__all__ = ["judge"]


def judge(
    kind: type[Part], name: str, source: str, changes: Sequence[str], runs: Path | None
) -> tuple[dict[str, Any], Run | None]:
    """The result as JSON, and the run; drawings are written to eval/ in its folder. Raises ClickException for a run
    that is no fit."""
    from seqlab.couplings.family import choose, parts
    from seqlab.couplings.located import model_at
    from seqlab.journal import LabBook
    from seqlab.journal.files import clearly, replace_bytes

    run = LabBook(runs).open(source)
    if run.origin.get("by") != "fit":
        raise click.ClickException(f"{run.name} is no fit to an alignment; `seqlab fit METHOD ALIGNMENT` makes one.")
    config = run.experiment["config"]
    model = model_at(source, runs)
    if model.fields.shape[1] < 21:
        raise click.ClickException(f"{run.name} has no gap among its letters, as its family has; fit with gaps=letter.")
    chosen = choose(*(config[key] for key in ("alignment", "focus", "structure", "unknown", "most_gaps")))
    evaluation: OfCouplings = override(kind(), list(changes))  # type: ignore[assignment]
    answers = evaluation.judge(model, *parts(chosen.alignment.letters, config["held_out"]), chosen.contacts)
    place = run.folder / "eval"
    with clearly(place):
        place.mkdir(exist_ok=True)
    for drawing, text in answers.drawings.items():
        replace_bytes(place / f"{drawing}.svg", text.encode())
    drawn = tuple(f"drawn: {place / drawing}.svg" for drawing in answers.drawings)
    found: dict[str, Any] = {"run": run.name, "step": None, "checkpoint": None, "settings": None, "evaluation": name}
    found |= {"data": {config["alignment"]: chosen.alignment.sha256}, **answers.measured}
    return found | {"measured": list(answers.measured), "remarks": [*answers.remarks, *drawn]}, run
