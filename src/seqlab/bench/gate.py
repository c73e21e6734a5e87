"""The gate: fast kernels against their references, causality, resuming; no timing is shown unless it is green."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from seqlab.bench import Options, Row
from seqlab.bench.shared.agreement import difference
from seqlab.bench.shared.kernels import Case, cases
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Experiment, Snapshots
from seqlab.journal import LabBook, Run
from seqlab.mixers.attention import Attention
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.spec import members
from seqlab.tasks.text import Text
from seqlab.train.checkpoint import checkpoints
from seqlab.train.precision import choose_device
from seqlab.train.start import prepare, record, resume
from seqlab.train.watch import Progress, Watch

__all__ = ["measure"]

TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-5, torch.bfloat16: 2e-2}
"""Largest difference in value and gradients, as a share of the largest entry."""
FUTURE = 1e-10
"""Largest effect of the future on the past in float64: a Fourier transform spreads its rounding everywhere."""
DIM, LENGTH = 16, 24


def measure(options: Options) -> list[Row]:
    """Differences, each with the largest that is allowed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        device = choose_device("auto")
        rows = [_kernel(case, dtype, device) for case in cases() for dtype in TOLERANCE if _is_taken(case, dtype)]
        return [*rows, *_causality(), _resuming()]


def _kernel(case: Case, dtype: torch.dtype, device: torch.device) -> Row:
    """Both on the device whose speed is measured, from the same numbers; the law in float64."""
    arguments = _cast(tree_map_only(Tensor, lambda value: value.to(device), case.arguments), dtype)
    got = _value_and_gradients(case.fast, arguments)
    wanted = _value_and_gradients(case.reference, _cast(arguments, torch.float64))
    error = max(difference(a, b, least=1.0) for a, b in zip(got, wanted, strict=True))
    what = f"kernel {case.name} {str(dtype).removeprefix('torch.')}"
    return Row(what=what, value=error, unit="of the largest entry", target=TOLERANCE[dtype])


def _is_taken(case: Case, dtype: torch.dtype) -> bool:
    return torch.finfo(dtype).bits >= 32 or not case.wide_only


def _value_and_gradients(function: Callable[..., Any], arguments: dict[str, Any]) -> list[Tensor]:
    """Every value, and the gradient of every floating-point argument, zero where it is not reached."""
    given = tree_map_only(Tensor, _leaf, arguments)
    inputs = [leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor) and leaf.requires_grad]
    values = [y for y in tree_leaves(function(**given)) if isinstance(y, Tensor)]
    reached = [y for y in values if y.requires_grad]
    if not reached:
        return values
    cotangents = [torch.linspace(-1, 1, y.numel(), dtype=torch.float64).view(y.shape).to(y) for y in reached]
    gradients = torch.autograd.grad(reached, inputs, cotangents, allow_unused=True, materialize_grads=True)
    return [*(y.detach() for y in values), *gradients]


def _leaf(value: Tensor) -> Tensor:
    return value.detach().requires_grad_(value.is_floating_point())


def _cast(arguments: dict[str, Any], dtype: torch.dtype) -> dict[str, Any]:
    def cast(value: Tensor) -> Tensor:
        return value.to(dtype) if value.is_floating_point() else value

    return tree_map_only(Tensor, cast, arguments)  # type: ignore[no-any-return]


def _causality() -> Iterator[Row]:
    """Another second half of the input must leave the first half of a causal mixer's output as it is."""
    past, future, other = torch.randn(3, 2, LENGTH // 2, DIM, dtype=torch.float64)
    for name, spec in members("mixers").items():
        mixer = spec().build(dim=DIM, length=LENGTH).double()  # type: ignore[attr-defined]
        if not mixer.causal:
            continue
        with torch.no_grad():
            y, changed = (mixer(torch.cat([past, rest], dim=1))[:, : LENGTH // 2] for rest in (future, other))
        effect = difference(changed, y, least=1.0)
        yield Row(what=f"the future in {name}", value=effect, unit="of the largest entry", target=FUTURE)


def _resuming() -> Row:
    """A training that was stopped and resumed ends with the very weights of one that was not."""
    with TemporaryDirectory(prefix="seqlab-bench-") as folder:
        text = Path(folder, "text.txt")
        text.write_text("a gate is opened by those who can show that it is right to " * 40)
        through, stopped = (record(prepare(_tiny(text), folder), name=name) for name in ("through", "stopped"))
        resume(through)
        _, state = resume(stopped, StopAt(stopped, step=2))
        resume(LabBook(folder).open("stopped"))
        a, b = (checkpoints(run.folder)[-1].weights() for run in (through, stopped))
    change = max(difference(a[name], b[name], least=1.0) for name in a)
    change = change if state == "stopped" else math.inf  # without a stop nothing was resumed
    return Row(what="weights after resuming", value=change, unit="of the largest entry", target=0.0)


def _tiny(text: Path) -> Experiment:
    return Experiment(
        task=Text(path=str(text), length=8, subset_bytes=64),
        model=LM(dim=8, layers=(Block(mixer=Attention(heads=2), channel=MLP()),)),
        budget=Budget(steps=4),
        batch=Batching(size=2),
        snapshots=Snapshots(every_steps=2),
        precision="float32",
        device="cpu",
    )


class StopAt(Watch):
    """Asks a run to stop at a metrics line of one step."""

    def __init__(self, run: Run, step: int) -> None:
        self._run, self._step = run, step

    def metrics(self, progress: Progress, values: Any) -> None:
        if progress.step == self._step:
            self._run.request_stop()
