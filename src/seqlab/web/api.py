"""What programs and the charts ask: JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from seqlab.journal import JournalError, Run
from seqlab.journal.column_cache import ColumnCache
from seqlab.journal.curves import UNITS, usual_metric
from seqlab.journal.digest import number, read_metrics
from seqlab.journal.facts import run_facts
from seqlab.web import curves
from seqlab.web.lab import Lab, answer
from seqlab.web.search import found

__all__ = ["curves_of", "lineage_of", "lines_of", "run_of", "runs"]

MOST_RUNS = 50
"""In one chart."""
MOST_POINTS = 20_000


def runs(lab: Lab, request: Request) -> Response:
    """Every run as `seqlab ls --json` has it; `?q=` narrows as the search field does."""
    matching, problem = found(lab.listed(), request.query_params.get("q", ""))
    if problem:
        return answer({"error": problem}, 400)
    tainted = lab.taints()
    return answer([known.row | {"taint": tainted.get(known.name)} for known in matching])


def run_of(lab: Lab, request: Request) -> Response:
    """One run as `seqlab show --json` has it."""
    run = lab.run(request.path_params["name"])
    return answer(run_facts(run, lab.taints().get(run.name)))


def lines_of(lab: Lab, request: Request) -> Response:
    """The lines of metrics.jsonl behind the byte `from`, where to read on, and the state: asked again and again while a
    run trains. The state is asked before the lines, so that the last ones are not missed."""
    run = lab.run(request.path_params["name"])
    state = run.state()
    lines = read_metrics(run.folder / "metrics.jsonl", _whole(request.query_params, "from", 0))
    told = [{name: _finite(value) for name, value in record.items()} for record in lines.records]
    return JSONResponse({"lines": told, "end": lines.end, "state": state.name, "evidence": state.evidence})


def curves_of(lab: Lab, request: Request) -> Response:
    """The curves of some runs: ?run=A&run=B&metric=NAME&x=step&smooth=1&from=&to=&points=&band=seeds."""
    asked = request.query_params
    opened = _runs(lab, request)
    known = {one.name: one for one in lab.everything()}
    metric = asked.get("metric") or usual_metric(*opened)
    wanted = _wanted(asked, metric)
    with ColumnCache() as cache:
        drawn = [curves.drawn(run, wanted, cache) for run in opened]
        bands = curves.banded(_by_setting(opened, known), wanted, cache) if asked.get("band") == "seeds" else []
    for one in drawn:
        one["state"] = known[one["name"]].row["state"] if one["name"] in known else ""
    floors = curves.shared_floors([known[run.name] for run in opened if run.name in known], metric)
    told = {"metric": metric, "x": wanted.axis, "unit": UNITS[wanted.axis], "floors": floors}
    return JSONResponse({**told, "curves": drawn, "bands": bands, "marks": []})


def lineage_of(lab: Lab, request: Request) -> Response:
    """One curve through the ancestors of a run, in the form of `curves_of`, with a mark for each fork."""
    run = lab.run(request.path_params["name"])
    metric = request.query_params.get("metric") or usual_metric(run)
    told = curves.lineage(run, lab.everything(), _wanted(request.query_params, metric))
    marks = told.pop("marks")
    one = {**told, "smooth": None, "left_out": 0, "offset": 0, "problem": None, "state": ""}
    head = {"metric": metric, "x": "step", "unit": UNITS["step"], "floors": {}}
    return JSONResponse({**head, "curves": [one], "bands": [], "marks": marks})


def _runs(lab: Lab, request: Request) -> list[Run]:
    names = list(dict.fromkeys(request.query_params.getlist("run")))
    if not names or len(names) > MOST_RUNS:
        raise JournalError(f"a chart holds 1 to {MOST_RUNS} runs, and {len(names)} were asked for")
    return [lab.run(name) for name in names]


def _by_setting(opened: list[Run], known: Mapping[str, Any]) -> dict[str, list[Run]]:
    """Runs that differ in nothing but their seed, together, under the name of the first."""
    groups: dict[str, list[Run]] = {}
    for run in opened:
        if run.name in known:
            groups.setdefault(known[run.name].setting, []).append(run)
    return {f"{group[0].name} and its seeds": group for group in groups.values() if len(group) > 1}


def _wanted(asked: Mapping[str, str], metric: str) -> curves.Wanted:
    return curves.Wanted(
        metric=metric,
        axis=curves.axis_of(asked.get("x") or "step"),
        points=min(max(_whole(asked, "points", 1600), 10), MOST_POINTS),
        smooth=max(_whole(asked, "smooth", 1), 1),
        start=_number(asked, "from"),
        end=_number(asked, "to"),
    )


def _whole(asked: Mapping[str, str], name: str, otherwise: int) -> int:
    text = asked.get(name) or str(otherwise)
    if not text.isdecimal() or len(text) > 18:
        raise JournalError(f"{name}={text!r} is no whole number")
    return int(text)


def _number(asked: Mapping[str, str], name: str) -> float | None:
    text = asked.get(name)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise JournalError(f"{name}={text!r} is no number") from None


def _finite(value: Any) -> Any:
    """None for what JSON has no number for."""
    read = number(value) if isinstance(value, str) and value in ("nan", "inf", "-inf") else value
    return None if isinstance(read, float) and not -float("inf") < read < float("inf") else read
