"""Compaction: the same tables in less room, and nothing lost on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.errors import DatabaseError
from tests.conftest import Lending

CUSTOMERS = [(str(n), f"Name {n}", "Yes") for n in range(1, 200)]


def accounts(balance: int) -> list[tuple[str, str, str, str]]:
    return [(f"A{n}", str(n % 199 + 1), f"{balance + n}.00", "Savings") for n in range(20_000)]


@pytest.fixture
def grown(lending: Lending) -> Lending:
    """A place whose database has had rows replaced many times."""
    lending.load(CUSTOMERS, accounts(0))
    for balance in range(1, 4):
        lending.load(accounts=accounts(balance))
    return lending


def test_a_compacted_database_is_smaller_and_the_same(grown: Lending) -> None:
    contents, runs = grown.contents(), lc_ibis.runs(database=grown.database)
    done = lc_ibis.compact(database=grown.database)
    assert done.before_bytes > done.after_bytes
    assert done.after_bytes == grown.database.stat().st_size
    assert grown.contents() == contents
    assert lc_ibis.runs(database=grown.database) == runs
    assert grown.build().status == "unchanged"
    grown.load(accounts=accounts(9))
    assert all(found.status == "identical" for found in lc_ibis.verify(database=grown.database))
    assert not list(grown.root.glob("*.new*"))


def test_what_cannot_be_compacted_is_as_it_was(grown: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = grown.contents()

    def refused(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refused)
        with pytest.raises(DatabaseError, match=r"cannot rewrite the database .*Permission denied"):
            lc_ibis.compact(database=grown.database)
    assert grown.contents() == contents
    assert not list(grown.root.glob("*.new*"))


def test_the_command_says_how_large_it_was_and_is(lending: Lending) -> None:
    lending.load([("1", "Alice", "Yes")], [("A1", "1", "1.00", "Savings")])
    run = CliRunner().invoke(main, ["compact", "--database", str(lending.database)])
    assert run.exit_code == 0
    assert " MB before, " in run.output


def test_there_is_nothing_to_compact(tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["compact", "--database", str(tmp_path / "none.duckdb")])
    assert run.exit_code == 1
    assert "no database found" in run.stderr
    assert not list(tmp_path.iterdir())
