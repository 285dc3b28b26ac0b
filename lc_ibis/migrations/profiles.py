"""Why a row of the old customer_profile is not ours: from the differences of the customer's accounts, added up."""

from __future__ import annotations

from typing import Any

from lc_ibis.layers.staging import YES
from lc_ibis.migrations.comparing import SPACE, Explain, Pair
from lc_ibis.migrations.facts import Facts

_TOTALS = {"total_balance_amount": "original_balance_amount", "total_annual_interest_amount": "annual_interest_amount"}


def profiles(facts: Facts, accounts: list[Pair], unexplained: set[str]) -> Explain:
    """Return who explains the rows of the old customer_profile.

    `accounts` are the pairs of account_summary that differ, `unexplained` the numbers of those that nobody explains.
    """

    def explain(pair: Pair, column: str | None) -> str | None:
        own = [a for a in accounts if pair.key in _owners(a)]
        if any(str(a.key) in unexplained for a in own):
            return None
        if column is None:
            return _whole(facts, pair, own)
        if column == "customer_name":
            was, is_ = pair.old[column], pair.new[column]  # type: ignore[index]
            return "names are stripped and lowered" if was and was.strip(SPACE).lower() == is_ else None
        if column == "has_loan_flag":
            return _loan(facts, pair)
        difference = pair.new[column] - pair.old[column]  # type: ignore[index]
        if own and difference == _added(own, column):
            return f"follows from {', '.join(sorted({str(a.key) for a in own}))}"
        return None

    return explain


def _owners(pair: Pair) -> set[Any]:
    return {row["customer_id"] for row in (pair.old, pair.new) if row}


def _added(own: list[Pair], column: str) -> Any:
    """Return by how much the differences of a customer's accounts change one of its totals."""
    if column == "total_accounts_count":
        return sum(bool(a.new) - bool(a.old) for a in own)
    name = _TOTALS.get(column)
    if name is None:
        return None
    return sum((a.new[name] if a.new else 0) - (a.old[name] if a.old else 0) for a in own)


def _whole(facts: Facts, pair: Pair, own: list[Pair]) -> str | None:
    """A customer is gone or has come where all of its accounts have: its totals are theirs."""
    if pair.key in facts.refused_customers and pair.new is None:
        return f"refused: {facts.refused_customers[pair.key][0]['failure_reason']}"
    row = pair.old or pair.new
    assert row
    sign = -1 if pair.new is None else 1
    follows = own and all(_added(own, name) == sign * row[name] for name in ("total_accounts_count", *_TOTALS))
    return f"follows from {', '.join(sorted({str(a.key) for a in own}))}" if follows else None


def _loan(facts: Facts, pair: Pair) -> str | None:
    assert pair.old
    assert pair.new
    received, before = facts.received_customers.get(pair.key), facts.old_customers.get(pair.key)
    if not received or not before:
        return None
    does = (received[0]["has_loan"] or "").strip(SPACE).lower() in YES
    if pair.new["has_loan_flag"] != does or before[0].get("has_loan_flag") != pair.old["has_loan_flag"]:
        return None
    return f"the old staging read HasLoan {received[0]['has_loan']!r} as {pair.old['has_loan_flag']!r}"
