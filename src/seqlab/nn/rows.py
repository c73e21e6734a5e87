"""Where the rows of a batch end and where documents begin in them: right padding, left padding, packed rows.

`lengths` (B,) counts the real positions of right-padded rows. `starts` (B, L) is true where a document begins: a
mixer that resets forgets there what came before. A row of one document needs no start at its first position.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = [
    "at_the_end",
    "document_begins",
    "each_document",
    "fresh_position",
    "is_padding",
    "last_document",
    "last_position",
    "latest",
    "lengths_of",
    "mean_of_real",
    "positions_in_document",
    "positions_seen",
    "starts_after_padding",
    "without_padding",
]


def fresh_position(batch: int, device: torch.device) -> Tensor:
    """The `position` entry of a new state: (B,) zeros."""
    return torch.zeros(batch, dtype=torch.int64, device=device)


def starts_after_padding(padding: Tensor, length: int) -> Tensor:
    """The starts (B, L) of left-padded rows, whose first `padding` (B,) positions mean nothing."""
    return torch.arange(length, device=padding.device) == padding[:, None]


def document_begins(starts: Tensor) -> Tensor:
    """(B, L) -> (B, L) int64: where the document of each position begins."""
    time = torch.arange(starts.shape[1], device=starts.device)
    return torch.where(starts, time, 0).cummax(1).values


def each_document(f: Callable[[Tensor], Tensor], x: Tensor, starts: Tensor | None) -> Tensor:
    """f, causal and from (N, T, D) to (N, T, E), of every document as a row of its own: (B, L, D) -> (B, L, E).

    Documents are padded with zeros to the next power of two, and those of one size go through f together: no more
    than twice the positions, however the documents are cut, and nothing of one can reach another.
    """
    if starts is None:
        return f(x)
    begins = starts.index_fill(1, torch.zeros(1, dtype=torch.int64, device=x.device), True).flatten().nonzero()[:, 0]
    sizes = torch.diff(begins, append=begins.new_tensor([starts.numel()]))
    flat, places, outputs = x.flatten(0, 1), [], []
    powers = [1 << (size - 1).bit_length() for size in sizes.tolist()]
    for power in sorted(set(powers)):
        chosen = torch.tensor([p == power for p in powers], device=x.device)
        time = torch.arange(power, device=x.device)
        place, real = begins[chosen, None] + time, time < sizes[chosen, None]
        rows = flat[place.clamp(max=len(flat) - 1)].masked_fill(~real[..., None], 0)
        places.append(place[real])
        outputs.append(f(rows)[real])
    in_order = torch.cat(outputs)[torch.cat(places).argsort()]
    return in_order.view(*starts.shape, -1)


def positions_in_document(x: Tensor, starts: Tensor | None) -> Tensor:
    """(1 or B, L) int64: how many positions of its own document come before each position."""
    time = torch.arange(x.shape[1], device=x.device)[None]
    return time if starts is None else time - document_begins(starts)


def last_position(x: Tensor, lengths: Tensor | None) -> Tensor:
    """(B,) int64: the index of each row's last real position."""
    return torch.full((len(x),), x.shape[1], device=x.device) - 1 if lengths is None else lengths.long() - 1


def positions_seen(x: Tensor, lengths: Tensor | None, starts: Tensor | None = None) -> Tensor:
    """The `position` entry (B,) of a state after x: the real positions of each row's last document."""
    last = last_position(x, lengths)
    if starts is None:
        return last + 1
    return last + 1 - document_begins(starts).gather(1, last[:, None])[:, 0]


def last_document(u: Tensor, last: Tensor, seen: Tensor) -> Tensor:
    """u (B, L, C) moved so that the `seen` (B,) positions up to `last` (B,) come first; what follows is arbitrary."""
    source = (last + 1 - seen)[:, None] + torch.arange(u.shape[1], device=u.device)
    return u.gather(1, source.clamp(max=u.shape[1] - 1)[..., None].expand(-1, -1, u.shape[2]))


def latest(u: Tensor, last: Tensor, seen: Tensor, count: int) -> Tensor:
    """The `count` positions of u (B, L, C) up to `last` (B,), the newest last, with zeros in the place of those that
    are not among the last `seen` (B,): (B, count, C)."""
    age = torch.arange(count - 1, -1, -1, device=u.device)
    source = (last[:, None] - age).clamp(min=0)[..., None]
    return u.gather(1, source.expand(-1, -1, u.shape[2])).masked_fill((age >= seen[:, None])[..., None], 0)


def at_the_end(x: Tensor, lengths: Tensor | None) -> Tensor:
    """(B, L, ...) -> (B, ...): x at each row's last real position."""
    return x[torch.arange(len(x), device=x.device), last_position(x, lengths)]


def lengths_of(tokens: Tensor, padding: int) -> Tensor:
    """(B, L) -> (B,) int64: the real positions of rows that one symbol fills up; 1 for a row of that alone."""
    places = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
    return ((tokens != padding) * places).amax(1).clamp(min=1)


def mean_of_real(x: Tensor, lengths: Tensor | None) -> Tensor:
    """(B, L, D) -> (B, D): the mean over each row's real positions, summed in float32 or wider."""
    if lengths is None:
        return x.mean(1)
    total = without_padding(x, lengths).sum(1, dtype=torch.promote_types(x.dtype, torch.float32))
    return (total / lengths[:, None]).to(x.dtype)


def is_padding(x: Tensor, lengths: Tensor) -> Tensor:
    """(B, L, 1, ...), as many axes as x (B, L, ...) has: where right padding stands."""
    padded = torch.arange(x.shape[1], device=x.device) >= lengths[:, None]
    return padded.view(*padded.shape, *[1] * (x.ndim - 2))


def without_padding(x: Tensor, lengths: Tensor | None) -> Tensor:
    """x (B, L, ...) with zeros in the place of right padding; x itself where there is none."""
    return x if lengths is None else x.masked_fill(is_padding(x, lengths), 0)
