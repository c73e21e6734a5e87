"""Simulated sweeps whose best cell is known: what selection promises, measured beside "take the maximum"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqlab.sweeps.select.choice import Choice, choose
from seqlab.sweeps.select.groups import Group

__all__ = ["KINDS", "Report", "Simulated", "simulate", "simulated"]

Generator = np.random.Generator
Cells = NDArray[np.float64]
"""(rates, widths): a number for each cell."""
RATES = tuple(10.0**power for power in (-5, -4, -3, -2, -1))
WIDTHS = (32, 64, 128, 256)
SHARED = 1.0
"""Standard deviation of what the cells of one seed have in common."""


class Truth(NamedTuple):
    """What a simulated sweep is drawn from."""

    means: Cells
    noise: Cells
    """Standard deviations."""
    edges: Sequence[tuple[str, str]] = ()
    """(knob, edge) where the true optimum lies beyond the grid."""
    step: float = 0.0
    """What measured values are rounded to; 0: to nothing."""


@dataclass(frozen=True)
class Simulated:
    """A sweep of a learning rate and a width, higher is better, with what is true of it."""

    kind: str
    groups: list[Group]
    best: frozenset[str]
    """The cells with the highest true mean."""
    edges: frozenset[tuple[str, str]]
    """As planted."""


@dataclass(frozen=True)
class Report:
    """What selection came to over many simulated sweeps; shares of the sweeps that are concerned."""

    kind: str
    sweeps: int
    coverage: float
    """How often the tie set holds a cell drawn from the truly best ones."""
    ties: float
    """Cells in the tie set, on average."""
    false_winner: float
    """How often a cell is called the only best one and is not."""
    false_winner_of_the_maximum: float
    """The same for the cell of the highest mean, which that practice calls the best whatever the noise."""
    planted_edges_found: float | None
    """How often an alarm stands at an edge beyond which the optimum lies; None where none does."""

    def __str__(self) -> str:
        edges = self.planted_edges_found
        told = [
            f"{self.kind}: the tie set ({self.ties:.1f} of 20) holds the best in {self.coverage:.1%}",
            f"a false winner in {self.false_winner:.1%}, by the maximum in {self.false_winner_of_the_maximum:.1%}",
            *([] if edges is None else [f"planted edges found in {edges:.1%}"]),
        ]
        return "; ".join(told)


def simulate(kind: str, count: int = 200, seed: int = 0) -> Report:
    """Draw so many sweeps of a kind and select from each."""
    generator = np.random.default_rng([seed, list(KINDS).index(kind)])
    drawn = [simulated(kind, generator) for _ in range(count)]
    found = [(one, _chosen(one)) for one in drawn]
    covered = [choice.is_tied(_one_of(one, generator)) for one, choice in found]
    lone = [len(choice.ties) == 1 and choice.winner.cell not in one.best for one, choice in found]
    maximum = [choice.winner.cell not in one.best for one, choice in found]
    edges = [
        (knob, edge) in {(alarm.knob, alarm.edge) for alarm in choice.boundary}
        for one, choice in found
        for knob, edge in one.edges
    ]
    return Report(
        kind=kind,
        sweeps=count,
        coverage=float(np.mean(covered)),
        ties=float(np.mean([len(choice.ties) for _, choice in found])),
        false_winner=float(np.mean(lone)),
        false_winner_of_the_maximum=float(np.mean(maximum)),
        planted_edges_found=float(np.mean(edges)) if edges else None,
    )


def _chosen(one: Simulated) -> Choice:
    chosen = choose(one.groups, higher_is_better=True)
    assert chosen is not None  # simulated runs never fail
    return chosen


def _one_of(one: Simulated, generator: Generator) -> Group:
    best = [group for group in one.groups if group.cell in one.best]
    return best[int(generator.integers(len(best)))]


def simulated(kind: str, generator: Generator) -> Simulated:
    """One sweep of a kind, of 3 to 5 seeds."""
    means, noise, edges, step = KINDS[kind](generator)
    seeds = int(generator.integers(3, 6))
    shared = SHARED * generator.standard_normal(seeds)
    values = means[..., None] + shared + noise[..., None] * generator.standard_normal((*means.shape, seeds))
    values = np.round(values / step) * step if step else values
    groups = [
        Group(f"{i}-{j}", {"lr": rate, "width": width}, dict(enumerate(values[i, j].tolist())))
        for i, rate in enumerate(RATES)
        for j, width in enumerate(WIDTHS)
    ]
    best = {f"{i}-{j}" for i, j in np.argwhere(means == means.max()).tolist()}
    return Simulated(kind, groups, frozenset(best), frozenset(edges))


def _bowl(rate: float, width: float, curvature: float) -> Cells:
    """True means that fall off as the square of the distance from an optimum, in grid steps."""
    i, j = np.meshgrid(np.arange(len(RATES)), np.arange(len(WIDTHS)), indexing="ij")
    return -curvature * ((i - rate) ** 2 + (j - width) ** 2)


def _known_best(generator: Generator) -> Truth:
    """An optimum inside the grid, the same noise everywhere."""
    rate, width = generator.uniform(0.6, len(RATES) - 1.6), generator.uniform(0.6, len(WIDTHS) - 1.6)
    means = _bowl(rate, width, curvature=generator.uniform(0.2, 2))
    return Truth(means, np.ones_like(means))


def _ties(generator: Generator) -> Truth:
    """Six cells that are equally good, and the others far or little below."""
    means = -generator.uniform(0.1, 4, size=(len(RATES), len(WIDTHS)))
    means.flat[generator.choice(means.size, size=6, replace=False)] = 0.0
    return Truth(means, np.ones_like(means))


def _no_difference(generator: Generator) -> Truth:
    """Nothing matters: the hardest for a tie set, since each cell can be beaten by any other."""
    means = np.zeros((len(RATES), len(WIDTHS)))
    return Truth(means, np.ones_like(means))


def _edge(generator: Generator) -> Truth:
    """The optimal rate lies beyond the highest that is tried."""
    means = _bowl(len(RATES) + generator.uniform(0, 2), generator.uniform(1, 2), curvature=generator.uniform(0.5, 2))
    return Truth(means, np.ones_like(means), edges=[("lr", "highest")])


def _unequal_noise(generator: Generator) -> Truth:
    """Each cell with a noise of its own, over a factor of a hundred, and differences of its size."""
    noise = np.exp(generator.uniform(np.log(0.1), np.log(10), size=(len(RATES), len(WIDTHS))))
    return Truth(0.3 * generator.standard_normal(noise.shape), noise)


def _noisy_best(generator: Generator) -> Truth:
    """The best cell is the noisiest by far, and little better: what a pooled variance gets wrong."""
    means = np.full((len(RATES), len(WIDTHS)), -0.01)
    noise = np.full_like(means, 0.2)
    best = int(generator.integers(means.size))
    means.flat[best], noise.flat[best] = 0.0, 2.0
    return Truth(means, noise)


def _coarse(generator: Generator) -> Truth:
    """Accuracies on so few examples that the noise is one of them: seeds often differ all alike."""
    means = np.zeros((len(RATES), len(WIDTHS)))
    return Truth(means, np.ones_like(means), step=1.0)


KINDS: dict[str, Callable[[Generator], Truth]] = {
    "known best": _known_best,
    "ties": _ties,
    "no difference": _no_difference,
    "edge": _edge,
    "unequal noise": _unequal_noise,
    "noisy best": _noisy_best,
    "coarse": _coarse,
}
"""How sweeps are drawn, by name; what each is like stands at the function."""


if __name__ == "__main__":
    for kind_of_sweep in KINDS:
        print(simulate(kind_of_sweep))
