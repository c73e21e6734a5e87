"""A server for the tests that change nothing of it."""

from collections.abc import Iterator

import pytest
from serving import Running, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running() as served:
        yield served
