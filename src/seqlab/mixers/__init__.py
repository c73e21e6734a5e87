"""Sequence mixers: what mixes along the sequence, one a file, all under the contract written here."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from seqlab.nn.gate import Gate
from seqlab.nn.narrow import plain
from seqlab.nn.rows import fresh_position
from seqlab.spec import Part

__all__ = ["Mixer", "SequenceMixer", "State", "fresh_position"]

State = dict[str, Tensor]
"""A mixer's memory: a flat dict of tensors, batch first, with `position` (B,) int64, the symbols seen by each row.

Rows can be selected, concatenated, saved and served together. `step` may work in place and returns the state.
"""


class Mixer(Part, kind="mixers"):
    """A sequence mixer's spec."""

    source: ClassVar[str] = ""
    """Where the formula was published: authors or a short name, and the arXiv number."""
    complexity: ClassVar[str] = ""
    """Operations of a forward pass over L positions, up to a factor, such as `L log L`."""

    @abstractmethod
    def build(self, *, dim: int, length: int) -> SequenceMixer:
        """A module for D = dim features and inputs of up to `length` positions (what a longer input does, the
        mixer's docstring states)."""


class SequenceMixer(nn.Module):
    """The module of a sequence mixer.

    x and y are (B, L, D), B and L at least 1. `lengths` (B,) gives the true lengths of right-padded rows, and padding
    never changes a real position. `starts` (B, L) bool tells where a document begins inside its row: nothing before
    it is seen from there on, so left padding is a start at the first real position (seqlab.nn.rows). Parameters are
    real, so `.double()` means double. Accumulators are float32 or the input's dtype, whichever is wider; the output
    has the input's dtype. What does not fit raises ValueError in one sentence.
    """

    causal: bool
    max_length: int | None
    """The longest input; None where there is no limit. A longer input raises ValueError in one sentence."""
    reach: int | None = None
    """How many positions one output sees at most, its own included, where the mixer limits that by design."""
    resets: bool = False
    """Whether `starts` may be given."""
    holds_input: bool = False
    """Whether the formula itself adds each input to its output as it is; otherwise audits take that for a residual
    connection in the wrong place."""
    _signature: tuple[tuple[torch.dtype, torch.device], dict[str, tuple[torch.Size, torch.dtype]]] | None = None

    def forward(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        raise self._missing("forward")

    def prefill(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> tuple[Tensor, State]:
        """`forward`, and the state after each row's last real position."""
        raise self._missing("prefill")

    def init_state(self, batch: int) -> State:
        """The state before the first position, in the dtype and on the device of the parameters."""
        raise self._missing("init_state")

    def step(self, x_t: Tensor, state: State) -> tuple[Tensor, State]:
        """One position: (B, D) and the state -> (B, D) and the new state."""
        raise self._missing("step")

    def extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The positions that follow those of a state: (B, L, D) -> (B, L, D), and the state after them. As many steps,
        unless the mixer has a faster way."""
        outputs = []
        for x_t in x.unbind(1):
            y_t, state = self.step(x_t, state)
            outputs.append(y_t)
        return torch.stack(outputs, dim=1), state

    def state_bytes(self, batch: int, length: int) -> int:
        """The bytes of the state after `length` positions."""
        raise self._missing("state_bytes")

    def flops(self, length: int) -> float:
        """Floating-point operations of one row's forward pass of that length; a multiply-add counts as 2."""
        raise self._missing("flops")

    def param_groups(self) -> list[dict[str, Any]]:
        """Parameters with settings of their own: dicts of `params` and `lr` and/or `weight_decay`."""
        return []

    def attention_weights(self, x: Tensor) -> Tensor | None:
        """For who looks inside: the weights (B, H, L, M) with which position l sees position m of x (B, L, D), each row
        summing to 1; where M is larger than L, what is before the first position comes first. None where there are
        none."""
        return None

    def kept(self, x: Tensor) -> dict[str, Tensor]:
        """For who looks inside: what each memory keeps from one position to the next while x (B, L, D) is read, the
        modulus of a decay or a forget gate, of any shape, by a name ("" for the only one); {} where there is none."""
        return {}

    def gating(self, x: Tensor) -> dict[str, Gate]:
        """For who looks inside: what features are multiplied by while x (B, L, D) is read, by a name ("" for the only
        one), but for what `kept` tells; {} where there is no gate."""
        return {}

    def reset_parameters(self) -> None:
        """Draw the parameters anew by the law that the spec states (torch's global generator)."""
        raise self._missing("reset_parameters")

    def _missing(self, method: str) -> NotImplementedError:
        return NotImplementedError(f"{type(self).__name__} has no `{method}`, which every mixer must have.")

    def check(self, x: Tensor, lengths: Tensor | None = None, starts: Tensor | None = None) -> None:
        """Raise ValueError where forward and prefill cannot take these; values are not looked at while compiling."""
        name = type(self).__name__
        if x.ndim != 3 or 0 in x.shape:
            raise ValueError(f"{name} takes (B, L, D) with at least one row and one position, got {tuple(x.shape)}.")
        self._check_dtype(x)
        if self.max_length is not None and x.shape[1] > self.max_length:
            raise ValueError(
                f"{name} was built for {self.max_length} positions and was given {x.shape[1]}; "
                "build it with a larger length, or feed it in pieces with prefill and step."
            )
        if lengths is not None:
            _check_lengths(name, lengths, x)
        if starts is not None:
            self._check_starts(starts, x)

    def _check_starts(self, starts: Tensor, x: Tensor) -> None:
        name = type(self).__name__
        if not self.resets:
            raise ValueError(f"{name} cannot begin a new document inside a row; give each document a row of its own.")
        if starts.shape != x.shape[:2] or starts.dtype != torch.bool:
            raise ValueError(
                f"{name} takes starts as booleans of shape {tuple(x.shape[:2])}, one for each position, "
                f"got {starts.dtype} of shape {tuple(starts.shape)}."
            )

    def _check_dtype(self, x: Tensor) -> None:
        own = _compute_dtype(self)
        if x.dtype != own:
            raise ValueError(
                f"{type(self).__name__} computes in {plain(own)} and was given {plain(x.dtype)}; convert either."
            )

    def require_causal(self) -> None:
        """Raise ValueError where there can be no state, for outputs see later inputs."""
        if not self.causal:
            raise ValueError(f"{type(self).__name__} is not causal: it sees the future and cannot run step by step.")

    def check_state(self, x_t: Tensor, state: State) -> None:
        """Raise ValueError where `step` cannot take x_t with this state, or one position more; the entries are not
        looked at while compiling."""
        self.require_causal()
        if not torch.compiler.is_compiling():
            self._check_entries(x_t, state)
        if self.max_length is not None and int(state["position"].max()) >= self.max_length:
            raise ValueError(
                f"{type(self).__name__} was built for {self.max_length} positions and cannot step beyond them."
            )

    def _check_entries(self, x_t: Tensor, state: State) -> None:
        name = type(self).__name__
        if x_t.ndim != 2 or len(x_t) == 0:
            raise ValueError(f"{name} steps with (B, D), at least one row, got {tuple(x_t.shape)}.")
        self._check_dtype(x_t)
        expected = self._state_signature(x_t)
        if state.keys() != expected.keys():
            raise ValueError(
                f"{name} keeps a state of {', '.join(sorted(expected))} and was given one of "
                f"{', '.join(sorted(state)) or 'nothing'}: it belongs to another mixer."
            )
        for entry, (shape, dtype) in expected.items():
            held = state[entry]
            if held.shape[1:] != shape or held.dtype != dtype:
                raise ValueError(
                    f"{name} keeps `{entry}` as {plain(dtype)} of shape {('B', *shape)} and was given "
                    f"{plain(held.dtype)} of shape {tuple(held.shape)}: it belongs to another mixer or dtype."
                )
            if len(held) != len(x_t):
                raise ValueError(
                    f"{name} was given {len(x_t)} rows and `{entry}` of {len(held)} rows; select the rows."
                )

    def _state_signature(self, x_t: Tensor) -> dict[str, tuple[torch.Size, torch.dtype]]:
        key = (x_t.dtype, x_t.device)
        if self._signature is None or self._signature[0] != key:
            fresh = self.init_state(1)
            self._signature = key, {entry: (tensor.shape[1:], tensor.dtype) for entry, tensor in fresh.items()}
        return self._signature[1]


def _check_lengths(name: str, lengths: Tensor, x: Tensor) -> None:
    if lengths.shape != x.shape[:1] or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ValueError(
            f"{name} takes lengths as whole numbers of shape ({len(x)},), one for each row, "
            f"got {plain(lengths.dtype)} of shape {tuple(lengths.shape)}."
        )
    if torch.compiler.is_compiling():
        return
    least, most = int(lengths.min()), int(lengths.max())
    if least < 1:
        raise ValueError(f"{name} was given a row of length {least}; every row needs at least one real position.")
    if most > x.shape[1]:
        raise ValueError(f"{name} was given a row of length {most} in an input of {x.shape[1]} positions.")


def _compute_dtype(module: nn.Module) -> torch.dtype:
    """The dtype of the parameters, those aside that stay in float32 when the model computes in a narrower one."""
    found = next(_narrowed(module), None)
    if found is None:
        raise ValueError(f"{type(module).__name__} has no parameter that computes in the model's dtype.")
    return found.dtype


def _narrowed(module: nn.Module) -> Iterator[nn.Parameter]:
    yield from module.parameters(recurse=False)
    for child in module.children():
        if not getattr(child, "keeps_float32", False):
            yield from _narrowed(child)
