"""Gaussian classes: a stream of made classification tasks of any shape, whose best possible accuracy is known."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from seqlab.data import gaussian_classes
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.classification import PreparedClassification

__all__ = ["Gaussians", "PreparedGaussians"]


class Gaussians(Task):
    """Rows of unit normal noise around the mean of their class; the means are orthogonal and of one length.

    Whatever the directions of the means, one who knows them is right as often as `bayes` among the floors says: each
    task of a stream is as hard as the others.
    """

    shape: tuple[Annotated[int, Field(ge=1)], ...] = (1, 28, 28)
    """Shape of a row: an image (channels, height, width) or features (F,)."""
    classes: int = Field(default=10, ge=2)
    """Number of classes, at most one for each number of a row."""
    separation: float = Field(default=4.0, gt=0)
    """Length of each mean, in standard deviations of the noise; two means are sqrt(2) times that apart."""
    training: int = Field(default=10_000, ge=1)
    """Training rows of each task of the stream."""
    validation: int = Field(default=2_000, ge=1)
    """Held-out rows of each task of the stream."""
    tasks: int = Field(default=1, ge=1)
    """Tasks of the stream, one after the other; each is trained for the whole of `budget`."""
    change: Literal["means", "pixels", "labels"] = "means"
    """What is new in each task after the first: the means; the places of the numbers in a row; which class is which."""
    seed: int = Field(default=0, ge=0)
    """Of the data; the experiment's seed decides the order in which it is read."""

    def check(self) -> None:
        if math.prod(self.shape) < self.classes:
            raise SpecError(
                f"tasks/gaussians: {self.classes} classes need rows of at least as many numbers, and `shape` "
                f"{self.shape} has {math.prod(self.shape)}; make it larger."
            )

    def foretold(self) -> Signature:
        return Signature(shape=self.shape, classes=self.classes)

    def prepare(self) -> PreparedGaussians:
        return PreparedGaussians(self)


class PreparedGaussians(PreparedClassification):
    """The stream; the rows of a task are drawn when they are first needed."""

    def __init__(self, spec: Gaussians) -> None:
        super().__init__(spec.foretold(), spec.tasks)
        self.spec = spec

    def rows(self, split: str, stage: int) -> Labelled:
        spec, features = self.spec, math.prod(self.spec.shape)
        drawn_at = stage if spec.change == "means" else 0
        centres = gaussian_classes.means(
            spec.classes, features, spec.separation, numpy_stream(spec.seed, "gaussians/means", drawn_at)
        )
        count = spec.training if split == "train" else spec.validation
        data = gaussian_classes.draw(centres, count, numpy_stream(spec.seed, f"gaussians/{split}", drawn_at))
        inputs, labels = data.inputs, data.labels
        if stage > 0 and spec.change == "pixels":
            inputs = inputs[:, numpy_stream(spec.seed, "gaussians/pixels", stage).permutation(features)]
        if stage > 0 and spec.change == "labels":
            labels = numpy_stream(spec.seed, "gaussians/labels", stage).permutation(spec.classes)[labels]
        return Labelled(inputs.reshape(count, *spec.shape), labels)

    def floors(self) -> dict[str, Any]:
        return {**super().floors(), "bayes": gaussian_classes.bayes(self.spec.classes, self.spec.separation)}
