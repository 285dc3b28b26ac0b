"""Tables in Python: as they are, and as they stood."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

import lc_ibis
from lc_ibis.errors import DatabaseError, OutputError, SelectionError, SettingsError
from lc_ibis.moments import parse_moment
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending


def test_a_connection_gives_ibis_tables(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with lc_ibis.connect(lending.database) as warehouse:
        summary = warehouse.table("account_summary")
        assert summary.filter(summary.customer_id == 1).account_id.to_pyarrow().to_pylist() == ["A1"]
        assert warehouse.con.sql("SELECT count(*) AS n FROM marts.account_summary").to_pyarrow().to_pylist() == [
            {"n": 1}
        ]


def test_marts_of_a_past_moment_are_those_that_were_published_then(lending: Lending) -> None:
    first = lending.load([ALICE], [SAVINGS])
    profile = lending.rows("customer_profile")
    second = lending.load([("1", "Alice", "No")], [("A1", "1", "9000", "Savings")])
    between = first.run_at + (second.run_at - first.run_at) / 2
    stampless = [{k: v for k, v in row.items() if k != "calculated_at"} for row in profile]
    for moment in (first.run_at, between):
        rows = lending.rows("customer_profile", as_of=moment)
        assert [{k: v for k, v in row.items() if k != "calculated_at"} for row in rows] == stampless
    assert lending.rows("customer_profile", "total_balance_amount", as_of=second.run_at) == lending.rows(
        "customer_profile", "total_balance_amount"
    )
    assert lending.rows("customer_profile", as_of=first.run_at - timedelta(seconds=1)) == []


def test_a_past_history_does_not_know_what_came_later(lending: Lending) -> None:
    first = lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[("A1", "1", "9000", "Savings")])
    assert lending.rows("snap_account", "dbt_valid_to", as_of=first.run_at) == [None]
    assert len(lending.rows("snap_account")) == 2


def test_only_what_is_made_from_history_is_known_as_of_a_moment(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    for table in ("src_account", "stg_account", "quarantine_stg_account", "ledger"):
        with pytest.raises(SelectionError, match="--as-of works only for histories and tables downstream"):
            lending.rows(table, as_of="2026-01-01")


def test_a_table_that_is_not_built_says_so(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], select=("source",))
    with pytest.raises(DatabaseError, match="account_summary is not built yet"):
        lending.rows("account_summary")


def test_the_built_tables_are_listed_in_the_order_of_the_pipeline(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    with lc_ibis.connect(**lending.options) as warehouse:
        stored = [model.name for model in warehouse.pipeline if model.is_stored]
        assert warehouse.list_tables() == list(warehouse) == warehouse._ipython_key_completions_() == stored
        assert warehouse.list_tables(like="^snap_") == [name for name in stored if name.startswith("snap_")]
        assert warehouse.list_tables("t_summ") == ["account_summary"], "anywhere in the name, as in Ibis"
        assert warehouse.list_tables("no_such_table") == []


def test_a_table_is_listed_once_it_is_built(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS], select=("source",))
    with lc_ibis.connect(**lending.options) as warehouse:
        assert set(warehouse.list_tables()) == {"src_customer", "src_account"}
        assert "src_account" in warehouse
        assert "account_summary" not in warehouse
    lending.build()
    with lc_ibis.connect(**lending.options) as warehouse:
        assert "account_summary" in warehouse
        assert "account_cleaned" not in warehouse, "a step that is not stored"


@pytest.mark.parametrize("like", ["snap_(", "*", "a{99999999999999999999}"])
def test_a_regular_expression_that_is_none_is_refused(lending: Lending, like: str) -> None:
    lending.load([ALICE], [SAVINGS], select=("source",))
    with (
        lc_ibis.connect(**lending.options) as warehouse,
        pytest.raises(SettingsError, match="list_tables: like=.* is not a regular expression: .*Write one such as"),
    ):
        warehouse.list_tables(like)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31", datetime(2026, 1, 31, 23, 59, 59, 999999)),
        (date(2026, 1, 31), datetime(2026, 1, 31, 23, 59, 59, 999999)),
        ("2026-01-31T18:00", datetime(2026, 1, 31, 18)),
        ("2026-01-31 18:00:00.5", datetime(2026, 1, 31, 18, 0, 0, 500000)),
        ("2026-01-31T18:00:00Z", datetime(2026, 1, 31, 18)),
        ("2026-01-31T18:00:00+02:00", datetime(2026, 1, 31, 16)),
        (datetime(2026, 1, 31, 18, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 31, 16)),
    ],
)
def test_a_moment_is_utc_and_a_date_its_end(text: str | date, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "31.01.2026", True, 1.0])
def test_what_is_no_moment_is_refused(text: Any) -> None:
    with pytest.raises(SettingsError, match="Use a time like"):
        parse_moment(text)


@pytest.mark.parametrize("backend", WIDELY)
def test_a_table_is_exported_as_it_is_and_as_it_stood(lending: Lending) -> None:
    first = lending.load([ALICE], [SAVINGS])
    lending.load(accounts=[("A1", "1", "6000.00", "Savings"), ("A0", "1", "1.00", "Checking")])
    file = lending.root / "new" / "accounts.csv"
    columns = ("account_id", "customer_id", "balance_amount", "account_type")
    for as_of, expected in (
        (None, ["A0,1,1.00,checking", "A1,1,6000.00,savings"]),
        (first.run_at, ["A1,1,5000.00,savings"]),
    ):
        assert lc_ibis.export("int_account_with_customer", file, as_of, **lending.options) == file
        header, *lines = file.read_text(encoding="utf-8").splitlines()
        assert tuple(header.split(",")[:4]) == columns
        assert [line.rsplit(",", 4)[0] for line in lines] == expected
    assert sorted(path.name for path in file.parent.iterdir()) == ["accounts.csv", "accounts.csv.manifest.json"]


def test_an_export_that_fails_leaves_the_older_file(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS])
    file = lending.root / "stg_account.parquet"
    lc_ibis.export("stg_account", file, **lending.options)
    before = file.read_bytes()
    with pytest.raises(SelectionError):
        lc_ibis.export("stg_account", file, as_of="2026-01-01", **lending.options)
    with pytest.raises(SettingsError, match=r"the file name must end in \.csv, \.parquet, \.arrow, \.xlsx or \.duckdb"):
        lc_ibis.export("stg_account", lending.root / "file.xls", **lending.options)
    (lending.root / "d.csv").mkdir()
    with pytest.raises(OutputError, match="the path is a directory"):
        lc_ibis.export("stg_account", lending.root / "d.csv", **lending.options)
    assert file.read_bytes() == before
