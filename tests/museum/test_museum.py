"""Every accident of the notebooks, planted: a default audit catches each, and says what it comes from."""

from __future__ import annotations

import re

import pytest
from exhibits import small
from page import MARK, PAGE, exhibit, exhibits, masked, subject, title

from seqlab.audits.shared.gate import Result, defaults, examine
from seqlab.audits.shared.subject import Subject
from seqlab.spec import members
from seqlab.train.start import prepare


def audited(name: str, *, healthy: bool = False) -> Result:
    """What the audit that must catch the fault says before training; it is one that runs by default."""
    planted = exhibit(name)
    found = subject(planted, healthy=healthy)
    (result,) = examine(found, {planted.CAUGHT_BY: defaults(found)[planted.CAUGHT_BY]})
    return result


@pytest.mark.parametrize("name", exhibits())
def test_the_fault_is_caught_and_named(name: str) -> None:
    result = audited(name)
    assert result.status == "fail", result.sentence()
    assert re.search(exhibit(name).SAYS, result.finding.message), result.sentence()
    assert masked(f"> {result.sentence()}\n") in masked(PAGE.read_text()), "`make docs` writes the page again"


@pytest.mark.parametrize("name", [name for name in exhibits() if hasattr(exhibit(name), "healthy")])
def test_the_same_without_the_fault_is_believed(name: str) -> None:
    result = audited(name, healthy=True)
    assert result.status == "pass", result.sentence()


def test_the_page_shows_every_audit_and_every_exhibit() -> None:
    """`make docs` writes it again."""
    made = PAGE.read_text().partition(MARK)[2]
    for name in members("audits"):
        assert f"| `audits/{name}` |" in made
    for name in exhibits():
        first, rest = title(exhibit(name))
        assert f"### {first}\n" in made
        assert rest in made
        assert f"`tests/museum/{name}.py`" in made


def test_what_the_exhibits_start_from_is_believed() -> None:
    found = Subject(prepare(small()).training)
    for result in examine(found, defaults(found)):
        assert result.status == "pass", result.sentence()
