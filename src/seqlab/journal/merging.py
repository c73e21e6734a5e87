"""Several logs of one run as one: a value for each name and step."""

from collections.abc import Sequence
from typing import NamedTuple

from seqlab.journal.log import Log, counted, since_1970

FIELDS = ("epoch", "tokens")
"""Names that are no metrics, but say where a run stands."""


class Merged(NamedTuple):
    """Step -> name -> value, and step -> seconds of the run. `began`: when it began, seconds since 1970, if known."""

    values: dict[int, dict[str, float]]
    times: dict[int, float]
    began: float | None
    remarks: list[str]

    def steps(self) -> list[int]:
        """Every step with a value, in order."""
        return sorted(self.values)

    def names(self) -> list[str]:
        """Every name of a metric, as the logs have it, in the order of their first step."""
        names = dict.fromkeys(name for step in self.steps() for name in self.values[step])
        return [name for name in names if name not in FIELDS]

    @property
    def seconds(self) -> float | None:
        """How long the run took, as far as its logs say."""
        return max(self.times.values(), default=None)


def merge(logs: Sequence[Log]) -> Merged:
    """In the order of the logs: of two values for one name at one step the later counts, and that is said."""
    values: dict[int, dict[str, float]] = {}
    moments: dict[int, float] = {}
    replaced = 0
    voided: set[int] = set()
    for row in (row for log in logs for row in log.rows):
        if row.restarts:
            gone = [step for step in values if step >= row.step]
            voided.update(gone)
            for step in gone:
                del values[step]
                moments.pop(step, None)
            continue
        at = values.setdefault(row.step, {})
        replaced += sum(name in at for name in row.values)
        at.update(row.values)
        if row.time is not None:
            moments.setdefault(row.step, row.time)
    remarks = [f"{counted(replaced, 'value')} replaced by a later one of the same name and step"] if replaced else []
    if voided:
        which = f"{counted(len(voided), 'step')} from step {min(voided):,} on"
        remarks.append(f"the run was restarted: what {which} said before is void")
    began, times = _from_the_beginning(moments)
    return Merged({step: at for step, at in values.items() if at}, times, began, remarks)


def _from_the_beginning(moments: dict[int, float]) -> tuple[float | None, dict[int, float]]:
    """When the run began, where the times are times of day, and each time as seconds of the run."""
    began = min((time for time in moments.values() if since_1970(time)), default=None)
    return began, {step: time - (began or 0.0) if since_1970(time) else time for step, time in moments.items()}
