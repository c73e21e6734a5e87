"""What probes see in a checkpoint: all that a training at that step would let them see, but for what a step changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from seqlab.data import DataError
from seqlab.journal import Run
from seqlab.journal.looks import Look, looks_of
from seqlab.probes import Measures, Probe, Watcher
from seqlab.train.interventions import PROBE_ROWS, measured
from seqlab.train.load import load_model
from seqlab.train.start import trained
from seqlab.train.step import backward
from seqlab.train.training import Training

__all__ = ["Inspection", "inspect_checkpoint"]


class Inspection(NamedTuple):
    """What was seen in a checkpoint."""

    step: int
    looks: dict[str, Look]
    """By the name of the probe; one that found nothing of its kind is left out."""
    remarks: list[str]
    """A sentence for each thing that could not be looked at, and for newer checkpoints that were skipped."""


def inspect_checkpoint(run: Run, step: int | None, probes: Mapping[str, Probe]) -> Inspection:
    """Let the probes look at the checkpoint of a step, or at the newest usable one, with its averaged weights where
    there are any, on held-out data; gradients are those of the batch that the next step would read, of one pass.

    Without the data that the run was trained on, the weights alone are looked at. Raises CheckpointError where there is
    no such checkpoint.
    """
    of_steps = [name for name, probe in probes.items() if probe.compares or isinstance(probe, Watcher)]
    remarks = [f"{name} is seen only while a step is taken: train with it." for name in of_steps]
    chosen = {name: probe for name, probe in probes.items() if name not in of_steps}
    try:
        training, skipped = trained(run, step)
    except DataError as error:
        model, checkpoint, skipped = load_model(run, step)
        needy = [name for name, probe in chosen.items() if not _is_of_weights(probe)]
        remarks.append(f"{', '.join(needy)}: the data is not here, so only the weights can be looked at ({error})")
        found = _of_weights(model, {name: probe for name, probe in chosen.items() if _is_of_weights(probe)})
        return Inspection(checkpoint.step, looks_of(checkpoint.step, found), skipped + remarks)
    return Inspection(training.step, looks_of(training.step, _of_training(training, chosen)), skipped + remarks)


def _is_of_weights(probe: Probe) -> bool:
    return probe.looks_at == "weights" and probe.phase == "after_update"


def _of_weights(model: nn.Module, probes: Mapping[str, Probe]) -> Measures:
    found: dict[str, object] = {}
    with torch.no_grad():
        for probe in probes.values():
            found |= probe.measure(model, ())
    return found  # type: ignore[return-value]


def _of_training(t: Training, probes: Mapping[str, Probe]) -> Measures:
    found: dict[str, object] = {}
    inputs = tuple(tensor.to(t.device) for tensor in t.task.held_out_inputs(PROBE_ROWS))
    if any(probe.phase == "before_update" for probe in probes.values()):
        backward(t, t.next_batch())
        t.loss_scale.unscale([p.grad for p in t.model.parameters() if p.grad is not None])
    for probe in probes.values():
        found |= measured(t, probe, inputs, t.step)
    return found  # type: ignore[return-value]
