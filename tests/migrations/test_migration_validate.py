"""Old marts and new ones, row by row: equal, explained by what was received, or unexplained, which fails."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import duckdb
import pytest

from lc_ibis.migrations.value_causes import interest_rate
from tests.conftest import Lending
from tests.migrating import Moving, Templates, reasons
from tests.old_databases import ACCOUNTS, CUSTOMERS, DIRTY_ACCOUNTS, DIRTY_CUSTOMERS, Row, five_layers, three_layers

OLD = "before/old.duckdb"


@pytest.fixture
def applied_dirty(lending: Lending, templates: Templates) -> Moving:
    """Three layers with rows that are refused today, all phases applied."""
    return templates.copy(lending, "dirty", lambda path: three_layers(path, DIRTY_CUSTOMERS, DIRTY_ACCOUNTS))


def _changed(moving: Moving, sql: str) -> Moving:
    """Change the old database behind the migration's back; what is compared is the mart as it is then."""
    with duckdb.connect(str(moving.old)) as con:
        con.execute(sql)
    return Moving(moving.lending, moving.old)


def _marts(moving: Moving) -> Any:
    return {table.old_table: table for table in moving.call("validate", moving.old).tables}


def test_every_difference_of_dirty_contents_is_explained(applied_dirty: Moving) -> None:
    found = applied_dirty.call("validate")
    assert found.is_valid
    [table] = found.tables
    assert (table.old_count, table.new_count, table.equal_count, table.status) == (14, 6, 5, "explained")
    assert reasons(table) == {
        ("A5", None): "its customer 4 is refused: has_loan is neither yes nor no: 'maybe'",
        ("A6", None): "refused: balance is negative: '-5.0'",
        ("A11", "account_id"): "white space at its ends is taken away",
        ("A11", None): "its customer 6 came more than once, and the old join took each of its rows",
        ("A12", None): "refused: account_id comes more than once, with the same values: 'A12'",
        ("A13", None): "refused: account_id comes more than once, with different values: 'A13'",
        ("A14", None): "refused: balance is not a plain decimal: 'nan'",
        ("null", None): "refused: account_id is blank: null",
    }


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("original_balance", "15000.51"), ("interest_rate", "0.016"), ("annual_interest", "225.03"),
        ("new_balance", "15225.52"), ("customer_id", "1"), ("original_balance", "NULL"),
    ],
)  # fmt: skip
def test_a_planted_difference_is_unexplained(applied_dirty: Moving, column: str, value: str) -> None:
    moving = _changed(
        applied_dirty, f"UPDATE main_marts.account_summary SET {column} = {value} WHERE account_id = 'A2'"
    )
    found = moving.call("validate", moving.old)
    assert not found.is_valid
    unexplained = found.tables[0].unexplained
    assert ("A2", column) in {(d.key, d.column) for d in unexplained}
    assert {d.key for d in unexplained} == {"A2"}


def test_a_row_that_only_one_side_has_is_unexplained(applied_dirty: Moving) -> None:
    moving = _changed(
        applied_dirty,
        "DELETE FROM main_marts.account_summary WHERE account_id = 'A1'; INSERT INTO main_marts.account_summary VALUES (1, 'B1', 1, 0.015, 0.02, 1.02)",
    )
    [table] = moving.call("validate", moving.old).tables
    assert {(d.key, d.column, d.old is None) for d in table.unexplained} == {("A1", None, True), ("B1", None, False)}


def test_interest_that_was_rounded_otherwise_is_explained(applied_dirty: Moving) -> None:
    """15000.5 × 0.015 is 225.0075: 225.00 is another rounding, 225.02 is another sum."""
    moving = _changed(
        applied_dirty,
        "UPDATE main_marts.account_summary SET annual_interest = 225.00, new_balance = 15225.50 WHERE account_id = 'A2'",
    )
    [table] = moving.call("validate", moving.old).tables
    assert reasons(table)["A2", "annual_interest"] == "225.007500 rounds to 225.01; the old pipeline rounded otherwise"
    assert reasons(table)["A2", "new_balance"] == "follows from balance and interest"


def test_a_balance_is_explained_by_the_received_number_alone(applied_dirty: Moving) -> None:
    """100.005 is 100.01 here; an old 100.00 is next to it, an old 99.99 is not."""
    rate = "interest_rate = 0.015, annual_interest = 1.50"
    moving = _changed(
        applied_dirty,
        f"UPDATE main_marts.account_summary SET original_balance = 100.00, new_balance = 101.50, {rate} WHERE account_id = 'A8'",
    )
    [table] = moving.call("validate", moving.old).tables
    assert (
        reasons(table)["A8", "original_balance"]
        == "100.005 rounds to 100.01, half a cent away from zero; the old pipeline rounded otherwise"
    )
    assert not table.unexplained
    moving = _changed(
        moving,
        f"UPDATE main_marts.account_summary SET original_balance = 99.99, new_balance = 101.49, {rate} WHERE account_id = 'A8'",
    )
    [table] = moving.call("validate", moving.old).tables
    assert {d.column for d in table.unexplained} >= {"original_balance"}


def test_a_loan_that_the_old_staging_could_not_read_explains_the_rate(lending: Lending) -> None:
    customers: list[Row] = [(1, "Alice", "Y"), (2, "Bob", "No")]
    moving = Moving(lending, three_layers(lending.root / OLD, customers, ACCOUNTS[:2]))
    moving.apply()
    [table] = moving.marts()
    assert not table.unexplained
    assert reasons(table)["A1", "interest_rate"] == "the old staging read HasLoan 'Y' as None"
    assert reasons(table)["A1", "annual_interest"] == "follows from balance and rate"


def test_a_balance_that_did_not_fit_is_explained(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / OLD, accounts=[*ACCOUNTS, ("A9", 2, 123456789.5, "Savings")]))
    moving.apply()
    [table] = moving.marts()
    assert reasons(table)["A9", "original_balance"] == "123456789.5 did not fit the old type"
    assert reasons(table)["A9", "annual_interest"] == "follows from the balance"


def test_of_a_balance_that_did_not_fit_and_a_loan_that_was_not_read_all_is_explained(lending: Lending) -> None:
    customers: list[Row] = [(1, "Alice", "TRUE")]
    moving = Moving(lending, three_layers(lending.root / OLD, customers, [("A1", 1, 1e11, "Savings")]))
    moving.apply()
    [table] = moving.marts()
    assert not table.unexplained
    assert reasons(table)["A1", "interest_rate"] == "the old staging read HasLoan 'TRUE' as None"
    moving = _changed(moving, "UPDATE main_marts.account_summary SET interest_rate = 0.010")
    [table] = moving.call("validate", moving.old).tables
    assert {d.column for d in table.unexplained} == {"interest_rate"}


def test_old_views_that_are_broken_leave_differences_unexplained(lending: Lending) -> None:
    customers: list[Row] = [(1, "Alice", "Y"), (2, "Bob", "No")]
    made = three_layers(lending.root / OLD, customers, ACCOUNTS[:2])
    with duckdb.connect(str(made)) as con:
        con.execute(
            "CREATE TABLE main_staging.gone AS FROM main_staging.stg_customers__cleaned; "
            "CREATE OR REPLACE VIEW main_staging.stg_customers__cleaned AS FROM main_staging.gone; "
            "DROP TABLE main_staging.gone"
        )
    moving = Moving(lending, made)
    moving.apply()
    [table] = moving.marts()
    assert ("A1", "interest_rate") in {(d.key, d.column) for d in table.unexplained}


def test_profiles_are_explained_by_their_accounts(lending: Lending) -> None:
    accounts = [*ACCOUNTS, ("A5", 1, "1e3", "Savings")]  # a number for DuckDB, and no plain decimal
    moving = Moving(
        lending,
        five_layers(lending.root / OLD, ([(1, "Alice", "Yes"), (2, "Bob", "No"), (3, "Carol", None)], accounts)),
    )
    moving.apply()
    marts = _marts(moving)
    assert marts["main_marts.account_summary"].status == "explained"
    profile = marts["main_marts.customer_profile"]
    assert set(reasons(profile).values()) == {"follows from A5"}
    assert profile.status == "explained"
    moving = _changed(moving, "UPDATE main_marts.customer_profile SET total_balance_amount = 1 WHERE customer_id = 2")
    assert [(d.key, d.column) for d in _marts(moving)["main_marts.customer_profile"].unexplained] == [
        ("2", "total_balance_amount")
    ]


def test_a_held_account_is_explained(lending: Lending) -> None:
    spoilt = [("A1", 1, -1.0, "Savings"), *ACCOUNTS[1:]]
    moving = Moving(lending, five_layers(lending.root / OLD, (CUSTOMERS, ACCOUNTS), (CUSTOMERS, spoilt)))
    moving.apply(adopt_snapshots=True)
    assert [table.status for table in moving.marts()] == ["equal", "equal"]  # dbt kept its last good version too
    moving = _changed(moving, "DELETE FROM main_marts.account_summary WHERE account_id = 'A1'")
    reason = reasons(_marts(moving)["main_marts.account_summary"])["A1", None]
    assert reason == "held: its row is refused (balance is negative: '-1.0'), its last good version stays"


def test_only_phases_that_are_applied_are_validated(lending: Lending) -> None:
    moving = Moving(lending, three_layers(lending.root / OLD))
    moving.apply(phases=(1, 2))
    found = moving.call("validate")
    assert [phase.phase for phase in found.phases] == [1, 2]
    assert found.tables == ()
    assert found.notes == ("The marts are compared after phase 4 is applied.",)


def test_a_table_that_was_spoilt_since_is_said(applied_dirty: Moving) -> None:
    with duckdb.connect(str(applied_dirty.lending.database)) as con:
        con.execute("UPDATE marts.account_summary SET new_balance_amount = 1; DROP VIEW raw.accounts_raw")
    (applied_dirty.lending.outputs / "account_summary.csv").unlink()
    found = applied_dirty.call("validate")
    problems = {phase.phase: " ".join(phase.problems) for phase in found.phases if phase.problems}
    assert "account_summary: 6 failing rows in new_balance_is_the_sum" in problems[4]
    assert "account_summary.csv: the output file is missing" in problems[4]
    assert "raw.accounts_raw: the view cannot be read" in problems[6]
    assert problems.keys() == {4, 6, 7}


def test_builds_since_are_noted(applied_dirty: Moving) -> None:
    applied_dirty.lending.load([("1", "Alice", "Yes")], [("A1", "1", "1.00", "Savings")])
    found = applied_dirty.call("validate")
    assert "1 builds have run since, and their extracts can cause differences." in found.notes


@pytest.mark.parametrize(
    ("balance", "has_loan", "rate"),
    [("9999.99", False, "0.01"), ("10000", False, "0.015"), ("20000", False, "0.02"), ("19999.99", True, "0.02")],
)
def test_rates_are_recomputed_by_the_rule(balance: str, has_loan: bool, rate: str) -> None:
    assert interest_rate(Decimal(balance), has_loan) == Decimal(rate)


def test_the_checklist_passes_after_a_migration_and_names_what_does_not(applied_dirty: Moving) -> None:
    listed = applied_dirty.call("checklist")
    assert listed.is_passed, [item for item in listed.items if item.verdict == "fail"]
    found = {item.name: item.found for item in listed.items}
    assert found["all tests pass"] == "122 on all rows, 3 of them warn"
    assert "snap_account 9 current, 0 historical" in found["versions are well-formed"]
    assert {measured.what for measured in listed.measured} >= {
        "database",
        "versions a key, snap_account",
        "build after one changed row",
    }

    applied_dirty.rollback(7)
    (applied_dirty.lending.outputs / "customer_profile.csv").write_text("edited")
    with duckdb.connect(str(applied_dirty.lending.database)) as con:
        con.execute("UPDATE marts.account_summary SET new_balance_amount = 1 WHERE account_id = 'A1'")
    listed = applied_dirty.call("checklist")
    assert not listed.is_passed
    failing = {item.name: item.found for item in listed.items if item.verdict == "fail"}
    assert failing["all phases are applied"] == "phase 7 is not applied"
    assert failing["all tests pass"] == "account_summary.new_balance_is_the_sum"
    assert failing["output files are there"].endswith("customer_profile.csv is not as the last build wrote it")
    assert failing["every table is what a full refresh makes"] == "account_summary"
    assert failing["nothing in the marts is unexplained"] == "main_marts.account_summary: 1 unexplained"
