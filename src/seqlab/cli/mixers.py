"""`seqlab mixers`: what can stand in mixer=... of a recipe, what it can do and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seqlab.cli import options, render

if TYPE_CHECKING:
    from seqlab.mixers import Mixer

HEAD = ("mixer", "parameters", "state", "FLOPs", "grows with", "causal", "documents", "longest", "source")
FACTS = ("parameters", "state_bytes", "flops", "causal", "resets", "reach", "max_length")
"""What only the module knows."""


@click.command()
@click.argument("name", required=False)
@click.option("--dim", type=click.IntRange(min=1), default=256, show_default=True, help="Features D.")
@click.option("--length", type=click.IntRange(min=1), default=1024, show_default=True, help="Positions L.")
@options.as_json
def command(name: str | None, dim: int, length: int, as_json: bool) -> None:
    """List the sequence mixers; with a NAME, describe one.

    Each is built with its default spec for D features and L positions. state: its bytes for one row after L positions.
    FLOPs: operations of one row's forward pass, a multiply-add counted as 2. documents: whether they may begin inside
    a row. longest: inputs longer than that are refused.
    """
    from seqlab.cli.parts import described, print_one
    from seqlab.spec import find, members

    chosen = members("mixers") if name is None else {name: find("mixers", name)}
    built = {one: _measured(cls, dim, length) for one, cls in chosen.items()}  # type: ignore[arg-type]
    if as_json:
        render.json_out([described(one, cls) | built[one] for one, cls in chosen.items()])
    elif name is not None:
        print_one(name, chosen[name])
        render.heading(f"with its defaults at D = {dim}, L = {length}")
        render.pairs(zip(HEAD[1:], _cells(built[name]), strict=True))
        _print_faults(built)
    else:
        fitting = {one: facts for one, facts in built.items() if facts["error"] is None}
        render.table(
            HEAD, [[one, *_cells(facts)] for one, facts in fitting.items()], left=("mixer", "grows with", "source")
        )
        _print_faults(built)


def _measured(cls: type[Mixer], dim: int, length: int) -> dict[str, Any]:
    """The facts of a mixer at a width and a length; those of its module are None where it cannot be built so."""
    facts: dict[str, Any] = {"dim": dim, "length": length, "source": cls.source, "complexity": cls.complexity}
    try:
        module = cls().build(dim=dim, length=length)
        return facts | {
            "parameters": sum(parameter.numel() for parameter in module.parameters()),
            "state_bytes": module.state_bytes(1, length) if module.causal else None,
            "flops": module.flops(length),
            "causal": module.causal,
            "resets": module.resets,
            "reach": module.reach,
            "max_length": module.max_length,
            "error": None,
        }
    except (ValueError, NotImplementedError) as error:
        return facts | dict.fromkeys(FACTS) | {"error": str(error)}


def _cells(facts: dict[str, Any]) -> list[str]:
    """Those of the table, behind the name."""
    built = facts["error"] is None
    return [
        render.count(facts["parameters"]),
        render.size(facts["state_bytes"]),
        render.count(facts["flops"]),
        facts["complexity"],
        *([_yes(facts["causal"]), _yes(facts["resets"]), _limit(facts["max_length"])] if built else [""] * 3),
        facts["source"],
    ]


def _yes(told: bool) -> str:
    return "yes" if told else "no"


def _limit(positions: int | None) -> str:
    return "any" if positions is None else f"{positions:,}"


def _print_faults(built: dict[str, dict[str, Any]]) -> None:
    for name, facts in built.items():
        if facts["error"] is not None:
            click.secho(render.indented(f"! {name}: {facts['error']}"), fg="yellow")
