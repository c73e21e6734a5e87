"""Does a method do something, and not too much? Resets that never ran are a row of the plasticity notebook."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, failed, not_applicable, passed, warned
from seqlab.audits.shared.draws import correlation
from seqlab.audits.shared.ends import ends
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import is_same, rows_for, trained_weights, trainee
from seqlab.experiment import Evaluation
from seqlab.methods import Method
from seqlab.spec import Field
from seqlab.train.interventions import apply_methods, distinct_names
from seqlab.train.training import Training

__all__ = ["MethodEffect"]

TRIAL = 20
"""A budget of fewer steps is a trial, in which a method need not be due."""
WHOLLY = 0.95
"""Share of a row's elements that differ where the whole row was changed."""
REDRAWN = 0.2
"""Largest correlation of changed rows with what they were, where they were redrawn and not scaled or disturbed."""
ACTS = 3
"""Times that a method that waits for something is given the chance to act."""


class MethodEffect(Audit):
    """Every method acts within the budget and reports what it changes; one of whole weights does not redraw them all.

    Before training it acts on a copy, through the loop; of what was trained, the record is read. How much of a layer a
    method of hidden units resets may be meant, and is told by audits/reset_rate; that it reset none is only warned of.
    A method that is meant to redraw everything may.
    """

    remains: float = Field(default=0.1, ge=0, lt=1)
    """Least correlation of the weights that a method redraws with what they were, where it redraws a large share."""
    share: float = Field(default=0.4, gt=0, le=1)
    """That share: of the elements of all matrices, whole rows of which are redrawn; but for embedding and head, which
    methods reset on purpose."""
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
            if finding := self._act(subject, index, name, due) or _impure(subject, methods[index], name, due[0]):
                return finding
            acted[f"{name}_first_due"] = due[0]
        return passed("every method acts within the budget and reports what it changes", **acted)

    def _act(self, subject: Subject, index: int, name: str, due: list[int]) -> Finding | None:
        """Let one method act alone, at the steps at which it is due; a failure, or None."""
        method = subject.experiment.methods[index]
        changed = noticed = False
        inner = () if method.renews_all or method.of_units else _inner_matrices(subject)
        for stressed in (False, True):
            t = _alone(subject, method)
            if stressed:
                _deaden(t)
            statistics = dict(t.method_statistics[0])
            for step in due[:ACTS]:
                act = _compared(subject, t, method, step)
                if finding := self._judge(name, act, () if stressed else inner):
                    return finding
                changed |= act.changed > 0 or act.moved_moments
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

    def _judge(self, name: str, act: Act, inner: Sequence[str]) -> Finding | None:
        """A failure of one act, or None. inner: the matrices that it must not redraw."""
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
        share, remains = act.redrawn(inner)
        if share >= self.share and remains < self.remains:
            return failed(
                f"the method {name} resets everything: nothing remains of the {share:.0%} of the elements between "
                f"embedding and head that it redraws (correlation {remains:.2f} with what they were); its threshold or "
                "its mask selects all units.",
                correlation=remains,
                limit=self.remains,
                redrawn=share,
            )
        return None


class Act:
    """What one step with a method changed, beyond the same step without it."""

    def __init__(self, step: int, plain: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> None:
        self.step, self.plain, self.after = step, plain, after
        self.changed = sum(int((after[name] != value).sum()) for name, value in plain.items())
        self.reported: float | None = None
        """Changed elements by the method's own count."""
        self.should = 0
        """Elements that the method changes where it is called by itself, if the step changed none."""
        self.moved_moments = False
        """Whether it left other moments in the optimiser."""

    def redrawn(self, paths: Sequence[str]) -> tuple[float, float]:
        """The share of the elements of some matrices whose whole row is redrawn, and what is left of these rows: their
        correlation with what they were."""
        old, new = [], []
        for name in paths:
            before, after = (values[name].flatten(1) for values in (self.plain, self.after))
            rows = (before != after).float().mean(1) >= WHOLLY
            if rows.any() and correlation(before[rows], after[rows]) < REDRAWN:
                old.append(before[rows].flatten())
                new.append(after[rows].flatten())
        if not old:
            return 0.0, 1.0
        elements = sum(self.plain[name].numel() for name in paths)
        return sum(x.numel() for x in old) / elements, correlation(torch.cat(old), torch.cat(new))


def _inner_matrices(subject: Subject) -> list[str]:
    """The paths of the matrices between embedding and head; of all where there are no others."""
    model = subject.training.model
    found, matrices = ends(subject, model), [n for n, p in model.named_parameters() if p.requires_grad and p.ndim > 1]
    return [name for name in matrices if name not in {*found.tables, found.head}] or matrices


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
    told = Evaluation(log_every_steps=1)  # each step's report by itself
    changes = {"regularisers": (), "methods": methods, "averaging": None, "evaluation": told}
    return trainee(subject, rows=rows_for(subject, 2), awake=True, **changes)


def _deaden(t: Training) -> None:
    """Half the units of every matrix make and read nothing."""
    with torch.no_grad():
        for p in t.model.parameters():
            if p.ndim > 1 and p.requires_grad:
                p[: len(p) // 2] = 0
    t.weights.publish()


def _compared(subject: Subject, t: Training, method: Method, step: int) -> Act:
    """One step of `t`, which ends at `step`, beside the same step of a training without methods."""
    plain = _alone(subject, None)
    _take_over(plain, t)
    plain.step = t.step = step - 1
    with subject.drawing("method_effect"):
        subject.step(plain)
    with subject.drawing("method_effect"):
        told = subject.step(t)
    act = Act(step, trained_weights(plain), trained_weights(t))
    act.reported = next(
        (float(v) for key, v in told.items() if key.startswith("method/") and key.endswith("_changed")), None
    )
    act.moved_moments = not is_same(_moments(plain), _moments(t))
    if not act.changed:
        act.should = _changed_by_itself(subject, plain, method, step)
    return act


def _take_over(own: Training, other: Training) -> None:
    """Give a training the weights and the optimiser's state of another one."""
    own.model.load_state_dict(other.model.state_dict())
    own.weights.publish()
    own.optimiser.load_state_dict(copy.deepcopy(other.optimiser.state_dict()))


def _impure(subject: Subject, method: Method, name: str, step: int) -> Finding | None:
    """A failure of a method that takes its randomness from elsewhere than its draws."""
    found = []
    for draw in (0, 1):
        t = _alone(subject, method)
        t.step = step
        with subject.drawing("methods_own", draw):
            apply_methods(t)
        found.append(trained_weights(t))
    if is_same(*found):
        return None
    return failed(
        f"the method {name} takes random numbers from elsewhere than its `draws`, so that what else the run draws "
        "decides what it does."
    )


def _moments(t: Training) -> dict[str, Tensor]:
    states = enumerate(t.optimiser.state.values())
    return {f"{i}.{key}": x.clone() for i, state in states for key, x in state.items() if isinstance(x, Tensor)}


def _changed_by_itself(subject: Subject, plain: Training, method: Method, step: int) -> int:
    """How many elements of the same weights the method changes where the loop's own helper calls it."""
    before, twin = trained_weights(plain), _alone(subject, method)
    _take_over(twin, plain)
    twin.step = step
    with subject.drawing("method_effect"):
        apply_methods(twin)
    return sum(int((value != before[name]).sum()) for name, value in trained_weights(twin).items())


def _of_record(subject: Subject) -> Finding:
    """Whether the record of a run shows that every method that was due acted."""
    if subject.run is None:
        return not_applicable("there is no record of the training")
    lines = list(subject.run.metrics.lines())
    waited: list[str] = []
    methods = subject.experiment.methods
    for method, name in zip(methods, distinct_names(methods), strict=True):
        due = [s for s in _due(subject.training, method) if s <= subject.training.step]
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
        if any(counts):
            continue
        if not method.of_units:
            return failed(f"the method {name} acted {len(counts)} times and changed nothing.", changed=0, limit=1)
        waited.append(name)
    if waited:
        return warned(
            f"the method {waited[0]} acted and reset no unit: this is a run without resets, and compares as one.",
            changed=0,
            limit=1,
        )
    return passed("every method that was due acted, and changed something", acts=len(lines))
