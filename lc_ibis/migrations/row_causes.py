"""Why only one of both sides has the row of an account: each cause returns its reason, None where it does not apply."""

from __future__ import annotations

from typing import Any

from lc_ibis.migrations.comparing import Row
from lc_ibis.migrations.facts import Facts

# By whether the old history has a version open: why the old mart has a row of a key that is gone.
_GONE = {
    True: "dbt leaves its version open, here it is closed",
    False: "dbt closed its version, and the old mart kept the row",
}


def refused(facts: Facts, key: Any) -> str | None:
    if key not in facts.refused:
        return None
    return "; ".join(sorted({f"refused: {row['failure_reason']}" for row in facts.refused[key]}))


def customer_refused(facts: Facts, key: Any) -> str | None:
    owner = _missing_owner(facts, key)
    if owner is None or owner not in facts.refused_customers:
        return None
    return f"its customer {owner} is refused: {facts.refused_customers[owner][0]['failure_reason']}"


def customer_not_received(facts: Facts, key: Any) -> str | None:
    owner = _missing_owner(facts, key)
    if owner is None or owner in facts.received_customers or owner not in facts.old_customer_is_open:
        return None
    return f"no received row has its customer {owner} any more; {_GONE[facts.old_customer_is_open[owner]]}"


def not_received(facts: Facts, key: Any) -> str | None:
    is_known = any(key in known for known in (facts.alone, facts.current, facts.received))
    if is_known or key not in facts.old_is_open:
        return None
    return f"no received row has it any more; {_GONE[facts.old_is_open[key]]}"


def no_savings_account(facts: Facts, key: Any) -> str | None:
    now = _joined(facts, key)
    return f"its type is {now['account_type']}" if now and now["account_type"] != "savings" else None


def customer_came_twice(facts: Facts, key: Any) -> str | None:
    now = _joined(facts, key)
    refusals = facts.refused_customers.get(now["customer_id"], []) if now else []
    if not now or not any("comes more than once" in row["failure_reason"] for row in refusals):
        return None
    return f"its customer {now['customer_id']} came more than once, and the old join took each of its rows"


def _missing_owner(facts: Facts, key: Any) -> int | None:
    """Return the customer that a current account names and does not have."""
    return facts.alone[key][0]["customer_id"] if key in facts.alone else None


def _joined(facts: Facts, key: Any) -> Row | None:
    """Return the current version of an account that has its customer."""
    return facts.current[key][0] if key in facts.current and key not in facts.alone else None


def held(facts: Facts, key: Any) -> str | None:
    if key not in facts.refused:
        return None
    return f"held: its row is refused ({facts.refused[key][0]['failure_reason']}), its last good version stays"


def not_staged(facts: Facts, key: Any) -> str | None:
    is_missing = facts.old_accounts and key not in facts.old_accounts
    return "the old staging has no row of it" if is_missing else None


def balance_not_read(facts: Facts, key: Any) -> str | None:
    before = _staged(facts, key)
    if before is None or before.get("balance_amount") is not None:
        return None
    return f"the old staging could not read its balance {_texts(facts, key, 'balance')}"


def type_read_otherwise(facts: Facts, key: Any) -> str | None:
    before = _staged(facts, key)
    if before is None or str(before.get("account_type")).lower() == "savings":
        return None
    return f"the old staging did not take its type {_texts(facts, key, 'account_type')} for savings"


def other_type_in_history(facts: Facts, key: Any) -> str | None:
    type_ = facts.old_types.get(key, "savings")
    if _staged(facts, key) is None or type_ == "savings":
        return None
    return f"the old history has its type as {type_!r}, which its mart does not take for savings"


def customer_not_staged(facts: Facts, key: Any) -> str | None:
    owner = facts.current[key][0]["customer_id"]
    if _staged(facts, key) is None or not facts.old_customers or owner in facts.old_customers:
        return None
    return f"the old staging has no customer {owner}"


def _staged(facts: Facts, key: Any) -> Row | None:
    return facts.old_accounts[key][0] if key in facts.old_accounts else None


def _texts(facts: Facts, key: Any, column: str) -> str:
    return ", ".join(sorted({repr(row[column]) for row in facts.received.get(key, [])}))
