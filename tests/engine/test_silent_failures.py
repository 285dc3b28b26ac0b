"""Cases that the pipeline before this one got wrong with all its tests green."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.conftest import LONG, Lending

pytestmark = pytest.mark.parametrize("backend", LONG)

ANN, BEN = ("1", "Ann", "No"), ("2", "Ben", "Yes")


def test_an_account_that_turns_from_savings_to_checking_leaves_the_marts(lending: Lending) -> None:
    stays = ("B", "2", "100", "Savings")
    lending.load([ANN, BEN], [("A", "1", "5000", "Savings"), stays])
    assert lending.rows("account_summary", "account_id") == ["A", "B"]
    lending.load(accounts=[("A", "1", "5000", "Checking"), stays])
    assert lending.rows("account_summary", "account_id") == ["B"]
    assert lending.rows("customer_profile", "customer_id") == [2]
    assert lending.rows("int_account_with_customer", "account_type") == ["checking", "savings"]


def test_a_deleted_account_leaves_the_marts_and_stays_in_history(lending: Lending) -> None:
    stays = ("B", "2", "100", "Savings")
    lending.load([ANN, BEN], [("A", "1", "5000", "Savings"), stays])
    run = lending.load(accounts=[stays])
    assert lending.rows("account_summary", "account_id") == ["B"]
    assert lending.rows("snap_account", "account_id", "dbt_valid_to") == [("A", run.run_at), ("B", None)]


def test_a_deleted_customer_leaves_the_marts_and_the_account_is_named(lending: Lending) -> None:
    lending.load([ANN, BEN], [("A", "1", "5000", "Savings"), ("B", "2", "100", "Savings")])
    lending.load([BEN])
    assert lending.rows("customer_profile", "customer_id") == [2]
    assert lending.rows("int_account_without_customer", "account_id", "customer_id") == [("A", 1)]


def test_a_loan_flag_flipped_alone_reaches_the_interest(lending: Lending) -> None:
    account = [("A", "1", "9500.00", "Savings")]
    lending.load([ANN, BEN], account)
    assert lending.rows("account_summary", "annual_interest_amount") == [Decimal("95.00")]
    lending.load([("1", "Ann", "Yes"), BEN])
    assert lending.rows("account_summary", "annual_interest_amount") == [Decimal("142.50")]
    assert lending.rows("customer_profile", "has_loan_flag") == [True]


def test_one_changed_balance_of_two_sums_both(lending: Lending) -> None:
    other = ("B", "1", "35000.00", "Savings")
    lending.load([ANN], [("A", "1", "1000.00", "Savings"), other])
    lending.load(accounts=[("A", "1", "1500.00", "Savings"), other])
    totals = lending.rows("customer_profile", "total_accounts_count", "total_balance_amount")
    assert totals == [(2, Decimal("36500.00"))]


def test_an_account_that_is_refused_is_held_not_deleted(lending: Lending) -> None:
    lending.load([ANN], [("A", "1", "1000.00", "Savings")])
    run = lending.load(accounts=[("A", "1", "1,000.00", "Savings")])
    assert lending.rows("account_summary", "original_balance_amount") == [Decimal("1000.00")]
    assert lending.rows("snap_account", "dbt_valid_to") == [None]
    assert [row["held_count"] for row in run.ledger] == [1, 0]


def test_an_unchanged_row_gets_no_new_version(lending: Lending) -> None:
    lending.load([ANN, BEN], [("A", "1", "1000.00", "Savings")])
    lending.load([ANN, ("2", "Benjamin", "Yes")], [("A", "1", "1000.0", "savings")])
    assert lending.rows("snap_account", "account_id") == ["A"]
    assert lending.rows("snap_customer", "customer_id") == [1, 2, 2]


def test_a_key_that_comes_back_leaves_the_gap_visible(lending: Lending) -> None:
    both, one = [("A", "1", "10", "Savings"), ("B", "1", "20", "Savings")], [("B", "1", "20", "Savings")]
    first = lending.load([ANN], both)
    gone = lending.load(accounts=one)
    back = lending.load(accounts=both)
    spans = lending.rows("snap_account", "account_id", "dbt_valid_from", "dbt_valid_to")
    assert spans[:2] == [("A", first.run_at, gone.run_at), ("A", back.run_at, None)]


def test_a_row_that_waited_in_quarantine_does_not_rewrite_the_past(lending: Lending) -> None:
    """Its loaded_at is older than the run that accepts it; what that earlier run published stays true."""
    first = lending.load([("1", "Ann", "No")], [("A", "1", "10", "Savings")])
    second = lending.load([("1", "Ann", "No"), ("1", "Anna", "No")])
    third = lending.load([("1", "Anna", "No")])
    assert lending.rows("snap_customer", "customer_name", "dbt_valid_from", "dbt_updated_at") == [
        ("ann", first.run_at, first.run_at),
        ("anna", third.run_at, second.run_at),
    ]
