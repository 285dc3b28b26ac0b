"""Why a row of an old mart is not ours, or one of its values: from what was received and refused, never by guess.

The causes are tried in order, and the first that applies is the reason. What follows from nothing that is known stays
unexplained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from lc_ibis.migrations import row_causes as row
from lc_ibis.migrations import value_causes as value
from lc_ibis.migrations.comparing import Explain, Pair, Row
from lc_ibis.migrations.facts import Facts

RowCause = Callable[[Facts, Any], str | None]
ValueCause = Callable[[Facts, Any, Row, Row], str | None]

# Why only the old mart has the row of an account.
GONE: tuple[RowCause, ...] = (
    row.refused,
    row.customer_refused,
    row.customer_not_received,
    row.not_received,
    row.no_savings_account,
    row.customer_came_twice,
)
# Why only ours has the row of a current account.
COME: tuple[RowCause, ...] = (
    row.held,
    row.not_staged,
    row.balance_not_read,
    row.type_read_otherwise,
    row.other_type_in_history,
    row.customer_not_staged,
)
# Why both have the row, and not the same value.
VALUES: dict[str, tuple[ValueCause, ...]] = {
    "account_id": (value.white_space,),
    "customer_id": (value.held,),
    "original_balance_amount": (
        value.held,
        value.balance_too_large,
        value.balance_rounded_otherwise,
    ),
    "interest_rate_pct": (
        value.held,
        value.loan_read_otherwise,
        value.rate_from_balance,
    ),
    "annual_interest_amount": (
        value.held,
        value.interest_without_balance,
        value.interest_from_balance_and_rate,
        value.interest_rounded_otherwise,
    ),
    "new_balance_amount": (
        value.held,
        value.sum_of_balance_and_interest,
    ),
}


def accounts(facts: Facts) -> Explain:
    """Return who explains the rows of the old account_summary."""

    def explain(pair: Pair, column: str | None) -> str | None:
        key = pair.key
        if pair.new is None:
            return _first(cause(facts, key) for cause in GONE)
        if pair.old is None:
            return _first(cause(facts, key) for cause in COME) if key in facts.current else None
        assert column
        return _first(cause(facts, key, pair.old, pair.new) for cause in VALUES[column])

    return explain


def _first(reasons: Iterable[str | None]) -> str | None:
    return next((reason for reason in reasons if reason is not None), None)
