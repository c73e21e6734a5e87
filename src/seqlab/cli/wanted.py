"""How a text is to be written and where it ends: options of `seqlab generate`, together as `wanted`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import torch

    from seqlab.cli.writer import Writer
    from seqlab.generation.telling import Endings
    from seqlab.generation.text import Order

__all__ = ["Wanted", "wanted_options"]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for, by the names of the options."""

    count: int
    temperature: float
    greedy: bool
    top_k: int | None
    top_p: float | None
    min_p: float | None
    repetition_penalty: float
    no_repeat_ngram: int | None
    seed: int | None
    until_end: bool | None
    stop: tuple[str, ...]
    stop_id: tuple[int, ...]
    stop_loops: bool
    log_probabilities: int | None

    def check(self, as_json: bool) -> None:
        """Raise UsageError for what does not go together, and ValueError for a value out of range."""
        from seqlab.generation.stopping import StopStrings
        from seqlab.generation.telling import Endings

        if self.log_probabilities is not None and not as_json:
            raise click.UsageError("--log-probabilities goes with --json.")
        self.order([], Endings())
        StopStrings(self.stop)
        self.draws()

    def draws(self) -> torch.Generator:
        """The stream of draws that the seed begins. Raises ValueError for a seed of more than 64 bits."""
        from seqlab.generation.text import generator_of

        return generator_of(self.seed or 0)

    def order(self, prompt: list[int], endings: Endings) -> Order:
        """For one prompt. Raises ValueError for a value out of range."""
        from seqlab.generation.penalties import Penalties
        from seqlab.generation.sampling import Sampling
        from seqlab.generation.text import Order

        return Order(
            tuple(prompt),
            self.count,
            Sampling(0.0 if self.greedy else self.temperature, self.top_k, self.top_p, self.min_p),
            Penalties(self.repetition_penalty, self.no_repeat_ngram),
            self.seed or 0,
            endings.ids,
            self.log_probabilities,
        )

    def endings(self, writer: Writer, *, by_default: bool) -> Endings:
        """What ends the texts of a model; by_default: whether its end of text does. Raises UsageError for strings where
        there is no text."""
        from seqlab.generation.telling import Endings

        if self.stop and writer.symbols is None:
            raise click.UsageError(
                f"{writer.title} has no tokenizer.json, so there is no text to --stop at: --stop-id."
            )
        until_end = by_default if self.until_end is None else self.until_end
        return Endings(writer.end if until_end else None, frozenset(self.stop_id), self.stop, self.stop_loops)

    def settings(self) -> dict[str, Any]:
        """All of them, for the record."""
        stops = [stop.encode(errors="surrogateescape").decode(errors="replace") for stop in self.stop]
        return asdict(self) | {"stop": stops}


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of sampling, penalties and endings; the command gets them as `wanted`."""

    @functools.wraps(command)
    def collected(**given: Any) -> Any:
        names = Wanted.__dataclass_fields__
        return command(wanted=Wanted(**{name: given.pop(name) for name in names}), **given)

    for option in reversed(OPTIONS):
        option(collected)
    return collected


OPTIONS = (
    click.option("--symbols", "--max-new", "count", metavar="N", type=click.IntRange(min=0), default=200,
                 show_default=True, help="How many symbols to write at most; 0 reads the prompt and no more."),
    click.option("--temperature", metavar="T", type=float, default=1.0, show_default=True,
                 help="0: always the likeliest."),
    click.option("--greedy", is_flag=True, help="Always the likeliest, as --temperature 0."),
    click.option("--top-k", metavar="K", type=int, help="Draw from the K likeliest only."),
    click.option("--top-p", metavar="P", type=float, help="Draw from the fewest that have the probability P together."),
    click.option("--min-p", metavar="P", type=float,
                 help="Draw from what is at least P times as likely as the likeliest."),
    click.option("--repetition-penalty", metavar="R", type=float, default=1.0, show_default=True,
                 help="Above 1: what the text holds already becomes less likely."),
    click.option("--no-repeat-ngram", metavar="N", type=int, help="No N symbols in a row come twice."),
    click.option("--seed", metavar="N", type=int, help="The same seed writes the same text  [default: 0]"),
    click.option("--until-end/--past-end", "until_end", default=None,
                 help="Whether to stop where the model ends its text  [default: with text, not with --ids]"),
    click.option("--stop", metavar="TEXT", multiple=True, help="Stop before this text."),
    click.option("--stop-id", metavar="N", type=int, multiple=True, help="Stop before this symbol."),
    click.option("--stop-loops", is_flag=True, help="Stop where the text goes round in circles, and not only say so."),
    click.option("--log-probabilities", metavar="N", type=click.IntRange(min=0),
                 help="With --json: the log-probability of each symbol, and the N likeliest ones."),
)  # fmt: skip
