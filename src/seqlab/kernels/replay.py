"""A function of tensors recorded once and run again without the Python between its operations.

A step of generation, or of training a small model, is some hundred small operations whose order never changes; what
chooses and calls them costs as much as the arithmetic. So they are noted while the function runs once: torch's with
their arguments, those in C++ with their pointers. Run again they read and write the very same memory. This is what a
CUDA graph is on a GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from seqlab.kernels.listener import Listener
from seqlab.kernels.recording import is_noting, note, recording
from seqlab.kernels.twins import twin

__all__ = ["CannotReplay", "Replay"]

Result = TypeVar("Result")


class CannotReplay(Exception):
    """The function looks at values, or draws at random, so that its operations may be others the next time."""


class Replay(Generic[Result]):
    """The operations of one call of `function`, which runs now. Called again, they run again on the present contents
    of the tensors that the function read, and leave their results in the tensors of `result`.

    The function must not look at values; what it holds must stay where it is. Raises CannotReplay.
    with_gradients: whether it walks backwards through what it computes, on this thread; those operations are noted too.
    """

    def __init__(self, function: Callable[[], Result], *, with_gradients: bool = False) -> None:
        mode = torch.enable_grad() if with_gradients else torch.inference_mode()
        with recording() as self._recording, mode, _Recorder(), _Looking():
            self.result = function()

    def __len__(self) -> int:
        """The number of operations."""
        return len(self._recording.calls)

    @torch.inference_mode()
    def __call__(self) -> None:
        for call in self._recording.calls:
            call()


class _Recorder(Listener):
    """Notes what torch does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not is_noting():
            return func(*args, **kwargs)
        if UNREPEATABLE.intersection(func.tags) and not _picks_by_number(func, args):
            return self._by_its_parts(func, args, kwargs)
        result = func(*args, **kwargs)
        if (same := twin(func, args, kwargs, result)) is not None:
            note(same, (args, result))
        elif func._schema.is_mutable:
            note(partial(func, *args, **kwargs))
        elif not _is_memory_alone(func, result, args):
            note(_into(func, args, kwargs, result))
        return result

    def _by_its_parts(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Of an operation that may draw at random: dropout outside training does not."""
        with self:
            result = func.decompose(*args, **kwargs)
        if result is NotImplemented:
            raise CannotReplay(f"{func} looks at values or draws at random")
        return result


class _Looking(TorchFunctionMode):
    """Refuses to hand values over to Python where no operation of torch does it."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.numpy, Tensor.tolist, Tensor.__array__):
            raise CannotReplay(f"{func.__name__} looks at values")
        return func(*args, **(kwargs or {}))


def _picks_by_number(func: Any, args: Any) -> bool:
    """Whether entries are picked by their numbers, and not by a mask, whose contents decide how many there are."""
    if func is not torch.ops.aten.index.Tensor:
        return False
    return all(index.dtype not in (torch.bool, torch.uint8) for index in _tensors(args[1]))


UNREPEATABLE = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape, torch.Tag.nondeterministic_seeded}


def _is_memory_alone(func: Any, result: Any, args: Any) -> bool:
    """Whether nothing was computed: the result is fresh memory, or that of an argument seen otherwise."""
    if func.overloadpacket.__name__ in ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided"):
        return True
    given = {tensor.untyped_storage().data_ptr() for tensor in _tensors(args)}
    return all(tensor.untyped_storage().data_ptr() in given for tensor in _tensors(result))


def _into(func: Any, args: Any, kwargs: Any, result: Any) -> Callable[[], object]:
    """The operation with its results where the first ones are: by torch's own variant for that, where there is one."""
    places = _tensors(result)
    if (found := _variant(func, len(places))) is not None:
        variant, names = found
        return partial(variant, *args, **kwargs, **dict(zip(names, places, strict=True)))

    def again() -> None:
        for place, value in zip(places, _tensors(func(*args, **kwargs)), strict=True):
            place.copy_(value)

    return again


@functools.cache
def _variant(func: Any, results: int) -> tuple[Any, list[str]] | None:
    """The overload that takes what `func` takes and the places of so many results, and the names of these."""
    taken = _takes(func)
    if any(str(result.type) != "Tensor" for result in func._schema.returns):  # a list of results
        return None
    for name in func.overloadpacket.overloads():
        variant = getattr(func.overloadpacket, name)
        places = [argument.name for argument in variant._schema.arguments[len(taken) :] if argument.is_out]
        if len(places) == results == len(func._schema.returns) and _takes(variant)[:-results] == taken:
            return variant, places
    return None


def _takes(func: Any) -> list[tuple[str, str]]:
    return [(argument.name, str(argument.type)) for argument in func._schema.arguments]


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
