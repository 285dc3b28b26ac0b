"""Every kind of check notices what it guards against, and only that."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import ibis
import pytest

import lc_ibis
from lc_ibis.declare.check_kinds import (
    accepted_range,
    accepted_values,
    expression_is_true,
    not_null,
    positive_value,
    relationships,
    row_count,
    same_rows,
    scd2_no_overlap,
    unique,
    valid_date_range,
)
from lc_ibis.declare.checks import Check, counts
from lc_ibis.layers import pipeline
from tests.conftest import ALICE, SAVINGS, Lending

SCHEMA = ibis.schema(
    {"id": "int64", "kind": "string", "amount": "decimal(18,2)", "start": "timestamp(6)", "end": "timestamp(6)"}
)


def _day(day: int) -> datetime:
    return datetime(2026, 1, day)


GOOD = (1, "a", Decimal("1.00"), _day(1), _day(2))
ONE = Decimal(1)


def _failing(check: Check, *rows: tuple[Any, ...]) -> int:
    """Count the failing rows of a small table, by the one-scan query and by the rows themselves."""
    connection = ibis.duckdb.connect(threads=1)
    table = connection.create_table("t", schema=SCHEMA)
    parents = connection.create_table("parents", schema=ibis.schema({"id": "int64", "live": "boolean"}))
    if rows:
        connection.con.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    connection.con.execute("INSERT INTO parents VALUES (1, true), (2, false)")
    tables = {"parents": parents}
    [counted] = connection.to_pyarrow(counts([check], table, tables)).to_pylist()
    listed = connection.to_pyarrow(check.rows(table, tables)).num_rows
    connection.disconnect()
    assert counted["c0"] == listed
    return listed


@pytest.mark.parametrize(
    ("check", "bad"),
    [
        (not_null("kind"), (1, None, ONE, _day(1), None)),
        (unique("id"), (1, "b", ONE, _day(1), None)),
        (accepted_values("kind", ("a", "b")), (2, "Savings", ONE, _day(1), None)),
        (positive_value("amount"), (2, "a", Decimal(0), _day(1), None)),
        (positive_value("amount", zero=True), (2, "a", Decimal("-0.01"), _day(1), None)),
        (accepted_range("amount", 0, ONE), (2, "a", Decimal("1.01"), _day(1), None)),
        (
            expression_is_true("odd", "Ids are odd.", lambda t: t.id % 2 == 1, lambda row: {"id": 2}),
            (2, "a", ONE, _day(1), None),
        ),
        (
            expression_is_true("known", "Unknown fails.", lambda t: t.id > 0, lambda row: {"id": 0}),
            (None, "a", ONE, _day(1), None),
        ),
        (valid_date_range("start", "end"), (2, "a", ONE, _day(2), _day(2))),
        (relationships("id", "parents"), (9, "a", ONE, _day(1), None)),
        (relationships("id", "parents", where=lambda t: t.live), (2, "a", ONE, _day(1), None)),
        (scd2_no_overlap(("kind",), "start", "end"), (2, "a", ONE, datetime(2026, 1, 1, 12), None)),
        (same_rows("s", "The same.", ("id",), "parents", lambda t: t.filter(t.live)), (3, "a", ONE, _day(1), None)),
    ],
    ids=lambda value: value.name if isinstance(value, Check) else "",
)
def test_a_check_passes_the_good_row_and_counts_the_bad_one(check: Check, bad: tuple[Any, ...]) -> None:
    assert _failing(check, GOOD) == 0
    assert _failing(check, GOOD, bad) == 1


@pytest.mark.parametrize(
    "check", [positive_value("amount"), accepted_values("kind", ("a",)), relationships("id", "parents")]
)
def test_null_is_left_to_not_null(check: Check) -> None:
    assert _failing(check, (None, None, None, None, None)) == 0


def test_touching_versions_do_not_overlap_and_two_current_ones_do() -> None:
    check = scd2_no_overlap(("kind",), "start", "end")
    ended, current = (1, "a", ONE, _day(1), _day(2)), (2, "a", ONE, _day(2), None)
    assert _failing(check, ended, current, (3, "b", ONE, _day(1), None)) == 0
    assert _failing(check, current, (4, "a", ONE, _day(3), None)) == 1


def test_a_check_is_an_error_unless_it_says_warn() -> None:
    assert (unique("id").severity, unique("id").but(severity="warn").severity) == ("error", "warn")


@pytest.mark.parametrize(
    ("changes", "failing", "status"),
    [
        ({}, 0, "pass"), ({}, 1, "fail"),
        ({"severity": "warn"}, 1, "warn"),
        ({"error_if": 2}, 2, "warn"), ({"error_if": 2}, 3, "fail"),
        ({"warn_if": 1, "error_if": 2}, 1, "pass"), ({"warn_if": 1, "error_if": 2}, 2, "warn"),
        ({"severity": "warn", "warn_if": 2, "error_if": 2}, 3, "warn"),
        ({"warn_if": 0.05, "error_if": 0.5}, 5, "pass"), ({"warn_if": 0.05, "error_if": 0.5}, 6, "warn"),
        ({"warn_if": 0.05, "error_if": 0.5}, 50, "warn"), ({"warn_if": 0.05, "error_if": 0.5}, 51, "fail"),
    ],
)  # fmt: skip
def test_thresholds_count_rows_or_shares_of_a_hundred(changes: dict[str, Any], failing: int, status: str) -> None:
    assert unique("id").but(**changes).status(failing, 100) == status


def test_a_check_may_look_at_some_rows_alone() -> None:
    bad = (2, "b", Decimal(-1), _day(1), None)
    for check in (positive_value("amount"), unique("amount")):
        only = check.but(where=lambda t: t.kind == "a")
        assert _failing(check, bad, (3, "b", Decimal(-1), _day(1), None)) > 0
        assert _failing(only, bad, (3, "b", Decimal(-1), _day(1), None)) == 0
        assert _failing(only, *[(n, "a", Decimal(-1), _day(1), None) for n in (2, 3)]) > 0


def test_each_row_too_few_is_a_failure() -> None:
    assert [_failing(row_count(2), *[GOOD] * count) for count in (0, 1, 2, 3)] == [2, 1, 0, 0]


def test_every_layer_is_checked_and_names_are_unique_per_table() -> None:
    assert {m.layer for m in pipeline if m.checks} >= {"source", "staging", "snapshots", "intermediate", "marts"}
    for table in pipeline:
        names = [check.name for check in table.checks]
        assert len(names) == len(set(names)), table.name


def test_a_broken_table_is_found_by_the_checks_on_it(lending: Lending) -> None:
    """Break stored tables by hand, one after the other: lc-ibis test notices each."""
    lending.load([ALICE], [SAVINGS, ("A2", "1", "20000", "Checking")])
    assert lc_ibis.test(database=lending.database).status == "passed"
    breaks = {
        "stg_account": ("UPDATE staging.stg_account SET account_type = 'Savings' WHERE account_id = 'A1'",
                        "accepted_values_account_type"),
        "snap_account": ("INSERT INTO snapshots.snap_account SELECT * REPLACE ('x' AS dbt_scd_id) "
                         "FROM snapshots.snap_account", "scd2_no_overlap"),
        "account_summary": ("UPDATE marts.account_summary SET annual_interest_amount = 9",
                            "interest_is_balance_times_rate"),
        "customer_profile": ("UPDATE marts.customer_profile SET total_accounts_count = 2",
                             "totals_agree_with_accounts"),
        "ledger": ("DELETE FROM staging.stg_account WHERE account_id = 'A2'", "received_is_accepted_and_refused"),
    }  # fmt: skip
    for table, (statement, name) in breaks.items():
        with duckdb.connect(str(lending.database)) as connection:
            connection.execute(statement)
        run = lc_ibis.test(database=lending.database)
        assert run.status == "failed"
        assert name in {r.check.name for r in run.checks if r.table == table and r.status == "fail"}
