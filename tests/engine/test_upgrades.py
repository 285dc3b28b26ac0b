"""A database of an earlier program is taken on, in the transaction of a build; one of a later program is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import duckdb
import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.engine.state import tables
from lc_ibis.errors import DatabaseError, LcIbisError
from tests import ROOT
from tests.conftest import ALICE, SAVINGS, Lending

# Databases of two loads of the sample, as they were written out when a program of before had made them.
OLD = sorted((ROOT / "tests/golden/databases").glob("*.sql"))


@pytest.fixture(params=OLD, ids=lambda path: path.stem)
def old(request: pytest.FixtureRequest, lending: Lending) -> Lending:
    with duckdb.connect(str(lending.database)) as con:
        con.execute(request.param.read_text(encoding="utf-8"))
    shutil.copytree(ROOT / "data/inputs_day2", lending.inputs, dirs_exist_ok=True)
    return lending


def raw(place: Lending, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(place.database)) as con:
        return con.execute(sql).fetchall()


VERSIONS = "SELECT dbt_scd_id, dbt_valid_from, dbt_valid_to FROM snapshots.snap_account ORDER BY ALL"


def test_there_are_databases_of_before() -> None:
    assert len(OLD) == 2


def test_it_can_be_read_before_any_build(old: Lending) -> None:
    assert len(old.rows("account_summary")) > 5
    assert [run.run_id for run in lc_ibis.runs(database=old.database)] in ([2, 1], [2])


def test_a_build_takes_it_on_and_keeps_its_history(old: Lending) -> None:
    before = raw(old, VERSIONS)
    marts = old.rows("account_summary", "account_id", "new_balance_amount")
    assert old.build().run_id == 3
    assert raw(old, VERSIONS) == before
    assert old.rows("account_summary", "account_id", "new_balance_amount") == marts
    assert raw(old, "FROM state.schema") == [(tables.VERSION,)]
    assert all(found.status == "identical" for found in lc_ibis.verify(database=old.database))
    assert old.build().status == "unchanged"


def test_a_build_that_fails_leaves_it_as_it_was(old: Lending) -> None:
    before = old.database.read_bytes()
    (old.inputs / "accounts.csv").write_text("nonsense\n", encoding="utf-8")
    with pytest.raises(LcIbisError):
        old.build()
    assert old.database.read_bytes() == before


def test_a_loss_that_no_earlier_program_explains_is_refused(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    raw(lending, "DROP TABLE state.deliveries")
    with pytest.raises(DatabaseError, match="deliveries: dropped from the database by another tool"):
        lending.build()


@pytest.mark.parametrize(
    "command",
    [
        lambda place: place.build(),
        lambda place: lc_ibis.plan(database=place.database, inputs=place.inputs),
        lambda place: place.rows("account_summary"),
        lambda place: lc_ibis.verify(database=place.database),
        lambda place: lc_ibis.drop("account_summary", database=place.database, outputs=place.outputs),
        lambda place: lc_ibis.compact(database=place.database),
    ],
)
def test_a_database_of_a_later_program_is_refused_and_left_alone(
    lending: Lending, command: Callable[[Lending], object]
) -> None:
    lending.load([ALICE], [SAVINGS])
    raw(lending, f"UPDATE state.schema SET version = {tables.VERSION + 1}; DROP TABLE state.tables; CHECKPOINT")
    before = lending.database.read_bytes()
    with pytest.raises(DatabaseError, match=rf"written by a newer lc-ibis .*{tables.VERSION + 1}.*{tables.VERSION}"):
        command(lending)
    assert lending.database.read_bytes() == before


def test_the_command_says_it_politely(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    raw(lending, "UPDATE state.schema SET version = 99")
    run = CliRunner().invoke(main, ["show", "account_summary", "--database", str(lending.database)])
    assert run.exit_code == 1
    assert run.stderr.startswith("Error: The database was written by a newer lc-ibis")
