"""The language of selection: what it reads, what it refuses and how, and known answers on known curves."""

from __future__ import annotations

import json
import math

import pytest
from made import losses, made_run

from seqlab.journal import JournalError, LabBook
from seqlab.journal.column_cache import ColumnCache
from seqlab.sweeps.rules import Edge, Range, Rule, parse, value_of

TEXTS = [
    "min(val/loss)",
    "mean(train/accuracy; last epoch of each task; last 50 tasks)",
    "median(train/loss; tokens 1000000..2000000)",
    "last(val/accuracy; first 10 minutes)",
    "min(val_subset/accuracy; last 10 % of steps; higher is better)",
    "first(train/loss; steps ..100; lower is better)",
    "mean(weight_norms/after_update/total; seconds 0.5..)",
    "max(ranks/layer_0; last 5 values of each task; higher is better)",
    "mean(train/accuracy; last 50 tasks; steps to 0.9)",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_written_reads_the_same(text: str) -> None:
    rule = parse(text)
    assert str(rule) == text
    assert parse(str(rule)) == rule
    assert Rule.from_json(json.loads(json.dumps(rule.to_json()))) == rule


def test_what_a_rule_is_made_of() -> None:
    rule = parse(" mean( train/accuracy ;last epoch of each task; last 5e1 tasks;tasks 10.. ) ")
    assert rule.windows == (Edge("last", 1, "epochs", of_each_task=True), Edge("last", 50, "tasks"), Range("tasks", 10))
    assert (rule.phase, rule.is_on_test, rule.higher_is_better) == ("train", False, True)
    assert parse("last(test/loss)").is_on_test
    assert parse("max(ranks/layer_0)").higher_is_better
    assert not parse("mean(ranks/layer_0)").higher_is_better


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("val/loss", "'val/loss' says which metric, not which of its values; write min(val/loss) or last(val/loss)"),
        ("val/accuracy", "write max(val/accuracy)"),
        ("best", "is no rule; write REDUCTION"),
        ("mena(val/loss)", "there is no reduction 'mena'; did you mean mean"),
        ("mode(val/loss)", "there is no reduction 'mode'"),
        ("min()", "'min()' names no metric"),
        ("min(; last 3 steps)", "names no metric"),
        ("min(last 3 steps)", "names no metric: 'last 3 steps' is a window"),
        ("min(loss)", "'loss' is no metric; a metric names its phase, such as train/accuracy"),
        ("min(val/loss, val/accuracy)", "names several metrics"),
        ("min(val/loss; last 3 step of)", "is neither a window nor a direction"),
        ("min(val/loss; last 3 steppes)", "there is no unit 'steppes'; did you mean steps"),
        ("min(val/loss; last 0 steps)", "'last 0 steps' holds nothing"),
        ("min(val/loss; last 101 % of steps)", "'last 101 % of steps' is more than the whole"),
        ("min(val/loss; steps ..)", "'steps ..' has no end"),
        ("min(val/loss; steps 5..4)", "'steps 5..4' ends before it begins"),
        ("mean(val/loss; higher; lower)", "mixes directions: it wants higher and lower values"),
        ("min(val/accuracy)", "mixes directions: it takes the lowest, and of val/accuracy the higher is better"),
        ("max(val/loss)", "write min(val/loss), or add '; lower is better' when the worst value is meant"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, told: str) -> None:
    with pytest.raises(JournalError) as caught:
        parse(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def stream() -> list[dict[str, float]]:
    """4 tasks of 3 epochs of 4 measurements: accuracy is task + epoch / 10 + a hundredth for each measurement."""
    lines = []
    for task in range(1, 5):
        for place in range(1, 13):
            step = 12 * (task - 1) + place
            accuracy = task + (place - 1) // 4 / 10 + ((place - 1) % 4) / 100
            lines.append(
                {"step": step, "epoch": place / 4, "task": task, "tokens": 100 * step, "wall_seconds": 30.0 * step}
                | {"train/accuracy": accuracy}
            )
    return lines


KNOWN = [
    ("last(train/accuracy)", 4.23),
    ("first(train/accuracy)", 1.0),
    ("mean(train/accuracy; last epoch of each task; last 2 tasks)", (3.215 + 4.215) / 2),
    ("mean(train/accuracy; last 2 tasks; last epoch of each task)", (3.215 + 4.215) / 2),
    ("mean(train/accuracy; last value of each task)", (1.23 + 2.23 + 3.23 + 4.23) / 4),
    ("mean(train/accuracy; first 2 values of each task)", (1.005 + 2.005 + 3.005 + 4.005) / 4),
    ("mean(train/accuracy; last 4 steps)", 4.215),
    ("mean(train/accuracy; last 400 tokens)", 4.215),
    ("mean(train/accuracy; last 2 minutes)", 4.215),
    ("max(train/accuracy; first 25 % of tasks)", 1.23),
    ("min(train/accuracy; last 25 % of steps; higher is better)", 4.0),
    ("median(train/accuracy; steps 13..15)", 2.01),
    ("max(train/accuracy; tasks ..2)", 2.23),
    ("last(train/accuracy; seconds ..360)", 1.23),
    ("mean(train/accuracy; first epoch of each task; tasks 2..2)", 2.015),
    ("mean(train/accuracy; steps to 3.2)", (12 + 12 + 9 + 1) / 4),  # two tasks never do, the last one at once
    ("mean(train/accuracy; steps to 3.2; last 2 tasks)", (9 + 1) / 2),
    ("max(train/accuracy; steps to 3.2; tasks 3..)", 9),
]


def test_known_answers(book: LabBook) -> None:
    run = made_run(book, "stream", stream())
    with ColumnCache() as cache:
        for text, expected in KNOWN:
            rule = parse(text)
            assert value_of(rule, run, cache.columns(run, rule.metric)) == pytest.approx(expected), text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("max(train/acuracy)", "stream has no metric 'train/acuracy'; did you mean train/accuracy?"),
        ("mean(train_after_update/accuracy)", "; runs trained with `evaluation.after_update=true` record it"),
        ("mean(train_at_end_of_task/accuracy)", "; runs trained with `evaluation.end_of_task=train` record it"),
        ("mean(train/accuracy; last 5 tasks)", "'last 5 tasks' reaches beyond stream, which has 4 tasks there"),
        ("mean(train/accuracy; last 100 steps)", "which has 48 steps there"),
        ("mean(train/accuracy; last 5 epochs of each task)", "which has 3 epochs there"),
        ("mean(train/accuracy; steps 90..100)", "reaches beyond stream, which has 48 steps"),
        ("mean(train/accuracy; steps 5..6; last 2 steps)", "no train/accuracy of stream lies in 'steps 5..6; last 2"),
        ("mean(train/accuracy; last epoch)", "begin again with each task; add 'of each task' to 'last epoch'"),
    ],
)
def test_what_a_run_does_not_have_is_told(book: LabBook, text: str, told: str) -> None:
    run = made_run(book, "stream", stream())
    with ColumnCache() as cache, pytest.raises(JournalError) as caught:
        value_of(parse(text), run, cache.columns(run, parse(text).metric))
    assert told in str(caught.value)


def test_a_unit_that_was_not_recorded_is_told(book: LabBook) -> None:
    run = made_run(book, "bare", losses(3.0, 2.0))
    with ColumnCache() as cache, pytest.raises(JournalError, match="did not record tokens with each val/loss; it has"):
        value_of(parse("mean(val/loss; last 10 tokens)"), run, cache.columns(run, "val/loss"))


def test_what_is_not_finite_within_the_window_gives_nan(book: LabBook) -> None:
    run = made_run(book, "wild", losses(math.nan, math.inf, 2.0, 1.0))
    with ColumnCache() as cache:
        columns = cache.columns(run, "val/loss")
    assert math.isnan(value_of(parse("min(val/loss)"), run, columns))
    assert value_of(parse("mean(val/loss; last 2 values)"), run, columns) == 1.5
