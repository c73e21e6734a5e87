"""Selection: which cell of a sweep is the best, which may as well be, and what to be wary of. Without torch.

`select` reads the record; `choose` is the same judgement as a pure function of groups.
"""

from seqlab.sweeps.select.choice import Choice, choose
from seqlab.sweeps.select.groups import Group
from seqlab.sweeps.select.selection import Disagreement, Selection, select

__all__ = ["Choice", "Disagreement", "Group", "Selection", "choose", "select"]
