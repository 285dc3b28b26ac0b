"""Why a value of an account differs: each cause returns its reason, None where it does not apply.

A cause applies where the received row proves our value, and the old one follows from what the old pipeline read, by the
same rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from lc_ibis.layers.marts import BASE_RATES, LOAN_SURCHARGE, TIERS
from lc_ibis.layers.staging import YES
from lc_ibis.migrations import row_causes
from lc_ibis.migrations.comparing import SPACE, Row, plain_key
from lc_ibis.migrations.facts import Facts

CENT = Decimal("0.01")


def white_space(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    is_same = plain_key(old["account_id"]) == new["account_id"]
    return "white space at its ends is taken away" if is_same else None


def held(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    is_accepted = len(facts.received.get(key, [])) > len(facts.refused.get(key, []))
    return row_causes.held(facts, key) if key in facts.current and not is_accepted else None


def balance_too_large(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    if old["original_balance_amount"] is not None:
        return None
    exact = next(_proving(facts, key, new), None)
    is_too_large = exact is not None and facts.old_balance_limit is not None and abs(exact) >= facts.old_balance_limit
    return f"{exact:f} did not fit the old type" if is_too_large else None


def balance_rounded_otherwise(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    before, now = old["original_balance_amount"], new["original_balance_amount"]
    for exact in _proving(facts, key, new) if before is not None else ():
        if abs(before - exact) < CENT:
            return f"{exact:f} rounds to {now}, half a cent away from zero; the old pipeline rounded otherwise"
    return None


def _proving(facts: Facts, key: Any, new: Row) -> Iterator[Decimal]:
    """Yield the received numbers that, in decimal, round to our balance."""
    for row in facts.received.get(key, []):
        exact = _decimal(row["balance"])
        if exact is not None and exact.quantize(CENT, ROUND_HALF_UP) == new["original_balance_amount"]:
            yield exact


def _decimal(text: str | None) -> Decimal | None:
    try:
        return Decimal((text or "").strip(SPACE))
    except InvalidOperation:
        return None


def loan_read_otherwise(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    loan = _loan(facts, key, old, new)
    return f"the old staging read HasLoan {loan.text!r} as {loan.old!r}" if loan and loan.differs else None


def rate_from_balance(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    loan = _loan(facts, key, old, new)
    return "follows from the balance" if loan and not loan.differs else None


@dataclass(frozen=True)
class _Loan:
    """What is received of a loan, what the old staging read, and whether that is something else than ours."""

    text: str | None
    old: Any
    differs: bool


def _loan(facts: Facts, key: Any, old: Row, new: Row) -> _Loan | None:
    """Return how the loan was read; None unless both rates are the rule's, each with what its pipeline read."""
    before, received = (found.get(new["customer_id"]) for found in (facts.old_customers, facts.received_customers))
    if key not in facts.current or not before or not received:
        return None
    text, theirs = received[0]["has_loan"], before[0].get("has_loan_flag")
    did = theirs if isinstance(theirs, bool) else str(theirs).lower() == "yes"
    does = (text or "").strip(SPACE).lower() in YES
    if old["original_balance_amount"] is None and not balance_too_large(facts, key, old, new):
        return None
    is_by_rule = all(
        row["interest_rate_pct"] == interest_rate(row["original_balance_amount"], has_loan)
        for row, has_loan in ((old, did), (new, does))
    )
    return _Loan(text, theirs, did != does) if is_by_rule else None


def interest_rate(balance: Decimal | None, has_loan: bool) -> Decimal:
    """Return the yearly rate, as the business has it; a balance that is null is below no limit, as in SQL."""
    low, middle, high = BASE_RATES
    base = high if balance is None else low if balance < TIERS[0] else middle if balance < TIERS[1] else high
    return base + (LOAN_SURCHARGE if has_loan else Decimal(0))


def interest_without_balance(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    if old["annual_interest_amount"] is not None or not _is_exact(new):
        return None
    return "follows from the balance" if balance_too_large(facts, key, old, new) else None


def interest_from_balance_and_rate(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    exact = _interest(old)
    if exact is None or not _is_exact(new):
        return None
    follows = old["annual_interest_amount"] == exact.quantize(CENT, ROUND_HALF_UP)
    return "follows from balance and rate" if follows else None


def interest_rounded_otherwise(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    interest, exact = old["annual_interest_amount"], _interest(old)
    if interest is None or exact is None or abs(interest - exact) >= CENT or not _is_exact(new):
        return None
    return f"{_interest(new):f} rounds to {new['annual_interest_amount']}; the old pipeline rounded otherwise"


def _interest(row: Row) -> Decimal | None:
    """Return a year's interest by balance and rate, not rounded."""
    balance, rate = row["original_balance_amount"], row["interest_rate_pct"]
    return None if balance is None or rate is None else balance * rate


def _is_exact(new: Row) -> bool:
    exact = _interest(new)
    return exact is not None and new["annual_interest_amount"] == exact.quantize(CENT, ROUND_HALF_UP)


def sum_of_balance_and_interest(facts: Facts, key: Any, old: Row, new: Row) -> str | None:
    is_sum = all(row["new_balance_amount"] == _sum(row) for row in (old, new))
    return "follows from balance and interest" if is_sum else None


def _sum(row: Row) -> Decimal | None:
    parts = row["original_balance_amount"], row["annual_interest_amount"]
    return None if None in parts else parts[0] + parts[1]
