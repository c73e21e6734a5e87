"""Auto-encoding of images: a model that has read an image pixel by pixel draws it again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.cache import sha256
from seqlab.data.images import fingerprints, read_images, trained_on
from seqlab.data.labelled import Labelled
from seqlab.data.signature import Signature
from seqlab.data.text import absolute
from seqlab.spec import Field
from seqlab.tasks import Batch, Task, at_least_float32
from seqlab.tasks.shared.rows import PreparedRows

__all__ = ["Autoencode", "PreparedAutoencode", "image_errors"]

NEAR = 0.2
"""A pixel nearer to its true value, of 0 to 1, counts as right (randomekek/sequence)."""
EVALUATION_PIXELS = 2**15
"""Pixels that one forward pass of an evaluation reads (but for one image): a model holds D numbers for each."""
SUBSET_ROWS = 200
"""Images of a held-out split that are scored during training: its first ones."""


class Autoencode(Task):
    """The image itself, pixels from 0 to 1, is what is asked for. The loss is the mean squared error, the accuracy the
    share of pixels that are within 0.2; a black image has about 0.11 and 85 % on MNIST, so both floors stand beside.

    The published test images are the test split. Of each class the last training images, in the order of the files,
    are the validation split.
    """

    path: str = "card:fashion-small"
    """`card:NAME` (see `seqlab data ls`), a folder as it is published (MNIST, CIFAR-10 ...), or an .npz of groups."""
    left_out: int | None = Field(default=None, ge=0)
    """A class that is not trained on; it is held out whole, and has metrics of its own: `left_out_loss` ..."""
    validation: float = Field(default=0.1, gt=0, lt=1)
    """Share of each class's training images that is held out for validation."""
    scored: int | None = Field(default=400, ge=1)
    """Images of each held-out split that are scored, the first ones, and as many of a class left out; none: all."""

    def located(self) -> dict[str, str]:
        found = fingerprints(self.path)
        return {"path": sha256("".join(found[name] for name in sorted(found)).encode())}

    def anchored(self) -> Autoencode:
        return replace(self, path=absolute(self.path))

    def prepare(self) -> PreparedAutoencode:
        return PreparedAutoencode(self)


class PreparedAutoencode(PreparedRows):
    """The images. `images` gives those of one class, for a look at them."""

    def __init__(self, spec: Autoencode) -> None:
        source = read_images(spec.path)
        super().__init__(Signature(shape=source.train.inputs.shape[1:], reconstructs=True))
        self.spec, self.fingerprints, self.classes = spec, source.fingerprints, source.classes
        left_out = () if spec.left_out is None else (self.known(spec.left_out),)
        kept = trained_on(source.train, spec.validation, spec.path)
        of_left = np.isin(source.train.labels, left_out)
        parts = {
            "train": _of(source.train, kept & ~of_left),
            "val": _of(source.train, ~kept & ~of_left),
            "test": _of(source.test, ~np.isin(source.test.labels, left_out)),
        }
        self._left = {
            "val": _of(source.train, ~kept & of_left),
            "test": _of(source.test, np.isin(source.test.labels, left_out)),
        }
        self._splits = parts
        self._check()
        own = ("loss", "accuracy")
        self.metrics = own if spec.left_out is None else (*own, *(f"left_out_{name}" for name in own))

    def _check(self) -> None:
        """Raises DataError where a split, or the class left out, has no image."""
        label = self.spec.left_out
        if label is None:
            return
        for split, data in self._splits.items():
            if not len(data):
                raise DataError(f"{self.spec.path} has no {split} images but those of class {label}, which is left out")
        for split in self._left:
            self._of_class(split, label)

    def known(self, label: int) -> int:
        """The class, where there is one. Raises DataError."""
        if not 0 <= label < self.classes:
            raise DataError(f"{self.spec.path} has the classes 0 to {self.classes - 1}, and no class {label}")
        return label

    def splits(self) -> tuple[str, ...]:
        return ("val", "test")

    def rows(self, split: str, stage: int) -> Labelled:
        return self._splits[split]

    def images(self, split: str, label: int) -> Tensor:
        """All held-out images of a class, as a model reads them; also of the class left out. Raises DataError."""
        return self.read(self._of_class(split, label))

    def of_class(self, model: nn.Module, split: str, label: int) -> dict[str, float]:
        """loss and accuracy of the held-out images of one class, `scored` at most."""
        return self._scored(model, self._of_class(split, label))

    def _of_class(self, split: str, label: int) -> NDArray[Any]:
        """The held-out images of a class. Raises DataError where there is no such class, or none of its images."""
        data = self._left[split] if self.known(label) == self.spec.left_out else self._splits[split]
        images: NDArray[Any] = data.inputs[data.labels == label]
        if not len(images):
            raise DataError(f"{self.spec.path} has no {split} images of class {label}")
        return images

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Each image's mean squared error, summed, in float32; `accuracy` likewise, before the update."""
        errors, near = image_errors(model, batch.tensors["inputs"])
        return errors.sum(), {"accuracy": near.detach().sum()}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss, the mean squared error of a pixel, and accuracy; those of the class left out by themselves."""
        count = SUBSET_ROWS if subset else None
        found = self._scored(model, self.kept(split, stage).inputs[:count])
        if self.spec.left_out is None:
            return found
        left = self._scored(model, self._left[split].inputs[:count])
        return found | {f"left_out_{name}": value for name, value in left.items()}

    def _scored(self, model: nn.Module, images: NDArray[Any]) -> dict[str, float]:
        images = images[: self.spec.scored]
        device = next(model.parameters()).device
        at_once = max(1, EVALUATION_PIXELS // images[0].size)
        with torch.no_grad():
            found = [
                image_errors(model, self.read(images[start : start + at_once]).to(device))
                for start in range(0, len(images), at_once)
            ]
        errors, near = (torch.cat(part).double().mean() for part in zip(*found, strict=True))
        return {"loss": float(errors), "accuracy": float(near)}

    def floors(self) -> dict[str, Any]:
        """A black image, and the mean of the training images, whatever is shown."""
        shown = self.read(self.kept("val", 0).inputs[: self.spec.scored])
        mean = torch.from_numpy(self.kept("train", 0).inputs.mean(0, dtype=np.float64) / 255).float()
        guesses = {"black_image": torch.zeros_like(mean), "mean_image": mean}
        return {name: _of_guess(guess.expand_as(shown), shown) for name, guess in guesses.items()}


def image_errors(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """The mean squared error of each image (B,) and the share of its pixels within 0.2 (B,), in float32."""
    return _errors(at_least_float32(model(images)).sigmoid(), images)


def _errors(drawn: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
    difference = (drawn - images).flatten(1)
    return difference.square().mean(1), (difference.abs() < NEAR).to(difference.dtype).mean(1)


def _of_guess(drawn: Tensor, images: Tensor) -> dict[str, float]:
    errors, near = _errors(drawn, images)
    return {"loss": float(errors.mean()), "accuracy": float(near.mean())}


def _of(data: Labelled, chosen: NDArray[np.bool_]) -> Labelled:
    return Labelled(data.inputs[chosen], data.labels[chosen])
