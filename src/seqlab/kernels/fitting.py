"""Whether tensors fit together, asked before compiled code reads them: it would read beyond a tensor that is short."""

from __future__ import annotations

from torch import Tensor

__all__ = ["fit"]


def fit(kernel: str, **given: tuple[Tensor | None, str]) -> None:
    """Raise ValueError in one sentence unless every tensor has the axes that are named beside it, such as `b l d`, each
    name of one size in all of them, and all lie on one device. A number stands for itself; None fits."""
    sizes: dict[str, int] = {}
    device = None
    for name, (tensor, shape) in given.items():
        if tensor is None:
            continue
        axes = shape.split()
        device = device or tensor.device
        for axis, size in zip(axes, tensor.shape, strict=False):
            sizes.setdefault(axis, size)
        wanted = [int(axis) if axis.isdigit() else sizes.get(axis) for axis in axes]
        if list(tensor.shape) != wanted or tensor.device != device:
            told = ", ".join(f"{axis} = {sizes[axis]}" for axis in axes if axis in sizes)
            raise ValueError(
                f"{kernel} takes `{name}` as ({', '.join(axes)}) with {told} on {device}, "
                f"got {tuple(tensor.shape)} on {tensor.device}."
            )
