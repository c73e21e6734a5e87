"""How a language model computes: options that several commands take, together as `computed`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

__all__ = ["Computed", "cell_options", "devices_option", "dtype_option", "threads_option", "use_threads"]

Computed = dict[str, Any]
"""What `seqlab.nn.matrix_cell.compute_by` takes, as far as it was asked for."""
NAMES = {"kernel": "form", "chunk": "chunk", "state_dtype": "state_dtype"}

dtype_option = click.option(
    "--dtype", type=click.Choice(["float64", "float32", "bfloat16", "int8", "int4"]),
    help="What the model computes in [default: that of its weights]; int8 and int4: the bits of its linears and head.",
)  # fmt: skip


devices_option = click.option(
    "--devices", type=click.Choice(["cpu", "auto"]), default="cpu", show_default=True,
    help="auto: the layers of a folder over all GPUs by their memory, and the rest on the CPU.",
)  # fmt: skip


threads_option = click.option("--threads", metavar="N", type=click.IntRange(min=1), help="Threads of the computation.")


def use_threads(threads: int | None) -> None:
    """Compute with so many threads; None: as torch chose."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)


def cell_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--kernel, --chunk and --state-dtype; the command gets them as `computed`."""

    @functools.wraps(command)
    def collected(**given: Any) -> Any:
        asked = {ours: given.pop(name) for name, ours in NAMES.items()}
        return command(computed={name: value for name, value in asked.items() if value is not None}, **given)

    for option in (
        click.option("--state-dtype", type=click.Choice(["float64", "float32", "bfloat16"]),
                     help="What matrix LSTMs keep between steps [default: float32 or wider]."),
        click.option("--chunk", metavar="N", type=click.IntRange(min=1),
                     help="Positions that matrix LSTMs compute at once."),
        click.option("--kernel", type=click.Choice(["chunkwise", "parallel", "recurrent"]),
                     help="How matrix LSTMs compute a sequence; all ways give the same."),
    ):  # fmt: skip
        option(collected)
    return collected
