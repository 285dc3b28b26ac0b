"""One row that cannot be right holds up nobody: it is in quarantine, and all others are published."""

from __future__ import annotations

from decimal import Decimal

import pytest

import lc_ibis
from lc_ibis.errors import ChecksFailed
from tests.conftest import ALICE, SAVINGS, WIDELY, Lending, change_rules

LIMIT = "999999999999.99"


@pytest.mark.parametrize("backend", WIDELY)
def test_a_balance_that_marts_cannot_hold_is_refused_alone(lending: Lending) -> None:
    lending.load([ALICE], [SAVINGS, ("A2", "1", "9999999999999999.99", "Savings"), ("A3", "1", LIMIT, "Savings")])
    [row] = lending.rows("quarantine_stg_account")
    assert row["failure_reason"] == f"balance is more than {LIMIT}: '9999999999999999.99'"
    assert [str(a) for a in lending.rows("account_summary", "new_balance_amount")] == ["5075.00", "1024999999999.99"]


def test_the_sums_of_ten_thousand_largest_balances_are_held_and_more_name_the_customer(lending: Lending) -> None:
    accounts = [(f"B{n}", "1", LIMIT, "Savings") for n in range(10_001)]
    lending.load([ALICE, ("2", "Bob", "No")], [*accounts[:-1], ("A1", "2", "1", "Savings")])
    balances = lending.rows("customer_profile", "total_balance_amount")
    assert [Decimal(b) for b in balances] == [10_000 * Decimal(LIMIT), Decimal(1)]
    with pytest.raises(
        ChecksFailed,
        match="customer_profile: 1 row fails not_null_total_balance_amount, by customer_id, total_balance_amount: 1 null",
    ):
        lending.load(accounts=accounts)


@pytest.mark.parametrize("backend", WIDELY)
def test_numbers_at_the_ends_of_an_id_are_kept(lending: Lending) -> None:
    ends = [(str(2**63 - 1), "Ann", "yes"), (str(-(2**63)), "Ben", "no")]
    lending.load(ends, [("A1", ends[0][0], "1", "Savings"), ("A2", ends[1][0], "2", "Savings")])
    assert lending.rows("customer_profile", "customer_id") == [-(2**63), 2**63 - 1]
    assert {result.status for result in lc_ibis.verify(**lending.places())} == {"identical"}


@pytest.mark.parametrize("backend", WIDELY)
def test_a_key_with_what_cannot_be_seen_is_no_second_account(lending: Lending) -> None:
    lending.load([ALICE, ("2", "\u200b", "no")], [SAVINGS, ("\xa0A1", *SAVINGS[1:]), ("A2", "1", "1", "Savings\xa0")])
    assert [str(a) for a in lending.rows("customer_profile", "total_balance_amount")] == ["5000.00"]
    assert {row["received_id"]: row["failure_reason"] for row in lc_ibis.quarantine(**lending.places())} == {
        "\xa0A1": r"account_id holds \xa0, which cannot be seen: '\xa0A1'",
        "A2": r"account_type is neither savings nor checking: 'Savings\xa0'",
        "2": r"name is blank: '\u200b'",
    }


def test_a_key_that_was_taken_before_is_closed_and_stays_in_the_history(
    lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that was built when such keys were taken loses its second account, and no version."""
    with monkeypatch.context() as before:
        change_rules(before, _INVISIBLE=r"[^\x{0}-\x{10ffff}]")
        lending.load([ALICE], [SAVINGS, ("\xa0A1", *SAVINGS[1:])])
        assert [str(a) for a in lending.rows("customer_profile", "total_balance_amount")] == ["10000.00"]
    run = lending.build(full_refresh=True)
    assert [str(a) for a in lending.rows("customer_profile", "total_balance_amount")] == ["5000.00"]
    ended = {row["account_id"]: row["dbt_valid_to"] for row in lending.rows("snap_account")}
    assert ended == {"A1": None, "\xa0A1": run.run_at}
