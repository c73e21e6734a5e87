"""Potts models beside their families: of a run of `seqlab fit`, of a file, or those that a run emits for structures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from seqlab.spec import Part, override

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqlab.couplings.family import Letters
    from seqlab.couplings.fits import DirectFit
    from seqlab.couplings.pairwise import Array
    from seqlab.data.families import Family
    from seqlab.evaluations import Answers, OfCouplings
    from seqlab.journal import Run
    from seqlab.tasks.shared.families import PreparedFamilies

__all__ = ["judge"]

Found = dict[str, Any]


def judge(
    kind: type[Part], name: str, source: str, file: Path | None, changes: Sequence[str], runs: Path | None
) -> tuple[Found, Run | None]:
    """The result as JSON, and the run, if any; drawings are written to eval/ in its folder. `file`: the alignment of a
    file of couplings. Raises ClickException for a run that has no Potts model."""
    from seqlab.couplings.saved import ENDINGS
    from seqlab.journal import LabBook
    from seqlab.journal.names import at_step

    evaluation: OfCouplings = override(kind(), list(changes))  # type: ignore[assignment]
    if source.endswith(ENDINGS):
        if file is None:
            raise click.UsageError(f"{source} does not say which sequences it is of: --file ALIGNMENT.")
        return {"run": source, "evaluation": name, "settings": None, **_file(source, str(file), evaluation)}, None
    place, step = at_step(source)
    run = LabBook(runs).open(place)
    is_fit = run.origin.get("by") == "fit"
    if file is not None or evaluation.focus is not None or (evaluation.structure is not None and not is_fit):
        raise click.UsageError(
            f"{run.name} has its sequences: --file and focus go with couplings in a file, structure also with a fit."
        )
    judged = _fit(run, evaluation, runs) if is_fit else _emitted(run, step, evaluation)
    return {"run": run.name, "evaluation": name, "settings": None, **judged}, run


def _file(source: str, alignment: str, evaluation: OfCouplings) -> Found:
    from seqlab.couplings.family import Known, choose_for
    from seqlab.couplings.saved import load

    model = load(Path(source))
    chosen, _ = choose_for(model.kept, alignment, evaluation.focus, evaluation.structure)
    letters = chosen.alignment.letters
    if letters.shape[1] != len(model.fields):
        raise click.ClickException(
            f"{source} has {len(model.fields):,} columns and {alignment} {letters.shape[1]:,}; name what its fit kept "
            "by focus=NAME or structure=FILE."
        )
    known = Known(letters, letters[:0], chosen.contacts, weigh=_weigh(None, evaluation.identity))
    answers = evaluation.judge(model, known)
    found: Found = {"step": None, "checkpoint": None, "data": {alignment: chosen.alignment.sha256}, **answers.measured}
    return found | {"measured": list(answers.measured), "remarks": list(answers.remarks)}


def _weigh(fit: DirectFit | None, identity: float | None) -> Callable[[Letters], Array]:
    """How sequences weigh: by a given identity, else as in the fit, else alike."""
    from seqlab.couplings.family import alike
    from seqlab.couplings.weights import sequence_weights
    from seqlab.data.alignments import GAP

    if fit is not None:
        told = fit if identity is None else replace(fit, identity=identity)
        return lambda letters: told.weights(letters, GAP)
    return lambda letters: sequence_weights(letters, identity) if identity else alike(letters)


def _fit(run: Run, evaluation: OfCouplings, runs: Path | None) -> Found:
    from seqlab.couplings.family import Known, choose, parts
    from seqlab.couplings.located import model_at
    from seqlab.spec import from_json

    config = {"column_gaps": 1.0, **run.experiment["config"]}  # which older fits do not have
    settings = ("focus", "structure", "unknown", "most_gaps", "column_gaps")
    chosen = choose(config["alignment"], *(config[key] for key in settings))
    letters, contacts, seen = chosen.alignment.letters, chosen.contacts, None
    if evaluation.structure is not None:
        contacts, seen = _touching(evaluation.structure, letters, config["alignment"])
    fit: Any = from_json(config["fit"])
    weigh = _weigh(fit, evaluation.identity)
    known = Known(*parts(letters, config["held_out"], config["alignment"]), contacts, seen, weigh)
    answers = evaluation.judge(model_at(run.name, runs), known)
    drawn = _draw(run, "", answers)
    found: Found = {"step": None, "checkpoint": None, "data": {config["alignment"]: chosen.alignment.sha256}}
    measured = {"measured": list(answers.measured), "remarks": [*answers.remarks, *drawn]}
    return found | dict(answers.measured) | measured


def _touching(structure: str, letters: Letters, alignment: str) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of the columns that a fit kept touch in a structure, (K, K), and which have a residue there, (K,)."""
    from seqlab.couplings.family import stands
    from seqlab.data.backbones import contact_map

    backbone, placed = stands(structure, letters, alignment)
    return contact_map(backbone)[placed.residues][:, placed.residues], placed.columns


def _emitted(run: Run, step: int | None, evaluation: OfCouplings) -> Found:
    """Means over the structures of each held-out split, and each structure by itself."""
    from seqlab.couplings.emitted import emitted
    from seqlab.couplings.family import Known
    from seqlab.models.potts import PottsModel
    from seqlab.train.load import experiment_of, load_model

    model, checkpoint, skipped = load_model(run, step)
    if not isinstance(model, PottsModel):
        raise click.ClickException(
            f"{run.name} has no Potts model; `seqlab fit METHOD ALIGNMENT` makes a run with one."
        )
    for sentence in skipped:
        click.echo(sentence, err=True)
    task: Any = experiment_of(run).task.prepare()
    each: list[Found] = []
    remarks: dict[str, None] = {}
    for split, family, fitted, held in _families(task, evaluation.structures):
        known = Known(fitted, held, family.contacts, weigh=_weigh(None, evaluation.identity))
        answers = evaluation.judge(emitted(model, family.encodings), known)
        each.append({"split": split, "structure": family.name, **answers.measured})
        remarks |= dict.fromkeys([*answers.remarks, *_draw(run, f"{split}-{family.name}-", answers)])
    means = {
        f"{split}/{key}": float(np.mean([row[key] for row in each if row["split"] == split]))
        for split in dict.fromkeys(row["split"] for row in each)
        for key in next(row for row in each if row["split"] == split)
        if key not in ("split", "structure")
    }
    found: Found = {"step": checkpoint.step, "checkpoint": checkpoint.digest(), "data": task.fingerprints, **means}
    return found | {"structures": each, "measured": list(means), "remarks": list(remarks)}


def _families(task: PreparedFamilies, most: int) -> Iterator[tuple[str, Family, Any, Any]]:
    """The split, the structure, and its sequences: those trained on, if any, and those held out."""
    trained = {family.name: family.sequences for family in task.collection.train}
    for split in ("sequence", "structure", "superfamily"):
        for family in getattr(task.collection, split)[:most]:
            own = family.sequences
            yield (split, family, trained[family.name], own) if split == "sequence" else (split, family, own, own[:0])


def _draw(run: Run, prefix: str, answers: Answers) -> list[str]:
    """Write the drawings to the run's folder; where they are."""
    from seqlab.journal.files import clearly, replace_bytes

    place = run.folder / "eval"
    with clearly(place):
        place.mkdir(exist_ok=True)
    for name, text in answers.drawings.items():
        replace_bytes(place / f"{prefix}{name}.svg", text.encode())
    return [f"drawn: {place / f'{prefix}{name}.svg'}" for name in answers.drawings]
