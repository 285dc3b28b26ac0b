"""How long and how often torture goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.torture.cases import Killer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runs", type=int, default=None, metavar="N", help="How often each torture is repeated.")
    parser.addoption("--seed", type=int, default=0, metavar="S", help="Where the random numbers begin.")


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> int | None:
    """How often to repeat; None for as often as the ordinary suite has time for."""
    # Not an option where the whole suite is run: pytest reads this file too late then.
    runs: int | None = request.config.getoption("--runs", None)
    return runs


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Where the random numbers begin."""
    seed: int = request.config.getoption("--seed", 0)
    return seed


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with closing(Killer()) as killer:
        yield killer
