"""Is each random number used once? One key for a whole epoch gave shrink-and-perturb the same noise at every step."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqlab.audits import Audit, Finding, Stage, failed, passed
from seqlab.audits.shared.draws import Drawing, Drawn, drawn_twice, looks_random, twins
from seqlab.audits.shared.subject import Subject
from seqlab.audits.shared.trainees import is_same, rows_for, trainee
from seqlab.data.streams import stream_seed
from seqlab.methods import Draws, Method
from seqlab.spec import Field
from seqlab.train.interventions import distinct_names
from seqlab.train.training import Training, fresh_weights, seed_generators

__all__ = ["RandomStreams"]

Told = str | None
"""What is drawn twice, as a sentence; None where nothing is."""


class RandomStreams(Audit):
    """Weights, batches, dropout and methods draw anew each time, and the seed decides all of it."""

    rows: int = Field(default=8, ge=6)
    """Different rows in a row that must come in another order for it to be told from chance (8: 1 in 40,320)."""

    stages: ClassVar[tuple[Stage, ...]] = ("before",)
    depends_on: ClassVar[tuple[str, ...]] = ("model", "task", "methods", "batch", "seed")
    is_of_structure: ClassVar[bool] = True

    def examine(self, subject: Subject) -> Finding:
        t = trainee(subject)
        for look in (_initial, self._order, _dropout, _methods):
            told = look(subject, t)
            if told is not None:
                return failed(told, repeated=1, limit=0)
        drawn = "weights, dropout and methods" if t.task.by_heart else "weights, batches, dropout and methods"
        return passed(f"{drawn} each draw anew, and the seed decides them", repeated=0)

    def _order(self, subject: Subject, t: Training) -> Told:
        task, seed = t.task, t.experiment.seed
        if task.by_heart:
            return None  # its rows may come in turns: there is no other row that a shuffle would serve
        if _is_one_batch(t):
            return "every step sees the same batch: the step does not enter the key of the order."
        first = self._rows(t, seed, 0)
        if len(set(first)) < self.rows:
            return None  # rows that are alike, or an order of too few, tell nothing
        whole = task.batch(seed, 0, 1).epoch
        epoch = round(1 / whole) if whole > 0 else 0
        if task.stages == 1 and epoch > self.rows and self._rows(t, seed, epoch) == first:
            return (
                "every epoch takes the rows in the same order: the epoch does not enter the key of the order, or they "
                "are not shuffled."
            )
        if self._rows(t, seed + 1, 0) == first:
            return "two seeds give the same order of rows: the seed does not enter the key of the order."
        if self._rows(t, seed + 1, 0) == self._rows(t, seed, 1):
            return (
                f"seed {seed + 1} gives the rows of seed {seed}, a step later: seed and step are added to make the key "
                "of the order, so seeds are not repeats; use both as they are, as in `default_rng([seed, step])`."
            )
        return None

    def _rows(self, t: Training, seed: int, first: int) -> list[bytes]:
        """The contents of some rows in the order in which training sees them."""
        batches = [t.task.batch(seed, step, 1) for step in range(first, first + self.rows)]
        return [b"".join(x.contiguous().numpy().tobytes() for x in batch.tensors.values()) for batch in batches]


def _is_one_batch(t: Training) -> bool:
    """Whether the first steps see the very same rows, though there are others."""
    batches = [t.task.batch(t.experiment.seed, step, t.experiment.batch.size) for step in range(3)]
    if batches[0].epoch >= 1 or batches[0].epoch <= 0:
        return False
    same = all(torch.equal(x, b.tensors[name]) for b in batches[1:] for name, x in batches[0].tensors.items())
    rows = next(iter(batches[0].tensors.values()))
    return same and len(rows) > 1 and any(not torch.equal(rows[0], row) for row in rows[1:])


def _initial(subject: Subject, t: Training) -> Told:
    """Two tensors drawn with one key; a seed that does not decide the weights; weights that no seed decides."""
    if subject.experiment.start_from is not None:
        return None
    first, after_first = _built(t, 0)
    again, _ = _built(t, 0)
    other, after_other = _built(t, 1)
    if not is_same(first, again):
        name = next(name for name in first if not torch.equal(first[name], again[name]))
        return f"one seed gives two initialisations (`{name}` differs): it is drawn from a generator that no seed sets."
    drawn = {n: value for n, value in first.items() if looks_random(value) or not torch.equal(value, other[n])}
    if pair := twins(drawn):
        return (
            f"`{pair[0]}` and `{pair[1]}` begin with the same random numbers: one is a copy of the other "
            "(copy.deepcopy, as torch's nn.TransformerEncoder makes its layers), or one key, or one seed that is set "
            "while the model is built, is used for both."
        )
    fixed = [name for name in drawn if torch.equal(first[name], other[name])]
    if fixed or (drawn and torch.equal(after_first, after_other)):
        name = fixed[0] if fixed else next(iter(drawn))
        return f"two seeds give the same `{name}`: a seed is set while the model is built, so seeds are not repeats."
    return None


def _built(t: Training, index: int) -> tuple[dict[str, Tensor], Tensor]:
    """The trainable weights of a build of its own, those aside that are meant as a copy of another, and what the global
    generator gives next."""
    with torch.random.fork_rng(devices=[]):
        seed_generators(t.experiment.seed, "audits/init", index)
        model = t.experiment.model.build(t.task.signature)
        after = torch.rand(8)
    drawn = {name: p for name, p in model.named_parameters() if not getattr(p, "begins_as_copy", False)}
    return {name: p.detach() for name, p in drawn.items() if p.requires_grad}, after


def _dropout(subject: Subject, t: Training) -> Told:
    """Dropout that draws the same mask under two global seeds, twice in a forward pass, or at two steps of the loop."""
    model = copy.deepcopy(subject.awake).train()
    inputs = subject.inputs(rows_for(subject))
    (first, draws), (other, others), (again, _) = (_output(subject, model, inputs, seed) for seed in (1, 2, 1))
    has_memory = any(True for _ in model.buffers())
    if not has_memory and not torch.equal(first, again):
        return (
            "one seed gives two outputs in training: the model draws from a generator that no seed sets, so a run "
            "cannot be repeated, nor resumed."
        )
    if not draws:
        return None
    if torch.equal(first, other) and [draw.content for draw in draws] == [draw.content for draw in others]:
        return (
            f"dropout or noise in the model (`{draws[0].operation}`) is the same under two seeds: it draws the same "
            "mask at every step."
        )
    if told := _twice_in_a_pass(draws, others):
        return told
    states = [_generator_at_step(subject, t) for _ in range(2)]
    if states[0] is not None and states[0] == states[1]:
        return "two steps begin with the same state of the random generator: dropout has the same mask at every step."
    return None


def _twice_in_a_pass(draws: list[Drawn], others: list[Drawn]) -> Told:
    """Two draws of one forward pass that are one, under two seeds; numbers that are the same under both are fixed
    features and no dropout."""
    pair, same = drawn_twice(draws), drawn_twice(others)
    if pair is None or pair != same or draws[pair[0]].content == others[pair[0]].content:
        return None
    return (
        f"draws {pair[0] + 1} and {pair[1] + 1} of the {len(draws)} in a forward pass (`{draws[pair[1]].operation}`) "
        "are the same numbers: one key is used for the dropout or noise of several layers."
    )


Pass = tuple[Tensor, list[Drawn]]
"""What a forward pass returns, and what it draws."""


def _output(subject: Subject, model: torch.nn.Module, inputs: tuple[Tensor, ...], seed: int) -> Pass:
    dtype = next(model.parameters()).dtype
    cast = tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)
    with subject.drawing("dropout", seed), torch.no_grad(), Drawing() as drawing:
        found: Any = model(*cast)
    result: Tensor = found if isinstance(found, Tensor) else next(x for x in found if isinstance(x, Tensor))
    return result, drawing.draws


def _generator_at_step(subject: Subject, t: Training) -> bytes | None:
    """The state of the global generator when the next step first asks the model."""
    found: list[bytes] = []
    hook = t.weights.worker.register_forward_pre_hook(lambda *_: found.append(torch.get_rng_state().numpy().tobytes()))
    with subject.drawing("random_streams"):
        subject.step(t)
    hook.remove()
    return found[0] if found else None


def _methods(subject: Subject, t: Training) -> Told:
    for index, name in enumerate(distinct_names(t.experiment.methods)):
        told = _method(t, index, t.experiment.methods[index], name)
        if told is not None:
            return told
    return None


def _method(t: Training, index: int, method: Method, name: str) -> Told:
    """A method that ignores the draws that it is handed, or uses one for two tensors."""
    weights = {path: p.detach() for path, p in t.model.named_parameters() if p.requires_grad}
    generators: list[torch.Generator] = []
    asked: list[int] = []

    def act(number: int) -> dict[str, Tensor]:
        generator = torch.Generator(t.device)
        generator.manual_seed(stream_seed(t.experiment.seed, "audits/methods", index, number))
        generators.append(generator)
        before = generator.get_state()

        def fresh() -> dict[str, Tensor]:
            asked.append(number)
            return fresh_weights(t, "audits/resets", index, number)

        change = method.change(weights, {}, t.method_statistics[index], Draws(generator, fresh), t.units)
        if not torch.equal(before, generator.get_state()):
            asked.append(number)
        return {path: value.detach().clone() for path, value in change.weights.items()}

    with torch.random.fork_rng(devices=[]), Drawing() as drawing:
        first, second = act(1), act(2)
        is_random = bool(asked or drawing.draws)
    if is_random and first and is_same(first, second):
        return (
            f"the method {name} changes the weights in the same way under two keys: its noise is not drawn from the "
            "draws that it is handed, so every act repeats the last."
        )
    noise = {path: second[path] - first[path] for path in first if path in second}
    if pair := twins(noise):
        return f"the method {name} draws the same noise for `{pair[0]}` and `{pair[1]}`: one key is used for both."
    return None
