"""Names of runs: two words and a number, easy to say, type and tell apart (quiet-harbor-12)."""

import os
import re
from collections.abc import Collection, Iterable, Sequence

from seqlab.journal.errors import JournalError

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
LISTED = 8
"""So many of the names that might have been meant fit into a sentence."""
_ADJECTIVES = (
    "amber ancient bold brave bright brisk calm candid clear clever cosmic crisp curious daring deep eager "
    "early even fair fleet fond frosty gentle glad golden grand green hardy hidden honest humble idle jolly "
    "keen kind late lively loyal lucid lucky mellow merry mild modest noble patient plain polar proud quick "
    "quiet rapid ready rosy round royal rustic serene sharp shy silent silver simple sleek slow small smooth "
    "snowy soft solid sonic spare stable steady still stout sunny swift tall tender tidy true vivid warm "
    "wary white wide wild wise witty young"
)
_NOUNS = (
    "acorn alder anchor arbor aspen badger bay beacon birch bluff breeze brook canyon cedar cliff cloud cove "
    "crane creek dale dawn delta dune eagle echo elm ember falcon fern field finch fjord forest fox garden "
    "glade grove gull harbor hawk hazel heath heron hill hollow island ivy jetty kestrel lagoon lake lantern "
    "lark leaf ledge lynx maple marsh meadow mesa mill moor moss oak ocean orchard otter owl peak pebble pine "
    "plain pond prairie quarry rain raven reed reef ridge river robin sage shore sparrow spring stone summit "
    "swan thicket tide trail valley vista wave willow"
)


def fresh(taken: Collection[str]) -> str:
    """A name that is not in `taken`. Draws from the system, so that no seeded generator is disturbed."""
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    while True:
        draw = int.from_bytes(os.urandom(8))
        draw, adjective = divmod(draw, len(adjectives))
        draw, noun = divmod(draw, len(nouns))
        name = f"{adjectives[adjective]}-{nouns[noun]}-{1 + draw % 99}"
        if name not in taken:
            return name


def check(name: str) -> None:
    """Raise JournalError unless `name` can be a folder on every system and a word on a command line."""
    if not _ALLOWED.fullmatch(name):
        raise JournalError(
            f"{name!r} cannot name a run; use up to 100 letters, digits, '-', '_' and '.', "
            "beginning with a letter or a digit"
        )


def at_step(text: str) -> tuple[str, int | None]:
    """The name and the step of `NAME@STEP`; no step for `NAME` and `NAME@latest`, which mean the newest checkpoint that
    can be used. Raises JournalError for a step that is none."""
    name, at, step = text.partition("@")
    if step == "latest" or not at:
        return name, None
    if not step.isdecimal():
        raise JournalError(f"{text}: after the @ stands a step, a whole number, or latest")
    return name, int(step)


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """Up to three of `known` that `word` may have meant, the likeliest first."""
    from difflib import get_close_matches  # costs a few milliseconds, and is needed for mistakes only

    return get_close_matches(word, list(known), n=3, cutoff=0.5)


def enumerated(words: Sequence[str]) -> str:
    """Words in a sentence: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def several(words: Sequence[str], most: int = LISTED) -> str:
    """The first of many: "a, b, c and 15 more"."""
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more} more" if more > 0 else "")


def listed(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is not known: "a, b and 7 more", of what is known the likeliest first."""
    from difflib import get_close_matches

    everything = list(known)
    shown = get_close_matches(word, everything, n=LISTED, cutoff=0.0)
    more = len(everything) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def perhaps(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about a word that is not known: "; did you mean a, b?", or nothing."""
    near = nearest(word, known)
    return f"; did you mean {' or '.join(near)}?" if near else ""
