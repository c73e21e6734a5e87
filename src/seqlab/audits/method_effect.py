"""Does a method do something, and not too much? Resets that never ran are a row of the plasticity notebook."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, failed, not_applicable, passed
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import is_same, rows_for, trained_weights, trainee
from seqlab.methods import Change, Method
from seqlab.spec import Field
from seqlab.train.interventions import apply_methods, distinct_names
from seqlab.train.training import Training

__all__ = ["MethodEffect"]

TRIAL = 20
"""A budget of fewer steps is a trial, in which a method need not be due."""
ACTS = 3
"""Times that a method that waits for something is given the chance to act."""


class MethodEffect(Audit):
    """Every method is called within the budget, changes weights, reports what it changed, and leaves something.

    Before training it acts on a copy, through the loop; of what was trained, the record is read.
    """

    remains: float = Field(default=0.1, ge=0, lt=1)
    """Least correlation of the weights that a method touches with what they were, where it touches all of them."""
    share: float = Field(default=0.3, gt=0, le=1)
    """Share of all matrices' elements that it may wholly redraw."""
    disagreement: float = Field(default=0.1, gt=0)
    """Largest difference between the reported and the real number of changed elements, as a share of the real one."""

    depends_on: ClassVar[tuple[str, ...]] = (
        "model",
        "task",
        "optim",
        "schedule",
        "freeze",
        "clip",
        "methods",
        "budget",
        "batch",
        "seed",
    )

    def examine(self, subject: Subject) -> Finding:
        methods = subject.experiment.methods
        if not methods:
            return not_applicable("no method is configured")
        if subject.stage == "trained":
            return _of_record(subject)
        acted: dict[str, Any] = {}
        for index, name in enumerate(distinct_names(methods)):
            due = _due(subject.training, methods[index])
            if not due:
                if (subject.training.steps or TRIAL) < TRIAL:
                    continue
                return failed(
                    f"the method {name} never acts: it is not due at any of the {subject.training.steps:,} steps of "
                    "the budget; make its interval smaller.",
                    acts=0,
                )
            if finding := self._act(subject, index, name, due):
                return finding
            acted[f"{name}_first_due"] = due[0]
        return passed("every method acts within the budget, changes weights, and leaves something of them", **acted)

    def _act(self, subject: Subject, index: int, name: str, due: list[int]) -> Finding | None:
        """Let one method act alone, at the steps at which it is due; a failure, or None."""
        method = subject.experiment.methods[index]
        changed = noticed = False
        for stressed in (False, True):
            t = _alone(subject, method)
            if stressed:
                _deaden(t)
            statistics = dict(t.method_statistics[0])
            for step in due[:ACTS]:
                act = _compared(subject, t, method, name if len(subject.experiment.methods) == 1 else None, step)
                if finding := self._judge(name, act, stressed):
                    return finding
                changed |= act.changed > 0 or act.has_moments
            noticed |= not is_same(statistics, t.method_statistics[0])
            if changed:
                return None
        if noticed:
            return None  # it counts and waits
        return failed(
            f"the method {name} changes nothing: it was due {ACTS} times, on fresh weights and on dead ones, and no "
            "weight, moment or statistic differs.",
            changed=0,
            limit=1,
        )

    def _judge(self, name: str, act: Act, stressed: bool) -> Finding | None:
        if act.should and not act.changed:
            return failed(
                f"the method {name} is configured and never called: at step {act.step:,}, where it is due, the step "
                f"leaves the weights alone, though called by itself it changes {act.should:,} elements.",
                changed=0,
                limit=act.should,
            )
        if act.reported is not None and abs(act.reported - act.changed) > self.disagreement * max(act.changed, 1):
            return failed(
                f"the method {name} reports {act.reported:,.0f} changed elements and changed {act.changed:,}: its "
                "counts are not those of what it does.",
                reported=act.reported,
                changed=act.changed,
            )
        if not stressed and act.redrawn >= self.share and act.correlation < self.remains:
            return failed(
                f"the method {name} resets everything: nothing remains of the {act.redrawn:.0%} of the matrices' "
                f"elements that it touches (correlation {act.correlation:.2f} with what they were); its threshold or "
                "its mask selects all units.",
                correlation=act.correlation,
                limit=self.remains,
                redrawn=act.redrawn,
            )
        return None


class Act:
    """What one step with a method changed, beyond the same step without it."""

    def __init__(
        self, step: int, plain: Mapping[str, Tensor], after: Mapping[str, Tensor], alone: Change | None, told: Any
    ) -> None:
        self.step = step
        self.reported = None if told is None else float(told)
        differs = {name: after[name] != value for name, value in plain.items()}
        self.changed = sum(int(mask.sum()) for mask in differs.values())
        self.should = 0
        self.has_moments = bool(alone is not None and alone.moments)
        if alone is not None:
            self.should = sum(int((value != plain[n]).sum()) for n, value in alone.weights.items() if n in plain)
        whole = [n for n, mask in differs.items() if mask.ndim > 1 and mask.float().mean() >= 0.95]
        matrices = sum(value.numel() for value in plain.values() if value.ndim > 1)
        redrawn = [n for n in whole if _correlation(plain[n], after[n]) < 0.2]
        self.redrawn = sum(plain[n].numel() for n in redrawn) / max(matrices, 1)
        old, new = ([values[n].flatten() for n in redrawn] for values in (plain, after))
        self.correlation = _correlation(torch.cat(old), torch.cat(new)) if redrawn else 1.0


def _correlation(old: Tensor, new: Tensor) -> float:
    """The correlation of two tensors; 0 where one of them is constant."""
    a, b = (x.double().flatten() - x.double().mean() for x in (old, new))
    scale = a.norm() * b.norm()
    return float(a @ b / scale) if scale > 0 else 0.0


def _due(t: Training, method: Method) -> list[int]:
    """The first steps at which a method acts, as the loop asks it."""
    total, stage = t.steps, t.steps_a_stage
    found: list[int] = []
    ends = [index * stage for index in range(1, t.task.stages)] if stage else []
    every = method.every_steps or 1
    candidates = {*range(1, min(total or 10**5, 10**5) + 1), *(every * k for k in range(1, 100)), *ends}
    for step in sorted(candidates):
        if total is not None and step > total:
            break
        tasks = step // stage if stage and step % stage == 0 and step != total else None
        if method.due(step, tasks):
            found.append(step)
            if len(found) == ACTS:
                break
    return found


def _alone(subject: Subject, method: Method | None) -> Training:
    methods = () if method is None else (method,)
    return trainee(subject, rows=rows_for(subject, 2), awake=True, regularisers=(), methods=methods, averaging=None)


def _deaden(t: Training) -> None:
    """Half the units of every matrix make and read nothing."""
    with torch.no_grad():
        for p in t.model.parameters():
            if p.ndim > 1 and p.requires_grad:
                p[: len(p) // 2] = 0
    t.weights.publish()


def _compared(subject: Subject, t: Training, method: Method, name: str | None, step: int) -> Act:
    """One step of `t`, which ends at `step`, beside the same step of a training without methods."""
    plain = _alone(subject, None)
    plain.model.load_state_dict(t.model.state_dict())
    plain.weights.publish()
    plain.optimiser.load_state_dict(copy.deepcopy(t.optimiser.state_dict()))
    plain.step = t.step = step - 1
    with subject.drawing("method_effect"):
        subject.step(plain)
    with subject.drawing("method_effect"):
        told = subject.step(t)
    reported = next(
        (value for key, value in told.items() if key.startswith("method/") and key.endswith("_changed")), None
    )
    without, after = trained_weights(plain), trained_weights(t)
    change = _called(subject, plain, t, method, step) if is_same(without, after) else None
    return Act(step, without, after, change, reported)


def _called(subject: Subject, plain: Training, t: Training, method: Method, step: int) -> Change | None:
    """What the method does to the same weights when the loop's own helper calls it; None where it does nothing."""
    before = trained_weights(plain)
    twin = _alone(subject, method)
    twin.model.load_state_dict(plain.model.state_dict())
    twin.optimiser.load_state_dict(copy.deepcopy(plain.optimiser.state_dict()))
    twin.step = step
    with subject.drawing("method_effect"):
        apply_methods(twin)
    after = trained_weights(twin)
    return Change(weights={n: v for n, v in after.items() if not torch.equal(v, before[n])})


def _of_record(subject: Subject) -> Finding:
    """Whether the record of a run shows that every method that was due acted."""
    if subject.run is None:
        return not_applicable("there is no record of the training")
    lines = list(subject.run.metrics.lines())
    for index, name in enumerate(distinct_names(subject.experiment.methods)):
        due = [s for s in _due(subject.training, subject.experiment.methods[index]) if s <= subject.training.step]
        if not due:
            continue
        counts = [line[f"method/{name}_changed"] for line in lines if f"method/{name}_changed" in line]
        if not counts:
            return failed(
                f"the method {name} was due at step {due[0]:,} and the record has no `method/{name}_changed`: it never "
                "ran.",
                acts=0,
                limit=1,
            )
        if not any(counts):
            return failed(f"the method {name} acted {len(counts)} times and changed nothing.", changed=0, limit=1)
    return passed("every method that was due acted, and changed something", acts=len(lines))
