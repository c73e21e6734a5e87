"""The language in which one says what "best" means: one number of a run, and which way is better.

    REDUCTION(METRIC; WINDOW; ...; DIRECTION)

    min(val/loss)
    mean(train/accuracy; last epoch of each task; last 50 tasks)
    median(train/loss; tokens 1e6..2e6)
    last(val/accuracy; first 10 minutes)
    min(val_subset/accuracy; last 10 % of steps; higher is better)

REDUCTION: mean, median, min, max, first or last, of all measurements that lie in every window; each counts alike.
METRIC: a name of the record with its phase: `train/accuracy` was measured in training, `val/accuracy` held out.
WINDOW: `last N UNIT` or `first N UNIT` (N is 1 where it is left out; `N %` is a share of the run), also `of each task`;
or `UNIT FROM..TO`, both ends included, either of them left out. UNIT: values (measurements), steps, epochs, tasks,
tokens, seconds, minutes or hours; the last three are wall time. Every window counts on the whole curve, so their order
does not matter. A window that reaches beyond what was recorded is an error, never cut.
DIRECTION: `higher is better` or `lower is better`; left out, `min` wants low and `max` high values, and the others what
the metric's name says: accuracies and speeds high, everything else low.

`parse` reads a rule, `str` writes it, `value_of` applies it to the curve of a run.
"""

from seqlab.sweeps.rules.apply import value_of
from seqlab.sweeps.rules.parse import parse
from seqlab.sweeps.rules.rule import Edge, Range, Rule, Window

__all__ = ["Edge", "Range", "Rule", "Window", "parse", "value_of"]
