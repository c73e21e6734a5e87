"""Structures and their sequences as a task: batches, the likelihood of letters, three held-out splits."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqlab.data import DataError
from seqlab.data.alignments import GAP, SIZE
from seqlab.data.backbones import Backbone
from seqlab.data.families import Collection, Family
from seqlab.data.signature import Signature
from seqlab.data.streams import numpy_stream
from seqlab.spec import Field, SpecError
from seqlab.tasks import Batch, PreparedTask, Task, at_least_float32
from seqlab.tasks.shared.super_batches import Footprint, cut, footprint

__all__ = ["OfFamilies", "PreparedFamilies"]

EVALUATION_SITES = 2**17
"""Sites times sequences of one forward pass of an evaluation (but for one structure)."""
SUBSET = 16
"""Structures of each split that are scored during training: its first ones."""
PSEUDOCOUNT = 0.5
"""Of each letter at each site, in the floor of site frequencies."""


class OfFamilies(Task):
    """Fields that all tasks of families share. The loss is the negative log-likelihood a residue, in nats, and for each
    structure `penalty_couplings` |J|^2 + `penalty_fields` |h|^2, averaged over structures and not over residues; |J|^2
    counts ordered pairs (ij and ji), or one triangle as it is scaled where the model is autoregressive."""

    sequences: int = Field(default=16, ge=1)
    """M, the sequences of a structure in each step, drawn uniformly with replacement."""
    noise: float = Field(default=0.02, ge=0)
    """Standard deviation of what is added to encodings, in training alone (0.02: 5 % of ESM-IF1's)."""
    penalty_couplings: float = Field(default=1e-4, ge=0)
    """eta_J."""
    penalty_fields: float = Field(default=1e-4, ge=0)
    """eta_h."""
    memory_mb: float | None = Field(default=None, gt=0)
    """Megabytes that a part of a batch may keep for its backward pass: structures are sorted by length and cut by what
    the model really keeps; none: one part, or `batch.accumulate` equal ones, padded to the longest."""
    evaluated: int = Field(default=64, ge=1)
    """Sequences of a structure that are scored when held out, the first ones: the same at each evaluation."""

    @abstractmethod
    def encoded(self, backbone: Backbone) -> NDArray[np.float32]:
        """What a model of this task reads of a backbone, (N, F). Raises DataError where no encoder is known."""


class PreparedFamilies(PreparedTask):
    """A collection in memory."""

    def __init__(
        self, spec: OfFamilies, collection: Collection, fingerprints: dict[str, str], notes: tuple[str, ...] = ()
    ) -> None:
        self.spec, self.collection, self.fingerprints, self.notes = spec, collection, fingerprints, notes
        self.signature = Signature(shape=(collection.width,), length=collection.longest, vocabulary=SIZE, emits=True)
        self.row_tokens = round(np.mean([len(family) for family in collection.train]))
        self.held_out = {
            "": collection.sequence, "structure_": collection.structure, "superfamily_": collection.superfamily
        }  # fmt: skip
        scored = [prefix for prefix, families in self.held_out.items() if families]
        own = (f"{prefix}{name}" for prefix in scored for name in ("loss", "accuracy"))
        self.metrics = (*own, "train_loss", "shuffled_loss")
        self._order: tuple[tuple[int, int], NDArray[np.int64]] | None = None
        self._footprints: dict[int, Footprint] = {}

    def check_batch(self, size: int) -> None:
        count = len(self.collection.train)
        if size > count:
            raise DataError(
                f"{count:,} training structures do not fill a batch of {size:,}; make `batch.size` smaller."
            )

    def batch(self, seed: int, step: int, size: int, stage: int = 0) -> Batch:
        """Structures in an order of their own in each epoch; M sequences of each, noise, from streams of the step."""
        count = len(self.collection.train)
        places = [self._place(seed, step * size + index, count) for index in range(size)]
        draws = numpy_stream(seed, "rows", step)
        families = [self.collection.train[place] for place in places]
        chosen = [f.sequences[draws.integers(len(f.sequences), size=self.spec.sequences)] for f in families]
        tensors = _padded(families, chosen)
        if self.spec.noise:
            noise = numpy_stream(seed, "noise", step)
            for row, family in enumerate(families):
                drawn = noise.standard_normal(family.encodings.shape, dtype=np.float32)
                tensors["encodings"][row, : len(family)] += self.spec.noise * torch.from_numpy(drawn)
        residues = sum(map(len, families))
        scored = residues * self.spec.sequences
        tensors["share"] = torch.full((size,), scored / size, dtype=torch.float64)
        return Batch(tensors, scored=scored, tokens=residues, epoch=(step + 1) * size / count)

    def _place(self, seed: int, index: int, count: int) -> int:
        key = seed, index // count
        if self._order is None or self._order[0] != key:
            self._order = key, numpy_stream(seed, "order", index // count).permutation(count)
        return int(self._order[1][index % count])

    def parts(self, batch: Batch, count: int, model: nn.Module) -> list[Batch]:
        """Equal parts, or, with a budget of memory, parts of structures of like length that each keep to it."""
        if self.spec.memory_mb is None:
            return batch.parts(count)
        if count > 1:
            raise SpecError(
                "task.memory_mb cuts batches by itself, for one process: leave `batch.accumulate` and "
                "`distribution.processes` at 1, or `task.memory_mb` out."
            )
        lengths = batch.tensors["lengths"].tolist()
        groups = cut(lengths, self.spec.sequences, self._footprint(model), self.spec.memory_mb * 1e6)
        return [_taken(batch, group, max(lengths[place] for place in group)) for group in groups]

    def _footprint(self, model: nn.Module) -> Footprint:
        key = id(model)
        if key not in self._footprints:
            self._footprints = {key: footprint(model, self.collection.width, self.collection.longest)}
        return self._footprints[key]

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Summed over residues and sequences; a structure's penalty counts as its share of those of the whole batch, so
        that any cut has one gradient. `nll` is the likelihood alone."""
        tensors = batch.tensors
        emitted = model(tensors["encodings"], tensors["letters"], tensors["lengths"])
        nll, right = _scores(emitted.logits, tensors["letters"], tensors["lengths"])
        penalty = self.spec.penalty_couplings * emitted.couplings + self.spec.penalty_fields * emitted.fields
        total = nll.sum() + (tensors["share"].to(penalty) * penalty).sum()
        return total, {"nll": nll.detach().sum(), "accuracy": right.sum()}

    def evaluate(self, model: nn.Module, split: str, *, subset: bool = False, stage: int = 0) -> dict[str, float]:
        """loss (nats a residue, no penalty) and accuracy of new sequences, `structure_` and `superfamily_` of the other
        splits; `train_loss` of as many training sequences, for the gap; `shuffled_loss` of new structures, else of new
        sequences, where the encodings of a structure's residues are shuffled: the distance is what structure is worth.
        """
        found: dict[str, float] = {}
        few = slice(SUBSET if subset else None)
        for prefix, families in self.held_out.items():
            if families:
                loss, accuracy = self.scored(model, families[few])
                found |= {f"{prefix}loss": loss, f"{prefix}accuracy": accuracy}
        controls = [_shuffled(family) for family in (self.collection.structure or self.collection.sequence)[few]]
        return found | {
            "train_loss": self.scored(model, self.collection.train[few])[0],
            "shuffled_loss": self.scored(model, controls)[0],
        }

    def scored(self, model: nn.Module, families: Sequence[Family]) -> tuple[float, float]:
        """The mean over residues of families, `evaluated` sequences of each: nats and share of letters told right."""
        device = next(model.parameters()).device
        ordered = sorted(families, key=len)
        totals = np.zeros(3)
        while ordered:
            at_once = max(1, EVALUATION_SITES // (len(ordered[-1]) * self.spec.evaluated))
            some, ordered = ordered[-at_once:], ordered[:-at_once]
            tensors = _padded(some, [f.sequences[: self.spec.evaluated] for f in some])
            tensors = {name: x.to(device) for name, x in tensors.items()}
            with torch.no_grad():
                emitted = model(tensors["encodings"], tensors["letters"], tensors["lengths"])
                nll, right = _scores(emitted.logits, tensors["letters"], tensors["lengths"])
            counts = [min(len(f.sequences), self.spec.evaluated) for f in some]
            # Families with fewer sequences are filled up with their own first ones, which are left out here.
            real = torch.arange(nll.shape[1]) < torch.tensor(counts)[:, None]
            kept = [part.cpu().double()[real].sum().item() for part in (nll.sum(2), right.sum(2))]
            totals += [*kept, sum(count * len(f) for count, f in zip(counts, some, strict=True))]
        return float(totals[0] / totals[2]), float(totals[1] / totals[2])

    def held_out_inputs(self, rows: int) -> tuple[Tensor, ...]:
        families = self.collection.sequence[:rows]
        longest = max(map(len, self.collection.sequence))  # whatever the rows, so that all inputs have one length
        tensors = _padded(families, [f.sequences[: self.spec.sequences] for f in families], longest)
        return tensors["encodings"], tensors["letters"], tensors["lengths"]

    def floors(self) -> dict[str, Any]:
        """uniform: every letter alike; background: the letters' shares in training, everywhere; sites: each training
        structure's own shares at each site, which only new sequences of it can be told by."""
        logs = np.log(_shares(np.concatenate([f.sequences.ravel() for f in self.collection.train])[None]))[:, 0]
        of_all = {
            f"{prefix}loss": -_mean([logs[f.sequences[: self.spec.evaluated]] for f in families])
            for prefix, families in self.held_out.items()
            if families
        }
        own = {f.name: np.log(_shares(f.sequences.T)) for f in self.collection.train}
        found = [own[f.name].T[np.arange(len(f)), f.sequences[: self.spec.evaluated]] for f in self.collection.sequence]
        return {
            "uniform": dict.fromkeys(of_all, math.log(SIZE)),
            "background": of_all,
            "sites": {"loss": -_mean(found)},
        }


def _shuffled(family: Family) -> Family:
    """The residues' encodings in an order that has nothing to do with the chain, the same at each call."""
    order = numpy_stream(0, f"shuffled/{family.name}").permutation(len(family))
    return replace(family, encodings=family.encodings[order])


def _shares(letters: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(sites, sequences) -> (letters, sites): shares, with a pseudocount."""
    counts = np.stack([(letters == letter).sum(1) for letter in range(SIZE)]) + PSEUDOCOUNT
    shares: NDArray[np.float64] = counts / counts.sum(0)
    return shares


def _mean(values: Sequence[NDArray[np.float64]]) -> float:
    return float(np.concatenate([value.ravel() for value in values]).mean())


def _padded(
    families: Sequence[Family], chosen: Sequence[NDArray[np.uint8]], longest: int | None = None
) -> dict[str, Tensor]:
    """encodings (B, N, F), letters (B, M, N), lengths (B,); behind a structure zeros and gaps."""
    longest, rows = longest or max(map(len, families)), max(map(len, chosen))
    encodings = torch.zeros(len(families), longest, families[0].encodings.shape[1])
    letters = torch.full((len(families), rows, longest), GAP)
    for place, (family, sequences) in enumerate(zip(families, chosen, strict=True)):
        encodings[place, : len(family)] = torch.from_numpy(family.encodings)
        filled = sequences[np.arange(rows) % len(sequences)]
        letters[place, :, : len(family)] = torch.from_numpy(filled.astype(np.int64))
    return {"encodings": encodings, "letters": letters, "lengths": torch.tensor([len(f) for f in families])}


def _scores(logits: Tensor, letters: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """-log p of each letter and whether it is the likeliest: (B, M, N) each, zero in the padding."""
    logits = at_least_float32(logits)
    real = (torch.arange(letters.shape[2], device=lengths.device) < lengths[:, None])[:, None]
    chosen = -logits.log_softmax(-1).gather(3, letters[..., None])[..., 0]
    right = (logits.detach().argmax(-1) == letters) & real
    return chosen * real, right.to(logits.dtype)


def _taken(batch: Batch, places: list[int], longest: int) -> Batch:
    """These structures of a batch, padded to the longest of them."""
    tensors = {name: tensor[places] for name, tensor in batch.tensors.items()}
    tensors["encodings"] = tensors["encodings"][:, :longest]
    tensors["letters"] = tensors["letters"][:, :, :longest]
    return Batch(tensors, batch.scored, batch.tokens, batch.epoch)
