"""`seqlab data` as a user types it."""

import json

import pytest
from click.testing import CliRunner

from seqlab.cli.data import command
from seqlab.data import DataError, cards


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_ls_lists_every_card() -> None:
    lines = run("ls").splitlines()
    assert [line.split()[0] for line in lines] == list(cards.names())
    assert "shipped" in lines[0]
    assert "download 2.7 MB" in lines[1]


def test_ls_and_card_speak_json() -> None:
    listed = json.loads(run("ls", "--json"))
    assert [card["name"] for card in listed] == list(cards.names())
    one = json.loads(run("card", "kjv", "--json"))
    assert one["sha256"] == cards.card("kjv").sha256
    assert one["present"] is False


def test_get_states_the_licence_and_ls_then_knows() -> None:
    assert "CC0" in run("get", "sotu")
    assert " here " in run("ls").splitlines()[0]
    assert "task.path=card:sotu" in run("card", "sotu")


def test_an_unknown_name_stops_before_anything_is_fetched() -> None:
    with pytest.raises(DataError, match="did you mean brown"):
        run("get", "sotu", "brwon")
    assert "shipped" in run("ls").splitlines()[0]
