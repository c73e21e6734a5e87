"""seqlab: a research bench for sequence models.

seqlab.run(experiment)          train and record an experiment
seqlab.fork(name, *changes)     go on from a run's checkpoint with other settings
seqlab.load(name)               a run of the lab book, with its model
seqlab.open_run(name, config)   the record for a person's own training loop
"""

from importlib import import_module
from typing import Any

__all__ = ["fork", "load", "open_run", "run"]

# Loaded at first use: `import seqlab` costs nothing, and the command line starts without torch.
_HOMES = {"run": "seqlab.api", "fork": "seqlab.api", "load": "seqlab.api", "open_run": "seqlab.journal"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqlab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
