"""Images: put each into its class; one data set, or a stream of tasks made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from seqlab.data import DataError
from seqlab.data.cache import sha256
from seqlab.data.images import ImageSource, fingerprints, read_images, trained_on
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.data.text import absolute
from seqlab.spec import Field, SpecError
from seqlab.tasks import Task
from seqlab.tasks.shared.classification import PreparedClassification

__all__ = ["Images", "PreparedImages"]


class Images(Task):
    """Image classification from published files. A model reads numbers from 0 to 1: bytes divided by 255, nothing else.

    The published test images are the test split. Of each class the last training images, in the order of the files,
    are the validation split.
    """

    path: str = "card:fashion-small"
    """`card:NAME` (see `seqlab data ls`), a folder as it is published (MNIST, CIFAR-10, CIFAR-100, ImageNet-32), or an
    .npz of `train` and `test`, each (classes, rows, height, width, channels)."""
    validation: float = Field(default=0.1, gt=0, lt=1)
    """Share of each class's training images that is held out for validation."""
    tasks: int = Field(default=1, ge=1)
    """Tasks of the stream, one after the other; each is trained for the whole of `budget`."""
    change: Literal["none", "pixels", "labels", "classes"] = "none"
    """What each task has of its own, the first too: an order of the pixels (permuted MNIST); labels that are dealt
    among the images at random (random-label MNIST); classes of its own, relabelled from 0 (continual ImageNet)."""
    classes: int = Field(default=2, ge=2)
    """Classes of each task where `change=classes`."""
    repeats: bool = False
    """Whether, where `change=classes`, tasks may share classes; else each class occurs in one task at most."""
    training: int | None = Field(default=None, ge=1)
    """Training images of each task, the first in the order of the files, equally many of each class where
    `change=classes`; none: all."""
    grey: bool = False
    """Whether images of red, green and blue become grey ones: (19595 R + 38470 G + 7471 B + 32768) // 65536, the luma
    of ITU-R BT.601 as Pillow rounds it."""
    seed: int = Field(default=0, ge=0)
    """Of the stream's draws (pixels, labels, classes); the experiment's seed decides the order of reading."""

    def check(self) -> None:
        if self.tasks > 1 and self.change == "none":
            raise SpecError(
                "tasks/images: a stream needs something that changes from task to task; set `task.change` to pixels, "
                "labels or classes."
            )

    def located(self) -> dict[str, str]:
        found = fingerprints(self.path)
        return {"path": sha256("".join(found[name] for name in sorted(found)).encode())}

    def anchored(self) -> Images:
        return replace(self, path=absolute(self.path))

    def prepare(self) -> PreparedImages:
        source = read_images(self.path)
        if self.grey:
            source = replace(source, train=_grey(source.train, self.path), test=_grey(source.test, self.path))
        return PreparedImages(self, source)


class PreparedImages(PreparedClassification):
    """The images and the stream; the rows of a task are taken when they are first needed."""

    def __init__(self, spec: Images, source: ImageSource) -> None:
        self.classes = spec.classes if spec.change == "classes" else source.classes
        super().__init__(Signature(shape=source.train.inputs.shape[1:], classes=self.classes), spec.tasks)
        self.spec, self.source = spec, source
        self.fingerprints = source.fingerprints
        kept = trained_on(source.train, spec.validation, spec.path)
        self.places = {
            "train": np.flatnonzero(kept),
            "val": np.flatnonzero(~kept),
            "test": np.arange(len(source.test)),
        }
        self._check()

    def splits(self) -> tuple[str, ...]:
        return ("val", "test")

    def _check(self) -> None:
        spec, path = self.spec, self.spec.path
        if spec.change == "classes":
            if spec.classes > self.source.classes:
                raise DataError(
                    f"{path} has {self.source.classes} classes, and `task.classes` asks for {spec.classes} in each "
                    "task; ask for fewer"
                )
            most = self.source.classes // spec.classes
            if spec.tasks > most and not spec.repeats:
                raise DataError(
                    f"{path} has {self.source.classes} classes, which make {most} tasks of {spec.classes}, and "
                    f"`task.tasks` asks for {spec.tasks}; ask for fewer, or set `task.repeats=true`"
                )
            self._check_class_sizes()
        elif spec.training is not None and spec.training > len(self.places["train"]):
            raise DataError(
                f"{path} has {len(self.places['train']):,} training images beside those held out, and `task.training` "
                f"asks for {spec.training:,}; ask for fewer"
            )

    def _check_class_sizes(self) -> None:
        asked, classes = self.spec.training, self.spec.classes
        if asked is not None and asked < classes:
            raise DataError(
                f"`task.training` asks for {asked} images of {classes} classes; ask for one of each at least"
            )
        if asked is not None and asked % classes:
            raise DataError(
                f"`task.training` asks for {asked} images of {classes} classes, and a task has equally many of each; "
                f"ask for {asked - asked % classes} or {asked - asked % classes + classes}"
            )
        for split, needed in (("train", (asked or classes) // classes), ("val", 1), ("test", 1)):
            counts = np.bincount(self._labels(split), minlength=self.source.classes)
            if counts.min() < needed:
                raise DataError(
                    f"{self.spec.path}: class {counts.argmin()} has {counts.min()} images in its {split} part, and "
                    f"{needed} are needed; ask for fewer (`task.training`, `task.validation`)"
                )

    def _labels(self, split: str) -> NDArray[np.int64]:
        return self._published(split).labels[self.places[split]]

    def _published(self, split: str) -> Labelled:
        return self.source.test if split == "test" else self.source.train

    def rows(self, split: str, stage: int) -> Labelled:
        spec, labels = self.spec, self._labels(split)
        count = spec.training if split == "train" else None
        if spec.change == "classes":
            chosen, labels = _of_classes(labels, self.classes_of(stage), count)
        else:
            chosen = np.arange(len(labels) if count is None else count)
            labels = labels[chosen]
        inputs = self._published(split).inputs[self.places[split][chosen]]
        if spec.change == "pixels":
            order = numpy_stream(spec.seed, "images/pixels", stage).permutation(inputs[0, 0].size)
            inputs = inputs.reshape(*inputs.shape[:2], -1)[:, :, order].reshape(inputs.shape)
        if spec.change == "labels":
            labels = numpy_stream(spec.seed, f"images/labels/{split}", stage).permutation(labels)
        return Labelled(inputs, labels)

    def classes_of(self, stage: int) -> NDArray[np.int64]:
        """The published classes of a task where `change=classes`; its label i is the i-th of them."""
        spec = self.spec
        if spec.repeats:
            return numpy_stream(spec.seed, "images/classes", stage).permutation(self.source.classes)[: spec.classes]
        order = numpy_stream(spec.seed, "images/classes").permutation(self.source.classes)
        return order[stage * spec.classes : (stage + 1) * spec.classes]


LUMA = np.array([19595, 38470, 7471], np.uint32)
"""Weights of red, green and blue, in 65536ths."""


def _grey(images: Labelled, path: str) -> Labelled:
    """(N, 3, H, W) -> (N, 1, H, W) bytes."""
    if images.inputs.shape[1] != 3:
        raise DataError(
            f"{path} has images of {images.inputs.shape[1]} channels, and `task.grey` needs red, green and blue; "
            "leave it out"
        )
    weighted = np.einsum("nchw,c->nhw", images.inputs.astype(np.uint32), LUMA)
    return Labelled(((weighted + 32768) >> 16).astype(np.uint8)[:, None], images.labels)


def _of_classes(
    labels: NDArray[np.int64], classes: NDArray[np.int64], count: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places (N,) of the first count / C rows of each of C classes, and their labels from 0."""
    each = None if count is None else count // len(classes)
    places = [np.flatnonzero(labels == one)[:each] for one in classes]
    return np.concatenate(places), np.repeat(np.arange(len(classes)), [len(part) for part in places])
