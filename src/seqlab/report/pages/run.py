"""The page of one run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from seqlab.journal import JournalError, LabBook, Run, days
from seqlab.journal.curves import usual_metric
from seqlab.journal.entry import Entry, Writer
from seqlab.journal.facts import run_facts
from seqlab.journal.lineage import Family, ancestral_curve, by_every_name
from seqlab.journal.notebook import Notebooks
from seqlab.journal.plan import read_plan
from seqlab.report.page import Alarm, Block, Cell, Code, Facts, Folded, Page, Prose, Section, Table
from seqlab.report.sections.audits import audit_blocks
from seqlab.report.sections.cost import cost_facts, environment_facts, history_blocks
from seqlab.report.sections.curves import curves_of_run, lineage_chart
from seqlab.report.sections.model import data_facts, model_blocks
from seqlab.report.sections.notes import note_blocks
from seqlab.report.sections.results import floors_table, last_values
from seqlab.report.sections.settings import all_settings, apart_from, changes
from seqlab.wording import step_of

__all__ = ["run_page"]

COLUMNS = ("step", "epoch", "task", "tokens", "wall_seconds")


def run_page(book: LabBook, run: Run) -> Page:
    """What the record says of a run. Raises JournalError for one that cannot be read."""
    everything = book.everything()
    entry = Writer(everything, read_plan(book), Notebooks(by_every_name(everything))).entry(run)
    if entry.damage:
        raise JournalError(entry.damage)
    facts = run_facts(run, entry.taint)
    card = run.origin.get("card") or {}
    sections = [
        Section("Result", _result(run, entry)),
        Section("Curves", curves_of_run(run, entry.floors)),
        Section("Settings", _settings(run, entry)),
        Section("Model", [*model_blocks(card, facts["parameters"]), data_facts(run.origin.get("data") or {})]),
        Section("Audits", audit_blocks(run.audits)),
        Section("Notes", note_blocks(run.notes())),
        Section("Lineage", _lineage(run, everything)),
        Section("Cost", [cost_facts(facts["summary"], facts["bytes"], facts["checkpoints"])]),
        Section("Record", _record(run, facts["attempts"])),
    ]
    return Page(
        title=run.name,
        what="run",
        badges=[("state", entry.state), *([("verdict", entry.verdict.replace("_", " "))] if entry.verdict else [])],
        lead=_lead(entry),
        sections=[section for section in sections if section.blocks],
        data=partial(_lines, run),
        source=str(run.folder),
    )


def _lead(entry: Entry) -> list[Block]:
    created = days.local(entry.created)
    rows: list[tuple[str, Cell]] = [
        ("why", entry.why),
        ("made", f"{created:%Y-%m-%d %H:%M}" if created else ""),
        ("tags", " ".join(entry.tags)),
        ("command", Code(entry.command) if entry.command else ""),
        ("step", step_of(entry.step, entry.steps)),
        ("state", f"{entry.state}: {entry.evidence}"),
        ("plan", "\n".join(f"{item['id']} {item['text']} ({item['state']})" for item in entry.plan)),
    ]
    tainted: list[Block] = [Alarm(f"This run is tainted: {entry.taint}.")] if entry.taint else []
    return [*tainted, Facts(rows)]


def _result(run: Run, entry: Entry) -> list[Block]:
    """The result among the floors; what was imported has units of its own, and stands with its last values alone."""
    floors = None if run.origin.get("by") else floors_table(entry.floors, run.metrics.last)
    found: list[Block] = [floors] if floors else []
    if damaged := entry.metrics["damaged"]:
        found.append(Alarm(f"{damaged} lines of metrics.jsonl cannot be read and were left out"))
    if not run.metrics.last:
        return [*found, Prose("It has recorded no metric yet.")]
    values = last_values(run)
    return [*found, Folded(f"All {len(values.rows)} metrics", [values]) if floors else values]


def _settings(run: Run, entry: Entry) -> list[Block]:
    blocks: list[Block] = [apart_from(entry.recipe, entry.overrides)]
    parent = entry.parent
    if parent is not None and entry.changes is not None:
        blocks += changes(entry.changes, parent["run"])
    elif parent is not None and parent.get("kind") != "file":
        blocks.append(Prose(f"What differs from {parent['run']} is unknown: it is gone or cannot be read."))
    typed = [text.partition("=")[0] for text in entry.overrides]
    return [*blocks, all_settings(run.experiment, [*(entry.changes or {}), *typed])]


def _lineage(run: Run, everything: Sequence[Run]) -> list[Block]:
    """Where it began, who descends from it, and the curve through all of its ancestors."""
    family, parent = Family(everything), run.parent or {}
    children = [other.name for other in everything if _is_child(other, run, family)]
    rows: list[tuple[str, Cell]] = [
        (
            "begins from",
            f"{parent['run']}" + (f" at step {parent['step']:,}" if "step" in parent else "") if parent else "",
        ),
        ("inherits", ", ".join(parent.get("inherited", []))),
        ("took effect", "\n".join(change.removesuffix(" took effect") for change in parent.get("took_effect", []))),
        ("ancestors", ", ".join(one.name for one in family.ancestors(run))),
        ("children", ", ".join(children)),
    ]
    if not any(value for _, value in rows):
        return []
    facts: list[Block] = [Facts(rows)]
    if family.ancestors(run) and run.metrics.last:
        metric = usual_metric(run)
        chart = lineage_chart(run.name, metric, *ancestral_curve(run, everything, metric))
        return facts + ([chart] if chart else [])
    return facts


def _is_child(other: Run, run: Run, family: Family[Run]) -> bool:
    try:
        parent = family.parent(other)
    except JournalError:
        return False
    return parent is not None and parent.folder == run.folder


def _record(run: Run, attempts: Sequence[dict[str, object]]) -> list[Block]:
    sources = sorted(path.name for path in (run.folder / "source").glob("*"))
    facts = Facts([("folder", Code(str(run.folder))), ("source", ", ".join(sources))])
    return [
        facts,
        Folded("Environment", [environment_facts(run.origin)]),
        Folded("Attempts and events", list(history_blocks(attempts, run.events()))),
    ]


def _lines(run: Run) -> Table:
    """A row for each line of the record that counts."""
    lines = list(run.metrics.lines())
    names = [name for name in COLUMNS if any(name in line for line in lines)]
    names += list(dict.fromkeys(name for line in lines for name in line if "/" in name))
    return Table(names, [[line.get(name) for name in names] for line in lines])
