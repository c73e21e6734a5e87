"""Parts with every type of field that a spec may have."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from seqlab.nn.inits import Init
from seqlab.nn.inits.glorot import Glorot
from seqlab.nn.inits.normal import Normal
from seqlab.spec import Field, Part, SpecError

__all__ = ["Data", "Layer", "Model", "Trial"]

Share = Annotated[float, Field(ge=0, lt=1)]


class Layer(Part):
    """One layer."""

    width: int = Field(default=8, ge=1)
    """Features."""
    init: Init = Normal()
    """Its law."""


class Data(Part):
    """Where the data lies."""

    path: str
    """A location, which differs between machines."""

    def located(self) -> dict[str, str]:
        return {"path": hashlib.sha256(self.path.rpartition("/")[2].encode()).hexdigest()}


class Model(Part):
    """Layers and an optional extra."""

    layers: tuple[Layer, ...] = (Layer(), Layer(), Layer(), Layer())
    """From the input to the output."""
    extra: Init | None = None
    """A second law."""
    laws: tuple[Init, ...] = (Glorot(),)
    """Several."""


class Trial(Part):
    """All of it."""

    model: Model = Model()
    """The model."""
    data: Data = Data(path="/here/text")
    """The data."""
    lr: float = Field(default=1e-3, gt=0)
    """Learning rate."""
    steps: int | None = Field(default=None, ge=1)
    """Budget."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    """Two shares."""
    mode: Literal["fast", "slow"] = "fast"
    """How."""
    bits: Literal[8, 16] = 16
    """How many."""
    name: str = "trial"
    """A word."""
    check_twice: bool = False
    """A switch."""

    def check(self) -> None:
        if self.steps == 13 and self.mode == "slow":
            raise SpecError("a trial of 13 steps must be fast.")
