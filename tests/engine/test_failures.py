"""Rows that break checks, kept in the database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

import lc_ibis
from lc_ibis.cli import main
from lc_ibis.engine.prove import failing_rows
from lc_ibis.errors import ChecksFailed, DatabaseError
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending
from tests.engine.test_atomic import HUGE

ORPHAN = ("A7", "77", "1.50", "Savings")


def _kept(lending: Lending, table: str, **options: Any) -> dict[str, list[dict[str, Any]]]:
    return lc_ibis.failing(table, stored=True, **{**lending.options, "database": lending.database}, **options)


def test_rows_that_break_checks_are_kept_with_all_their_columns(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ORPHAN], store_failures=True)
    [row] = _kept(lending, "int_account_without_customer")["every_customer_is_current"]
    assert (row["account_id"], row["customer_id"], row["balance_amount"]) == ("A7", 77, "1.50")
    assert _kept(lending, "stg_account") == {}


@pytest.mark.usefixtures("any_amount")
def test_rows_of_a_build_that_published_nothing_are_kept(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    before = lending.contents()
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], store_failures=True)
    assert lending.contents() == before
    assert set(_kept(lending, "account_summary")) == {"not_null_new_balance_amount", "new_balance_is_the_sum"}
    [row] = _kept(lending, "account_summary")["not_null_new_balance_amount"]
    assert (row["account_id"], row["original_balance_amount"]) == ("A2", "9999999999999999.99")
    assert lc_ibis.failing("account_summary", **lending.options) == {}, "the stored table has no such row"


def test_what_is_mended_is_no_longer_kept(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ORPHAN], store_failures=True)
    lending.load([ALICE], [SAVINGS], select=("staging",), store_failures=True)
    assert _kept(lending, "int_account_without_customer"), "the table was not looked at"
    lending.build(store_failures=True)
    assert _kept(lending, "int_account_without_customer") == {}


@pytest.mark.usefixtures("any_amount")
def test_the_same_rows_again_write_nothing(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ORPHAN])
    lending.build(store_failures=True)
    assert _kept(lending, "int_account_without_customer"), "though no table has changed"
    before = lending.files()
    assert lending.build(store_failures=True).status == "unchanged"
    assert lending.files() == before
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], store_failures=True)
    before = lending.files()
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], store_failures=True)
    assert lending.files() == before


def test_without_the_option_nothing_is_kept(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ORPHAN])
    with pytest.raises(DatabaseError, match="No failing rows are stored in this database"):
        _kept(lending, "int_account_without_customer")
    lending.build(store_failures=True)
    lending.load([ALICE], [SAVINGS])
    assert _kept(lending, "int_account_without_customer"), "they stay as the last build that was told to left them"


def test_a_row_keeps_its_run_when_another_comes(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ORPHAN], store_failures=True)
    lending.load([ALICE], [SAVINGS, ORPHAN, ("A0", *ORPHAN[1:])], store_failures=True)
    with lc_ibis.connect(lending.database) as warehouse:
        kept = warehouse.con.table("failing_row", database="quality").to_pyarrow().to_pylist()
    assert {json.loads(row["row_text"])["account_id"]: row["run_id"] for row in kept} == {"A7": 1, "A0": 2}


def test_the_first_thousand_rows_are_kept(lending: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing_rows, "MOST", 3)
    lending.load([ALICE], [SAVINGS, *[(f"B{n}", *ORPHAN[1:]) for n in range(5)]], store_failures=True)
    rows = _kept(lending, "int_account_without_customer")["every_customer_is_current"]
    assert [row["account_id"] for row in rows] == ["B0", "B1", "B2"]
    assert len(_kept(lending, "int_account_without_customer", limit=2)["every_customer_is_current"]) == 2
    with lc_ibis.connect(lending.database) as warehouse:
        assert warehouse.con.table("failing_row", database="quality").failing_count.max().to_pyarrow().as_py() == 5


@pytest.mark.usefixtures("any_amount")
def test_a_first_build_that_fails_leaves_no_database(lending: Lending) -> None:
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], store_failures=True)
    assert not lending.database.exists()


@pytest.mark.usefixtures("any_amount")
def test_the_command_shows_what_is_kept(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], store_failures=True)

    def said(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(main, ["show", *words, "--database", str(lending.database)])
        assert result.exit_code == code, result.output
        return result.output

    assert "9999999999999999.99" in said("account_summary", "--failing", "--stored")
    assert "account_summary: no row fails a check." in said("account_summary", "--failing")
    assert "snap_account: no failing rows are stored for it." in said("snap_account", "--failing", "--stored")
    assert "customer_cleaned has no checks" in said("customer_cleaned", "--failing", code=2)
    assert "--stored needs --failing." in said("account_summary", "--stored", code=2)
    assert "No table named 'acount_summary'" in said("acount_summary", "--failing", "--stored", code=2)


@pytest.mark.usefixtures("any_amount")
@pytest.mark.parametrize("backend", WIDELY[1:])
def test_rows_of_a_failed_build_are_kept_on_spark(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with pytest.raises(ChecksFailed):
        lending.load([ALICE], [SAVINGS, HUGE], store_failures=True)
    [row] = _kept(lending, "account_summary")["not_null_new_balance_amount"]
    assert (row["account_id"], row["original_balance_amount"]) == ("A2", "9999999999999999.99")
    assert lending.load([ALICE], [SAVINGS], store_failures=True).status == "unchanged"
    assert _kept(lending, "account_summary") == {}
