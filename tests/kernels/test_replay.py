"""A function recorded once runs again on what its tensors hold now."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
import torch.nn.functional as F

from seqlab.kernels.dropout import dropout
from seqlab.kernels.dropout.seeds import fresh_seed
from seqlab.kernels.replay import CannotReplay, Replay
from seqlab.kernels.rms_norm import rms_norm


def test_it_gives_what_the_function_would() -> None:
    x, weight = torch.randn(2, 6), torch.randn(6, 6)
    buffer = x.clone()

    def function() -> torch.Tensor:
        """Views, results without and with a variant for their place, several results, changes in place, and C++."""
        a, b = (buffer @ weight).chunk(2, dim=-1)
        largest, index = b.max(-1)
        y = torch.cat([a.tanh(), F.layer_norm(b, (3,)), largest[:, None]], dim=-1) + index[:, None]
        y.mul_(2)
        return rms_norm(F.dropout(y, 0.5, training=False), None)

    replay = Replay(function)
    assert replay.result.equal(function())
    for _ in range(2):
        buffer.copy_(torch.randn(2, 6))
        replay()
        assert replay.result.equal(function())


def test_short_ways_give_what_torch_would() -> None:
    table, rows = torch.randn(7, 6).to(torch.bfloat16), torch.tensor([5, 0])
    count = torch.zeros(1, dtype=torch.int64)

    def function() -> torch.Tensor:
        """A row of an embedding, a sum, a conversion, also of what does not lie in one piece, and a count."""
        x = F.embedding(rows, table)
        count.add_(1)
        return (x + x).float() + x.T.float().T

    with torch.inference_mode():
        replay = Replay(function)
        rows.copy_(torch.tensor([3, 6]))
        replay()
        assert count == 2
        assert replay.result.equal(function())


def test_what_walks_backwards_is_noted_too() -> None:
    x, weight = torch.randn(3, 5, 6), torch.randn(6, 6, requires_grad=True)
    places = torch.tensor([2, 0])

    def function() -> tuple[torch.Tensor, torch.Tensor]:
        """Several results at once, entries by their numbers, dtypes to and fro, and a gradient in C++."""
        y = rms_norm(F.gelu(x[places] @ weight).to(torch.bfloat16), None).float()
        loss = F.cross_entropy(y.flatten(0, 1), torch.arange(10) % 6, reduction="sum")
        return loss.detach(), torch.autograd.grad(loss, weight)[0]

    replay = Replay(function, with_gradients=True)
    for _ in range(2):
        x.copy_(torch.randn(3, 5, 6))
        places.copy_(torch.tensor([1, 2]))
        replay()
        for found, wanted in zip(replay.result, function(), strict=True):
            assert found.equal(wanted)


def test_dropout_draws_again() -> None:
    x = torch.randn(4, 6, requires_grad=True)

    def function() -> tuple[torch.Tensor, torch.Tensor]:
        y = dropout(x, 0.5, fresh_seed())
        return y.detach(), torch.autograd.grad(y.sum(), x)[0]

    function()  # looks up, once, by what to divide
    torch.manual_seed(0)
    replay = Replay(function, with_gradients=True)
    replay()
    torch.manual_seed(0)
    first, second = function(), function()
    assert not first[0].equal(second[0])
    for found, wanted in zip(replay.result, second, strict=True):
        assert found.equal(wanted)


def test_each_thread_records_its_own() -> None:
    x, beside = torch.randn(2, 6), torch.randn(2, 6)
    within = []

    def function() -> torch.Tensor:
        with ThreadPoolExecutor() as pool:
            within.append(pool.submit(Replay, lambda: rms_norm(beside, None)).result())
        return rms_norm(x, None)

    replay = Replay(function)
    assert len(replay) == len(within[0])
    assert within[0].result.equal(rms_norm(beside, None))


def test_a_change_in_place_goes_on() -> None:
    count = torch.zeros(1)
    replay = Replay(lambda: count.add_(1))
    replay()
    assert count == 2


@pytest.mark.parametrize(
    "function",
    [
        lambda: torch.ones(2) * int(torch.ones(1)),
        lambda: torch.ones(2).nonzero(),
        lambda: torch.ones(2)[torch.ones(2) > 0],
        lambda: F.dropout(torch.ones(2), 0.5, training=True),
        lambda: torch.multinomial(torch.ones(2), 1),
    ],
)
def test_what_depends_on_values_is_refused(function: object) -> None:
    with pytest.raises(CannotReplay, match="looks at values or draws at random"):
        Replay(function)  # type: ignore[arg-type]
    assert Replay(lambda: torch.ones(1) + 1).result == 2, "the next one is recorded"
