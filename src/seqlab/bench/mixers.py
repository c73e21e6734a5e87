"""Every mixer beside causal attention, forward and backward; then duels of the fast ways with the plain ones."""

from __future__ import annotations

from seqlab.bench import Options, Row, duels
from seqlab.bench.shared.beside import PEER, Pass, Place, beside_attention
from seqlab.bench.shared.machine import dtypes
from seqlab.spec import SpecError, did_you_mean, names

__all__ = ["measure"]

DIM, QUICK_DIM = 256, 16
LENGTHS, QUICK_LENGTH = (1024, 4096), 32
PASSES: tuple[Pass, ...] = ("forward", "forward+backward")


def measure(options: Options) -> list[Row]:
    """One row (batch 1) through every mixer with its default spec, built for that very length; the gradient reaches
    the input and every parameter, as in the middle of a model. `% of GEMM`: the operations that the mixer counts,
    three times those of the forward pass where the backward pass is included, over the rate of the best product.
    What fails is a row that says why, and the others go on."""
    mixers, fought = _chosen(options.only)
    rows: list[Row] = []
    dim = QUICK_DIM if options.quick else DIM
    for length in ((QUICK_LENGTH,) if options.quick else options.lengths or LENGTHS) if mixers else ():
        for precision in dtypes():
            for kind in PASSES:
                place = Place(dim=dim, length=length, precision=precision, kind=kind)
                rows += beside_attention(mixers, place, options.quick)
    return rows + [row for duel in fought for row in duels.fight(duel, options)]


def _chosen(only: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The mixers, the peer among them where there is any, and the duels."""
    mixers, fought = names("mixers"), duels.names()
    for name in only:
        if name not in mixers + fought:
            raise SpecError(f"`{name}` is neither a mixer nor a duel; {did_you_mean(name, sorted({*mixers, *fought}))}")
    wanted = [name for name in mixers if name in only or not only]
    return sorted({*wanted, PEER}) if wanted else [], [name for name in fought if name in only or not only]
